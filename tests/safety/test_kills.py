"""Every stage killed right before changes that it makes on the disk, and run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from safety.killing import Killing
from safety.verbs import VERBS, Finished


@pytest.mark.parametrize("replaces", [False, True], ids=["where nothing was", "over an older output"])
@pytest.mark.parametrize(
    ("verb", "kills"), [("simulate", 6), ("prepare", 6), ("train", 8), ("evaluate", 6), ("publish", 8)]
)
def test_a_killed_stage_leaves_whole_outputs_and_ends_the_same_when_run_again(
    verb: str, kills: int, replaces: bool, finished: Finished, tmp_path: Path
) -> None:
    killing = Killing(VERBS[verb], finished, replaces, tmp_path)
    for moment in killing.at(kills):
        killing.check(moment)
