"""Access: who may do what. API keys with scopes; without any, everybody reads and loopback writes.

Only SHA-256 digests of keys are kept: a key is 256 random bits, so that no salt or slow hash is needed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from fastapi import Depends, Request

from dlrs.atomic import write_text
from dlrs.errors import ArtifactError, DlrsError, RequestError
from dlrs.service.http.caller import credential, is_local

Scope = Literal["read", "events", "items", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
VARIABLE = "DLRS_API_KEYS"
log = logging.getLogger(__name__)

LOOK_AGAIN = 5.0  # seconds after which a changed file of keys is noticed


class Unauthorised(DlrsError):  # noqa: N818 - reads as what it is
    """No key came, or one that nobody was given."""


class Forbidden(DlrsError):  # noqa: N818 - reads as what it is
    """The caller may not do this."""


def needs(scope: Scope) -> Any:
    """Return the dependency of a route that only callers with this scope may use.

    The application says who they are: `app.state.access`, which `create_app` sets. Without one, as in a test
    of a single router, nobody is asked.
    """

    async def check(request: Request) -> None:  # a coroutine: a function would cost a change of threads
        access: Access | None = getattr(request.app.state, "access", None)
        if access is not None:
            access.check(request, scope)

    return Depends(check)


class Access(Protocol):
    """Decides on requests."""

    def check(self, request: Request, scope: Scope) -> None:
        """Return if the caller has the scope.

        Raises:
            Unauthorised, Forbidden: he has not.
        """
        ...

    def says(self) -> str:
        """Return who may do what, for the start."""
        ...


class Loopback:
    """No keys: everybody reads; only programs of this machine write.

    Behind a proxy every caller looks local, so whatever a proxy passed on does not count as local. A web page
    open in a browser of this machine could write, too: what a browser sends from another site does not count.
    """

    def check(self, request: Request, scope: Scope) -> None:
        """Refuse writes from elsewhere."""
        if scope != "read" and not is_local(request):
            raise Forbidden(
                f"scope '{scope}': without API keys only direct calls from this machine may write. "
                f"Make a key: dlrs keys new --scopes read,{scope} --to FILE, and serve with --keys FILE."
            )

    def says(self) -> str:
        """Return who may do what."""
        return "no API keys: everybody who reaches the port reads; only this machine writes"


@dataclass(frozen=True)
class Key:
    """A key that was given to somebody: its digest, and what it opens."""

    name: str
    digest: bytes
    scopes: frozenset[str]


class Keys:
    """API keys of a file, which is read again when it changes, or of the environment."""

    def __init__(self, keys: Iterable[Key], file: Path | None = None) -> None:
        self._keys, self._file = tuple(keys), file
        self._stamp, self._looked = _stamp(file), time.monotonic()

    def check(self, request: Request, scope: Scope) -> None:
        """Refuse callers without a key that has the scope."""
        self._look_again()
        given = credential(request)
        if given is None:
            raise Unauthorised(
                "expected an API key in 'Authorization: Bearer KEY' or 'X-API-Key: KEY', received none."
            )
        key = self._find(hashlib.sha256(given).digest())
        if key is None:
            raise Unauthorised("expected an API key of this service, received another.")
        if scope not in key.scopes and "admin" not in key.scopes:
            raise Forbidden(
                f"key '{key.name}': expected scope '{scope}', has {', '.join(sorted(key.scopes))}."
            )

    def says(self) -> str:
        """Return who may do what."""
        named = "; ".join(f"{key.name}: {', '.join(sorted(key.scopes))}" for key in self._keys)
        return f"{len(self._keys)} API keys ({named})"

    def _find(self, digest: bytes) -> Key | None:
        found = None
        for key in self._keys:  # all of them, whichever fits: the time tells nothing
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def _look_again(self) -> None:
        if self._file is None or time.monotonic() < self._looked + LOOK_AGAIN:
            return
        self._looked, stamp = time.monotonic(), _stamp(self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = tuple(_read(self._file))
        except DlrsError as error:  # no caller's fault: the keys of before stay until the file is right
            log.error("The API keys stay as they were: %s", error)


def open_access(file: Path | None, environment: Mapping[str, str] = os.environ) -> Access:
    """Return the access that a file of keys, or else the variable DLRS_API_KEYS with such JSON, describes.

    Raises:
        ArtifactError: it is not there, or cannot be understood.
    """
    if file is not None:
        return Keys(_read(file), file)
    if environment.get(VARIABLE):
        return Keys(_parse(environment[VARIABLE], VARIABLE))
    return Loopback()


def new_key(file: Path, scopes: Iterable[str], name: str | None = None) -> str:
    """Add a key to a file, which may be new, and return it: it stands nowhere else.

    Raises:
        RequestError: an unknown scope, or none.
        ArtifactError: the file cannot be understood.
    """
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= set(SCOPES):
        raise RequestError(f"scopes: expected some of {', '.join(SCOPES)}, received '{','.join(wanted)}'.")
    keys = json.loads(file.read_text(encoding="utf-8"))["keys"] if file.exists() and _read(file) else []
    key = "dlrs_" + secrets.token_urlsafe(32)
    keys.append(
        {
            "name": name or f"key-{len(keys) + 1}",
            "sha256": hashlib.sha256(key.encode()).hexdigest(),
            "scopes": wanted,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )
    write_text(file, json.dumps({"keys": keys}, indent=1) + "\n")
    file.chmod(0o600)
    return key


def _read(file: Path) -> list[Key]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ArtifactError(
            f"{file}: expected a file of API keys, received: {error.strerror}. Run: dlrs keys new --to {file}"
        ) from error
    return _parse(text, str(file))


def _parse(text: str, source: str) -> list[Key]:
    try:
        keys = [
            Key(str(key["name"]), bytes.fromhex(key["sha256"]), frozenset(key["scopes"]))
            for key in json.loads(text)["keys"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f'{source}: expected {{"keys": [{{"name", "sha256", "scopes"}}, …]}}, received something else '
            f"({error!r}). Make it with: dlrs keys new"
        ) from error
    for key in keys:
        if len(key.digest) != 32 or not key.scopes or not key.scopes <= set(SCOPES):
            raise ArtifactError(
                f"{source}, key '{key.name}': expected a SHA-256 and some of the scopes {', '.join(SCOPES)}, "
                f"received {len(key.digest)} bytes and {sorted(key.scopes)}."
            )
    return keys


def _stamp(file: Path | None) -> tuple[int, int] | None:
    try:
        facts = file.stat() if file else None
    except OSError:
        return None
    return None if facts is None else (facts.st_mtime_ns, facts.st_ino)
