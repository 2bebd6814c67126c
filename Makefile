# make demo    install, then simulate a marketplace and run the whole path on it
# make test    install, then every test
# make check   install, then lint, types and the import contract
# make bench   install, then the timings that benchmarks/results/ keeps

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
DEMO ?=
TEST ?=
READY = .venv/.ready

.PHONY: demo test check bench clean

demo: $(READY)
	.venv/bin/dlrs demo $(DEMO)

test: $(READY)
	.venv/bin/pytest $(TEST)

check: $(READY)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: $(READY)
	.venv/bin/python benchmarks/training_speed.py
	.venv/bin/python benchmarks/evaluation_speed.py

# torch stands alone in its line: asked for together with others, pip may choose another build of it
$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "dlrs needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

clean:
	rm -rf .venv demo runs .mypy_cache .ruff_cache .pytest_cache .hypothesis
