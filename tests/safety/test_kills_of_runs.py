"""`run` and `demo`, which are made of stages, killed in any of them, and run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from safety.killing import Killing, evenly
from safety.verbs import NEWER, OLDER, VERBS, Finished, dlrs, simulation


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    runs = [tmp_path_factory.mktemp("demo") for _ in (OLDER, NEWER)]
    for run, seed in zip(runs, (OLDER, NEWER), strict=True):
        demo = [*simulation("demo", run, seed), "--no-serve"]
        assert dlrs(*demo, home=tmp_path_factory.mktemp("home")).code == 0
    return Finished(*runs)


@pytest.mark.parametrize("replaces", [False, True], ids=["where nothing was", "over an older output"])
def test_a_killed_run_leaves_whole_outputs_and_ends_the_same_when_run_again(
    replaces: bool, finished: Finished, tmp_path: Path
) -> None:
    killing = Killing(VERBS["run"], finished, replaces, tmp_path)
    for moment in evenly(killing.changes(), 3):
        killing.check(moment)


def test_a_killed_demo_leaves_whole_outputs_and_ends_the_same_when_run_again(
    demos: Finished, tmp_path: Path
) -> None:
    killing = Killing(VERBS["demo"], demos, replaces=True, scratch=tmp_path)
    for moment in evenly(killing.changes(), 2):
        killing.check(moment)
