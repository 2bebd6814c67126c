"""Settings of a service, as `dlrs serve` takes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
    clock_offset: float = 0.0  # seconds added to the clock: for logs of the past (`--as-of`)
    keys: Path | None = None  # JSON file of API keys and their scopes
    largest_body: int = 2_000_000  # bytes
    decisions: int = 100_000  # kept for replay; 0: none
