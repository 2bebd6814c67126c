"""The submission: 500 tracks for each challenge playlist, written and checked as the organisers ask.

    team_info,TEAM,main,EMAIL
    PID,spotify:track:…,spotify:track:…, … (500 of them, best first)

Blank lines and lines that begin with # do not count, nor does space around a comma. A name that ends in .gz
is compressed, as the organisers want it. The later rerun knows neither main nor creative:
team_info,TEAM,EMAIL.

    U challenge playlists    K = 500 tracks
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, NoReturn

import pyarrow as pa

from dlrs.arrays import Ints
from dlrs.atomic import replacing
from dlrs.bundle import writable
from dlrs.errors import DataError
from dlrs.recsys2018.challenge import LIST, Challenge

TEAM_INFO = "team_info"
COMPETITIONS = ("main", "creative")
URI = re.compile(r"spotify:track:[0-9A-Za-z]+")


@dataclass(frozen=True)
class Team:
    """Who submits: a name and an address, and for the challenge of 2018 in which competition."""

    name: str
    contact: str
    competition: str | None = "main"

    def __post_init__(self) -> None:
        fields = (self.name, self.contact)
        if any(not field.strip() or set(field) & set(",\n\r") for field in fields):
            raise DataError(
                f"team: expected a name and an address without commas, received '{self.name}' and "
                f"'{self.contact}'."
            )

    def __str__(self) -> str:
        """Return the line that a submission begins with."""
        fields = (TEAM_INFO, self.name, self.competition, self.contact)
        return ",".join(field for field in fields if field is not None)


def write_submission(file: Path, team: Team, pid_U: Ints, lists: Iterable[Sequence[str]]) -> None:
    """Write the tracks of each playlist, or replace an older file, whole or not at all."""
    with writable(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as partial, _opened(partial, "wt", packed=file.suffix == ".gz") as out:
            out.write(f"{team}\n")
            for pid, uris in zip(pid_U.tolist(), lists, strict=True):
                out.write(",".join((str(pid), *uris)) + "\n")


def read_submission(file: Path, challenge: Challenge) -> pa.Array:
    """Check a submission and return its tracks, playlist by playlist in the challenge's order: (U · K,) URIs.

    Raises:
        DataError: it breaks a rule; the message names the line.
    """
    checker = _Checker(file, challenge)
    lists: dict[int, list[str]] = {}
    for number, fields in _lines(file):
        checker.line = number
        if not checker.introduced:
            checker.team(fields)
            continue
        pid = checker.pid(fields[0], lists)
        lists[pid] = checker.tracks(pid, fields[1:])
    checker.finish(lists)
    return pa.array([uri for pid in challenge.pid_U.tolist() for uri in lists[pid]], pa.string())


class _Checker:
    """The rules, and where the checking is."""

    def __init__(self, file: Path, challenge: Challenge) -> None:
        self.file, self.line, self.introduced = file, 0, False
        ends = challenge.playlists.offsets_U1.tolist()
        uris = challenge.seeds.to_pylist()
        pids = challenge.pid_U.tolist()
        self._seeds = {pid: set(uris[ends[u] : ends[u + 1]]) for u, pid in enumerate(pids)}

    def team(self, fields: list[str]) -> None:
        """Check the first line."""
        if fields[0] != TEAM_INFO:
            self._refuse(f"'{TEAM_INFO}' at the start of the first line", f"'{_short(fields[0])}'")
        if len(fields) not in (3, 4) or not all(fields):
            self._refuse(f"{TEAM_INFO},TEAM,main,EMAIL or {TEAM_INFO},TEAM,EMAIL", f"{len(fields)} fields")
        if len(fields) == 4 and fields[2] not in COMPETITIONS:
            self._refuse(" or ".join(COMPETITIONS), f"'{_short(fields[2])}'")
        self.introduced = True

    def pid(self, field: str, lists: dict[int, list[str]]) -> int:
        """Return the playlist of a line."""
        if not field.isascii() or not field.isdigit() or int(field) not in self._seeds:
            self._refuse("the pid of a challenge playlist", f"'{_short(field)}'")
        if int(field) in lists:
            self._refuse("each playlist once", f"{field} again")
        return int(field)

    def tracks(self, pid: int, uris: list[str]) -> list[str]:
        """Return the tracks of a line, if they are what they have to be."""
        if len(uris) != LIST:
            self._refuse(f"{LIST} tracks", f"{len(uris)}")
        wrong = [uri for uri in uris if not URI.fullmatch(uri)]
        if wrong:
            self._refuse("tracks like spotify:track:…", f"'{_short(wrong[0])}'")
        if len(set(uris)) < LIST:
            again = next(uri for place, uri in enumerate(uris) if uri in uris[:place])
            self._refuse("each track once", f"{again} again")
        told = self._seeds[pid] & set(uris)
        if told:
            self._refuse("no track that the challenge tells of the playlist", min(told))
        return uris

    def finish(self, lists: dict[int, list[str]]) -> None:
        """Check that nothing is missing at the end of the file."""
        if not self.introduced:
            self._refuse(f"a line that begins with '{TEAM_INFO}'", "none")
        missing = [pid for pid in self._seeds if pid not in lists]
        if missing:
            self._refuse(
                f"a line for each of {len(self._seeds):,} playlists before the end",
                f"none for {len(missing):,} of them, {missing[0]} among them",
            )

    def _refuse(self, expected: str, received: str) -> NoReturn:
        raise DataError(
            f"{self.file}, line {self.line}: expected {expected}, received {received}. "
            "The organisers would refuse the whole file."
        )


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number, from 1, and the fields of each line that counts."""
    try:
        with _opened(file, "rt", packed=_is_packed(file)) as lines:
            for number, line in enumerate(lines, 1):
                text = line.strip()
                if text and not text.startswith("#"):
                    yield number, [field.strip() for field in text.split(",")]
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: expected a submission, plain or gzipped, received: {error}.") from error


def _is_packed(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _opened(file: Path, mode: Literal["rt", "wt"], *, packed: bool) -> IO[str]:
    if packed:
        return gzip.open(file, mode, encoding="utf-8")
    return file.open(mode, encoding="utf-8")


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
