"""Folders that are whole or not there: every output of dlrs, and the published bundle among them.

A folder is written under a temporary name beside its place, synced, given a manifest with the
SHA-256 of each file, and renamed. A reader therefore sees all of it or none of it. A *bundle* is
one published version of everything that serving needs; it is named by the hash of its content,
and the file CURRENT in the registry names the one to serve.

    registry/
    ├── CURRENT                 names one of the bundles; replaced atomically
    ├── 3f0c9a1be2d4/           a bundle: manifest.json and the files that it lists
    └── …

This module knows bytes only: no networks, no features.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlrs import __version__
from dlrs.errors import ArtifactError

MANIFEST = "manifest.json"
CURRENT = "CURRENT"
FORMAT = 1
PARTIAL = ".partial"

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
    """Give a temporary folder to fill; on success it becomes `path`, on any error it vanishes.

    An earlier folder of the same kind at `path` is replaced; anything else there is never touched.
    What a killed writer left half-written beside it is removed. `facts` may be filled until the end
    of the block.

    Raises:
        ArtifactError: something else is at `path`.
    """
    path = path.absolute()
    _require_replaceable(path, kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    prefix = f".{path.name}.{os.getpid()}."
    temporary = Path(tempfile.mkdtemp(prefix=prefix, suffix=PARTIAL, dir=path.parent))
    try:
        yield temporary
        _write_manifest(temporary, kind, facts)
        _replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def open_folder(path: Path, kind: str) -> Folder:
    """Open a folder that dlrs wrote, checking its kind and that no file is missing or cut short.

    Raises:
        ArtifactError: there is none, it is of another kind or format, or a file has another size.
    """
    manifest = _read_manifest(path)
    if manifest["kind"] != kind:
        raise ArtifactError(f"{path}: expected a folder of kind '{kind}', received '{manifest['kind']}'.")
    for name, (size, _) in manifest["files"].items():
        file = path / name
        if not file.is_file() or file.stat().st_size != size:
            raise ArtifactError(f"{file}: expected {size} bytes, received another size or no file.")
    return Folder(path, kind, manifest["facts"])


def publish(registry: Path, content: Path, *, facts: dict[str, Any]) -> Folder:
    """Copy the files of the folder `content` into the registry as a bundle and make it current."""
    with tempfile.TemporaryDirectory(prefix=".publish.", dir=_made(registry)) as staging:
        staged = Path(staging) / "bundle"
        shutil.copytree(content, staged, ignore=shutil.ignore_patterns(MANIFEST))
        name = _content_hash(staged, facts)
        target = registry / name
        if not target.exists():
            with writing(target, "bundle", facts={**facts, "bundle_id": name}) as folder:
                shutil.copytree(staged, folder, dirs_exist_ok=True)
    bundle = open_folder(target, "bundle")
    bundle.verify()
    make_current(registry, name)
    return bundle


def make_current(registry: Path, name: str) -> None:
    """Point CURRENT at a bundle of the registry: the way to publish and to roll back."""
    open_folder(registry / name, "bundle")
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


def write_text(file: Path, text: str) -> None:
    """Write or replace one file: whoever reads it sees the old text or the new one, whole."""
    temporary = file.with_name(f".{file.name}{PARTIAL}")
    temporary.write_text(text, encoding="utf-8")
    sync(temporary)
    temporary.rename(file)
    sync(file.parent)


def _require_replaceable(path: Path, kind: str) -> None:
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    try:
        found = _read_manifest(path)["kind"]
    except (ArtifactError, KeyError, TypeError, AttributeError):
        found = None
    if found != kind:
        received = f"a folder of kind '{found}'" if found else "something that dlrs did not write"
        raise ArtifactError(
            f"{path}: expected a new place or an older folder of kind '{kind}', received {received}. "
            "It was left as it is; choose another --out."
        )


def _remove_abandoned(path: Path) -> None:
    """Remove temporary folders for `path` whose writer no longer runs."""
    for folder in path.parent.glob(f".{path.name}.*{PARTIAL}"):
        writer = folder.name.removeprefix(f".{path.name}.").split(".")[0]
        if writer.isdecimal() and not _runs(int(writer)):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, and running
    return True


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _read_manifest(path: Path) -> dict[str, Any]:
    file = path / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactError(
            f"{path}: expected a folder written by dlrs, received none ({MANIFEST} missing)."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{file}: expected JSON, received: {error}.") from error
    if manifest.get("format") != FORMAT:
        raise ArtifactError(
            f"{file}: expected format {FORMAT}, received {manifest.get('format')}. Write it anew."
        )
    return manifest


def _write_manifest(folder: Path, kind: str, facts: Facts) -> None:
    files = {str(f.relative_to(folder)): (f.stat().st_size, _sha256(f)) for f in _files(folder)}
    manifest = {"format": FORMAT, "kind": kind, "dlrs": __version__, "facts": dict(facts), "files": files}
    for file in _files(folder):
        sync(file)
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1, default=str))


def _replace(new: Path, path: Path) -> None:
    """Rename `new` to `path`. A folder cannot be renamed over a full one, so that one steps aside."""
    new.chmod(0o755)
    if not path.exists():
        new.rename(path)
    else:
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
        path.rename(aside / path.name)
        new.rename(path)
        shutil.rmtree(aside)
    sync(path.parent)


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.is_file())


def _content_hash(folder: Path, facts: Facts) -> str:
    digest = hashlib.sha256(json.dumps(dict(facts), sort_keys=True, default=str).encode())
    for file in _files(folder):
        digest.update(f"{file.relative_to(folder)} {_sha256(file)}\n".encode())
    return digest.hexdigest()[:12]


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
