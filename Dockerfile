# The service, without what only training needs. Build: docker build -t dlrs .
FROM python:3.12-slim AS built
WORKDIR /source
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src ./src
RUN python -m venv /opt/dlrs \
    && /opt/dlrs/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt '.[serve,postgres]'

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/dlrs dlrs \
    && mkdir -p /var/lib/dlrs/bundles /var/lib/dlrs/service \
    && chown -R dlrs:dlrs /var/lib/dlrs
COPY --from=built /opt/dlrs /opt/dlrs
ENV PATH=/opt/dlrs/bin:$PATH PYTHONUNBUFFERED=1
USER dlrs
WORKDIR /var/lib/dlrs
VOLUME ["/var/lib/dlrs/service"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --retries=6 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
ENTRYPOINT ["dlrs"]
CMD ["serve", "bundles", "--state", "service", "--host", "0.0.0.0", "--port", "8000"]
