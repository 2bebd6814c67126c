"""Ctrl-C and a polite kill: a sentence, the signal's exit code, and nothing half-written."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from dlrs import pipeline
from safety.verbs import VERBS, Finished, Stop, begin, contents, dlrs, litter


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verb", ["simulate", "prepare", "train", "evaluate", "publish"])
def test_a_signal_stops_a_verb_and_leaves_what_was_there(
    verb: str, stop: signal.Signals, finished: Finished, tmp_path: Path
) -> None:
    folder = begin(tmp_path / "out", finished.older, VERBS[verb])
    arguments = VERBS[verb].arguments(finished.newer, folder)
    ended = dlrs(*arguments, home=tmp_path, stop=Stop(before=4, signal=stop))
    assert ended.code == 128 + stop
    assert f"stopped by {stop.name}. Nothing half-written is left" in ended.said
    assert "Traceback" not in ended.said
    assert contents(folder, VERBS[verb]) == contents(finished.older, VERBS[verb])
    assert [path for path in litter(folder) if not path.endswith(".trained.checkpoints")] == []


def answer_an_interrupt_with_an_error() -> None:
    """Do as DuckDB does in the middle of a query."""

    def prepare(*_: object, **__: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("Query interrupted") from None

    pipeline.prepare = prepare  # type: ignore[assignment]


def test_a_library_that_hides_the_interrupt_is_seen_through(finished: Finished, tmp_path: Path) -> None:
    arguments = VERBS["prepare"].arguments(finished.newer, tmp_path)
    ended = dlrs(*arguments, home=tmp_path, hook=answer_an_interrupt_with_an_error)
    assert ended.code == 128 + signal.SIGINT
    assert "Traceback" not in ended.said
