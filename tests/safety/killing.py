"""What is to be found after a verb was killed, and after it ran again."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from dlrs import pipeline
from safety.verbs import CHANGES, Files, Finished, Stop, Verb, begin, contents, dlrs, litter

Contents = dict[str, Files | None]


@dataclass(frozen=True)
class Killing:
    """A verb to kill in folders below `scratch`, where nothing stood before or the older run's output."""

    verb: Verb
    finished: Finished
    replaces: bool
    scratch: Path

    @property
    def before(self) -> Contents:
        if self.replaces:
            return contents(self.finished.older, self.verb)
        return dict.fromkeys(self.verb.writes)

    def changes(self) -> str:
        """Let the verb end in peace, check what it left, and return what it changed on the way."""
        folder, home = self._begin("peace")
        ended = dlrs(*self.verb.arguments(self.finished.newer, folder), home=home)
        self._check_done(ended.code, folder, home)
        return ended.changes

    def check(self, moment: int) -> None:
        """Kill the verb there, look at what it left, and run it again."""
        folder, home = self._begin(str(moment))
        arguments = self.verb.arguments(self.finished.newer, folder)
        killed = dlrs(*arguments, home=home, stop=Stop(moment))
        assert killed.code == -signal.SIGKILL, killed.said
        self._check_left(folder)
        self._check_done(dlrs(*arguments, home=home).code, folder, home)

    def _begin(self, name: str) -> tuple[Path, Path]:
        home = self.scratch / f"{name}.home"
        home.mkdir()
        return begin(self.scratch / name, self.finished.older if self.replaces else None, self.verb), home

    def _check_left(self, folder: Path) -> None:
        """Each place holds the older output or the newer one, whole; the reports are the evaluation's."""
        after = contents(self.finished.newer, self.verb)
        for place, files in contents(folder, self.verb).items():
            assert files in (self.before[place], after[place]), place
        for report in (folder / name for name in pipeline.REPORTS):
            if report.exists():
                assert report.read_bytes() == (folder / "evaluation" / report.name).read_bytes()

    def _check_done(self, code: int, folder: Path, home: Path) -> None:
        assert code == 0
        assert contents(folder, self.verb) == contents(self.finished.newer, self.verb)
        assert litter(folder) == list(home.iterdir()) == []


def around_renames(changes: str) -> list[int]:
    """Return each rename and the change after it: killed before these, a process leaves either side of it.

    >>> around_renames("ooRmo")
    [3, 4]
    """
    renames = {place for place, change in enumerate(changes, 1) if change == CHANGES["os.rename"]}
    return sorted(renames | {place + 1 for place in renames if place < len(changes)})


def evenly(changes: str, count: int) -> list[int]:
    """Return so many of the changes, counted from 1, the last one among them.

    >>> evenly("oooooooooo", 3)
    [4, 7, 10]
    """
    return [len(changes) - i * len(changes) // count for i in reversed(range(count))]
