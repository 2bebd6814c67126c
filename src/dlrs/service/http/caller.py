"""The caller of a request: the key that he shows, and whether he sits at this machine."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from urllib.parse import urlsplit

from fastapi import Request

PASSED_ON = ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host", "via")


def credential(request: Request) -> bytes | None:
    """Return the key that came along: as a bearer token, in X-API-Key, or as a browser's password."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip().encode()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    key = request.headers.get("x-api-key")
    return None if key is None else key.encode()


def is_local(request: Request) -> bool:
    """Say whether a program of this machine called, without a proxy, and no page of another site.

    The name in Host is looked at, too: a page may have its own name resolve to this machine.
    """
    headers = request.headers
    if request.client is None or not is_loopback(request.client.host):
        return False
    if any(name in headers for name in PASSED_ON) or not is_loopback(host_of("//" + headers.get("host", ""))):
        return False
    return "origin" not in headers or _without_scheme(headers["origin"]) == headers.get("host")


def host_of(url: str) -> str:
    """Return the name of the host in a URL; an empty one where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _without_scheme(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # as of "http://["
        return ""


def is_loopback(host: str) -> bool:
    """Say whether an address or a name is that of this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("10.0.0.7")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
