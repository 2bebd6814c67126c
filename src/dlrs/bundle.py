"""Folders that are whole or not there: every output of dlrs, and the published bundle among them.

A folder is written under a hidden name beside its place, synced, given a manifest with the SHA-256
of each file, and takes its place (`atomic`). A reader therefore sees all of it or none of it, and
where an older one stood, the older or the newer one. A *bundle* is one published version of
everything that serving needs; it is named by the hash of its content, and the file CURRENT in the
registry names the one to serve.

    registry/
    ├── CURRENT                 names one of the bundles; replaced atomically
    ├── 3f0c9a1be2d4/           a bundle: manifest.json and the files that it lists
    └── …

This module knows bytes only: no networks, no features.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlrs import __version__
from dlrs.atomic import hidden_folder, put_back, sync, take_place, write_text
from dlrs.errors import ArtifactError

MANIFEST = "manifest.json"
CURRENT = "CURRENT"
FORMAT = 1
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None)  # numpy says "0 written" without a number

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Folder:
    """A whole folder: where it is and what its manifest says."""

    path: Path
    kind: str
    facts: Facts

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def verify(self) -> None:
        """Compare every file with its checksum.

        Raises:
            ArtifactError: a file is missing or differs.
        """
        for name, (size, digest) in _read_manifest(self.path)["files"].items():
            file = self.path / name
            if not file.is_file():
                raise ArtifactError(f"{file}: listed in the manifest, but missing. Write the folder anew.")
            if file.stat().st_size != size or _sha256(file) != digest:
                raise ArtifactError(
                    f"{file}: expected {size} bytes with SHA-256 {digest[:12]}…, received others. "
                    "The file was changed or damaged after it was written; write the folder anew."
                )


@contextmanager
def writing(path: Path, kind: str, *, facts: dict[str, Any]) -> Iterator[Path]:
    """Give a hidden folder to fill; on success it becomes `path`, on any error it vanishes.

    An earlier folder of the same kind at `path` is replaced; anything else there is never touched.
    What a killed writer left half-written beside it is removed. `facts` may be filled until the end
    of the block.

    Raises:
        ArtifactError: something else is at `path`, another process is writing there, or the disk is full.
    """
    path = path.resolve()  # a link to a folder stays, and the folder that it names is replaced
    with writable(path):
        put_back(path, _is_whole)
        _require_replaceable(path, kind)
        with hidden_folder(path) as folder:
            yield folder
            _write_manifest(folder, kind, facts)
            _require_replaceable(path, kind)  # whatever came there in the meantime
            take_place(folder, path)


def open_folder(path: Path, kind: str) -> Folder:
    """Open a folder that dlrs wrote, checking its kind and that no file is missing or cut short.

    Raises:
        ArtifactError: there is none, it is of another kind or format, or a file has another size.
    """
    with suppress(OSError):  # a reader that may not write finds what there is
        put_back(path, _is_whole)
    folder = _opened(path)
    if folder.kind != kind:
        raise ArtifactError(f"{path}: expected a folder of kind '{kind}', received '{folder.kind}'.")
    return folder


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Turn what the system says when `path` cannot be written into an error that says how to mend it."""
    try:
        yield
    except OSError as error:
        mend = "Choose another place, or change what is in the way"
        if error.errno in FULL:
            free = shutil.disk_usage(_nearest(path)).free / 1e6
            mend = f"{free:,.0f} MB are free there: make room, or choose another place"
        raise ArtifactError(
            f"{path}: expected to write it, received: {error}. {mend}; then run the same again. "
            "What stood there before is as it was."
        ) from error


def publish(registry: Path, content: Path, *, facts: dict[str, Any]) -> Folder:
    """Move the files of the folder `content` into the registry as a bundle, and make it current."""
    bundle = enter(registry, content, facts=facts)
    make_current(registry, bundle.path.name)
    return bundle


def enter(registry: Path, content: Path, *, facts: dict[str, Any]) -> Folder:
    """Move the files of the folder `content` into the registry as a bundle, and verify it; CURRENT stays."""
    name = _content_hash(content, facts)
    target = registry / name
    if not _is_sound(target):
        with writing(target, "bundle", facts={**facts, "bundle_id": name}) as folder:
            for part in content.iterdir():
                if part.name != MANIFEST:
                    shutil.move(part, folder / part.name)
    bundle = open_folder(target, "bundle")
    bundle.verify()
    return bundle


