"""Ongoing: what a run that was killed had done, so that the next one goes on behind it.

While a run is on its way, a file beside its folders notes what it was given, as one hash of the recipe, of
the tables' bytes and of dlrs, and which folders it has made. A folder is used again if it is the very one
that was noted, and so is each before it. A run that ended removes the file: the next one does everything
anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Self

from dlrs import __version__, bundle
from dlrs.atomic import write_text
from dlrs.errors import ArtifactError
from dlrs.recipe import data_folder, read_recipe

NOTE = ".run.json"


class Ongoing:
    """A run on its way."""

    def __init__(self, note: Path, made_of: str | None, before: dict[str, str]) -> None:
        """Take what `of` found."""
        self._note, self._made_of, self._before = note, made_of, before
        self._made: dict[str, str | None] = {}

    @classmethod
    def of(cls, out: Path, recipe_file: Path) -> Self:
        """Begin a run into a folder, or go on with the one that was killed there."""
        note, made_of = out / NOTE, _inputs(recipe_file)
        return cls(note, made_of, _noted(note, made_of))

    def has(self, folder: Path, kind: str) -> bool:
        """Tell whether a folder was made by the run that was killed, and all that it was made of."""
        before = self._before.get(folder.name)
        if before is not None and before == _fingerprint(folder, kind):
            return True
        self._before = {}  # what follows was made of another one
        return False

    def made(self, folder: Path, kind: str) -> None:
        """Note that a folder is there."""
        self._made[folder.name] = _fingerprint(folder, kind)
        if self._made_of is not None:
            with bundle.writable(self._note):
                write_text(self._note, json.dumps({"of": self._made_of, "made": self._made}))

    def ended(self) -> None:
        """Leave nothing to go on from."""
        self._note.unlink(missing_ok=True)


def _inputs(recipe_file: Path) -> str | None:
    """Return the hash of all that is given; None where that cannot be told.

    Nobody sees whether a database is as it was, nor what SQL reads.
    """
    recipe = read_recipe(recipe_file)
    described = (recipe.marketplace.items, recipe.marketplace.events, recipe.marketplace.users)
    tables = [table for table in described if table is not None]
    files = [data_folder(recipe, recipe_file.parent) / table.table for table in tables]
    if recipe.sql is not None or any(table.database is not None for table in tables):
        return None
    if not all(file.is_file() for file in files):
        return None  # `prepare` says what is missing
    digest = hashlib.sha256((__version__ + recipe.model_dump_json()).encode())
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _noted(note: Path, made_of: str | None) -> dict[str, str]:
    """Return what a killed run of the same inputs noted as done: folder → fingerprint."""
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))
        return dict(noted["made"]) if made_of is not None and noted["of"] == made_of else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _fingerprint(folder: Path, kind: str) -> str | None:
    """Return the hash of a folder's manifest, which has the hash of each file; None if it is not whole."""
    try:
        bundle.open_folder(folder, kind)
    except ArtifactError:
        return None
    return hashlib.sha256((folder / bundle.MANIFEST).read_bytes()).hexdigest()
