"""Publications: which bundle of a registry followed which, when, and what its rehearsal said.

    registry/publications.json    one entry a publication, the newest last

An entry is written before CURRENT changes: killed in between, a publication has an entry and is not
current, and the next one goes on from what is. Going back follows what each bundle replaced, not the order of
time: after a rollback and a new publication, the way back leaves out what was taken back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlrs.atomic import write_text
from dlrs.bundle import CURRENT, MANIFEST, Facts, Folder, current_bundle, make_current, open_folder, writable
from dlrs.errors import ArtifactError

FILE = "publications.json"


@dataclass(frozen=True)
class Publication:
    """A bundle that became current, or was refused."""

    bundle: str
    time: str  # ISO 8601, UTC
    replaced: str | None  # the bundle that was current before
    refused: str | None = None  # why it did not become current
    rehearsal: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Listed:
    """A bundle of a registry; `publication` is the newest of it, None where it has none."""

    name: str
    facts: Facts
    current: bool
    publication: Publication | None


def publications(registry: Path) -> list[Publication]:
    """Return all publications, oldest first; none where an older dlrs published.

    Raises:
        ArtifactError: the file is damaged.
    """
    file = registry / FILE
    if not file.is_file():
        return []
    try:
        return [Publication(**entry) for entry in json.loads(file.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise ArtifactError(
            f"{file}: expected the publications of this registry, received: {error}. Remove the file; only "
            "what `dlrs rollback` knows of the order is lost."
        ) from error


def current_name(registry: Path) -> str | None:
    """Return the bundle that CURRENT names, be it there or not; None before the first publication."""
    pointer = registry / CURRENT
    return pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else None


def record(
    registry: Path, bundle: Folder, *, refused: str | None, rehearsal: Mapping[str, Any] | None
) -> None:
    """Add a publication that is about to make a bundle current, or was refused."""
    known, name = publications(registry), bundle.path.name
    before = current_name(registry)
    if before == name:  # published once more: what it replaced stays what it was
        before = next((entry.replaced for entry in reversed(known) if entry.bundle == name), None)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entries = [*known, Publication(name, now, before, refused, rehearsal)]
    with writable(registry / FILE):
        write_text(registry / FILE, json.dumps([asdict(entry) for entry in entries], indent=1) + "\n")


def rollback(registry: Path, to: str | None = None) -> Folder:
    """Make the bundle current that the current one replaced, or another of the registry; return it.

    The bundle is verified before; the current one need not be sound: it may be the reason to go back.

    Raises:
        ArtifactError: there is none before it, or the bundle is missing or damaged.
    """
    target = _replaced(registry) if to is None else _of_registry(registry, to)
    bundle = open_folder(registry / target, "bundle")
    bundle.verify()
    make_current(registry, target)
    return bundle


def bundles(registry: Path) -> list[Listed]:
    """Return the whole bundles of a registry, those published last first.

    Raises:
        ArtifactError: nothing was published there.
    """
    current = _named(registry)
    newest = {entry.bundle: entry for entry in publications(registry)}
    found = []
    for manifest in registry.glob(f"[!.]*/{MANIFEST}"):
        try:
            folder = open_folder(manifest.parent, "bundle")
        except ArtifactError:  # damaged, or no bundle: not to be chosen
            continue
        name = manifest.parent.name
        found.append(Listed(name, folder.facts, name == current, newest.get(name)))
    return sorted(found, key=lambda one: one.publication.time if one.publication else "", reverse=True)


def _replaced(registry: Path) -> str:
    current = _named(registry)
    newest = next(
        (e for e in reversed(publications(registry)) if e.bundle == current and not e.refused), None
    )
    if newest is None or newest.replaced is None:
        raise ArtifactError(
            f"{registry}: expected a bundle that '{current}' replaced, received none. Name one with --to; "
            "`dlrs bundles` lists them."
        )
    return newest.replaced


def _named(registry: Path) -> str:
    """Return the bundle that CURRENT names, damaged or not. ArtifactError before the first publication."""
    return current_name(registry) or current_bundle(registry).path.name


def _of_registry(registry: Path, name: str) -> str:
    """Return a name that is one; a path would lead out of the registry. ArtifactError."""
    if not name or name == ".." or Path(name).name != name:
        raise ArtifactError(
            f"{registry}: expected the name of a bundle, received '{name}'. `dlrs bundles` lists them."
        )
    return name