def make_current(registry: Path, name: str) -> None:
    """Point CURRENT at a bundle of the registry: the way to publish and to roll back."""
    open_folder(registry / name, "bundle")
    with writable(registry / CURRENT):
        write_text(registry / CURRENT, name + "\n")


def current_bundle(registry: Path) -> Folder:
    """Open the bundle that CURRENT names.

    Raises:
        ArtifactError: nothing was published there yet, or the bundle is damaged.
    """
    pointer = registry / CURRENT
    if not pointer.is_file():
        raise ArtifactError(
            f"{registry}: expected a registry with a published bundle, received none. Run: dlrs publish"
        )
    return open_folder(registry / pointer.read_text(encoding="utf-8").strip(), "bundle")


def bundle_at(place: str) -> Folder:
    """Open the bundle that a command names: REGISTRY (its current one), REGISTRY@NAME, or its own folder.

    Raises:
        ArtifactError: there is none, or it is damaged.
    """
    registry, _, name = place.rpartition("@")
    if registry and not Path(place).exists():
        return open_folder(Path(registry) / name, "bundle")
    if (Path(place) / MANIFEST).is_file():
        return open_folder(Path(place), "bundle")
    return current_bundle(Path(place))


def _require_replaceable(path: Path, kind: str) -> None:
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    try:
        found = _read_manifest(path)["kind"]
    except ArtifactError:
        found = None
    if found != kind:
        received = f"a folder of kind '{found}'" if found else "something that dlrs did not write"
        raise ArtifactError(
            f"{path}: expected a new place or an older folder of kind '{kind}', received {received}. "
            "It was left as it is; choose another place, or delete it."
        )


def _opened(path: Path) -> Folder:
    manifest = _read_manifest(path)
    for name, (size, _) in manifest["files"].items():
        file = path / name
        if not file.is_file() or file.stat().st_size != size:
            raise ArtifactError(
                f"{file}: expected {size} bytes, received another size or no file. Write {path} anew."
            )
    return Folder(path, manifest["kind"], manifest["facts"])


def _is_whole(path: Path) -> bool:
    try:
        _opened(path)
    except ArtifactError:
        return False
    return True


def _is_sound(path: Path) -> bool:
    try:
        _opened(path).verify()
    except ArtifactError:
        return False
    return True


def _nearest(path: Path) -> Path:
    """Return the path itself, or the nearest folder above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())


def _read_manifest(path: Path) -> dict[str, Any]:
    file = path / MANIFEST
    try:
        manifest: Any = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactError(
            f"{path}: expected a folder written by dlrs, received none ({MANIFEST} missing)."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{file}: expected JSON, received: {error}. Write {path} anew.") from error
    whole = isinstance(manifest, dict) and {"format", "kind", "facts", "files"} <= manifest.keys()
    if not whole or manifest["format"] != FORMAT:
        received = manifest["format"] if whole else "another JSON"
        raise ArtifactError(
            f"{file}: expected a manifest of format {FORMAT}, received {received}. Write {path} anew."
        )
    return dict(manifest)


def _write_manifest(folder: Path, kind: str, facts: Facts) -> None:
    files = {str(f.relative_to(folder)): (f.stat().st_size, _sha256(f)) for f in _files(folder)}
    manifest = {"format": FORMAT, "kind": kind, "dlrs": __version__, "facts": dict(facts), "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, default=str), encoding="utf-8")
    folder.chmod(0o755)
    for path in (folder, *folder.rglob("*")):
        sync(path)


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.is_file())


def _content_hash(folder: Path, facts: Facts) -> str:
    digest = hashlib.sha256(json.dumps(dict(facts), sort_keys=True, default=str).encode())
    for file in _files(folder):
        if file == folder / MANIFEST:
            continue
        digest.update(f"{file.relative_to(folder)} {_sha256(file)}\n".encode())
    return digest.hexdigest()[:12]


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
