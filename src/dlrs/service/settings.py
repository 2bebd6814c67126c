"""Settings of a service, as `dlrs serve` takes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dlrs.bundle import CURRENT
from dlrs.candidates.live.live_index import FOLD_AT
from dlrs.errors import RequestError
from dlrs.folders import RunFolder

DATABASE = "service.db"  # in the state folder, unless another is named

Part = Literal["ranking", "candidates", "profiles"]


@dataclass(frozen=True)
class Settings:
    """Where everything is and how much of it there may be."""

    registry: Path  # of bundles; its current one is served
    state: Path  # folder that the service owns: database, live indexes, cached lists
    database: str | None = None  # SQLAlchemy URL; None: a SQLite file in `state`
    only: Part | None = None  # None: all three services in this process
    candidates_url: str | None = None
    profiles_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    count: int | None = None  # T; None: the recipe's
    deadline: float = 0.25  # seconds in which a list must be there, degraded if need be
    as_of: str | None = None  # what time it is for the service (`as_of.clock_offset`)
    clock_offset: float = 0.0  # seconds added to the clock; follows from as_of at the start
    keys: Path | None = None  # JSON file of API keys and their scopes
    services_key: str | None = None  # API key that this service shows to the others
    largest_body: int = 2_000_000  # bytes
    decisions: int = 100_000  # the newest, kept for replay; 0: none more than there are
    fold_at: int = FOLD_AT  # changes of items after which a live index gets a new snapshot

    def __post_init__(self) -> None:
        for option, value in (("candidates", self.candidates_url), ("profiles", self.profiles_url)):
            if value is not None:
                object.__setattr__(self, f"{option}_url", _address(f"--{option}-url", value, self.only))
        needed = {
            "ranking": {"candidates_url": self.candidates_url, "profiles_url": self.profiles_url},
            "profiles": {"candidates_url": self.candidates_url},
        }
        for name, url in needed.get(self.only or "", {}).items():
            if url is None:
                option = "--" + name.replace("_", "-")
                raise RequestError(f"--only {self.only}: expected {option} URL, received none. Add it.")


def _address(option: str, url: str, only: Part | None) -> str:
    """Return where another service is, without a slash at the end."""
    if only is None or only == "candidates":
        raise RequestError(
            f"{option}: expected none, as that service runs in this process"
            if only is None
            else f"{option}: expected none with --only candidates, which asks nobody."
        )
    if not url.startswith(("http://", "https://")):
        raise RequestError(f"{option}: expected http://HOST:PORT, received '{url}'.")
    return url.rstrip("/")


def registry_of(place: Path) -> Path:
    """Return the registry that a command names: itself, or a run folder that has one.

    Raises:
        RequestError: it is neither.
    """
    for registry in (place, RunFolder(place).registry):
        if (registry / CURRENT).is_file():
            return registry.resolve()
    raise RequestError(
        f"{place}: expected a run folder or a registry with a published bundle, received neither. "
        "Run: dlrs demo, or dlrs publish"
    )


def database_url(given: str | None, state: Path) -> str:
    """Return the URL that was given, or else that of a SQLite file in the state folder."""
    return given or f"sqlite:///{state.resolve() / DATABASE}"
