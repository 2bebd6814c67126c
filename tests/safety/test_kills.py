"""Every stage killed right before changes that it makes on the disk, and run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from safety.killing import Killing, around_renames, evenly
from safety.verbs import VERBS, Finished


@pytest.mark.parametrize("replaces", [False, True], ids=["where nothing was", "over an older output"])
@pytest.mark.parametrize("verb", ["simulate", "prepare", "describe", "train", "evaluate", "publish"])
def test_a_killed_stage_leaves_whole_outputs_and_ends_the_same_when_run_again(
    verb: str, replaces: bool, finished: Finished, tmp_path: Path
) -> None:
    killing = Killing(VERBS[verb], finished, replaces, tmp_path)
    changes = killing.changes()
    for moment in {*around_renames(changes), *evenly(changes, 2)}:
        killing.check(moment)
