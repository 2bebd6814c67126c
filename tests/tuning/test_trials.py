from __future__ import annotations

from pathlib import Path

import pytest

from dlrs.errors import ArtifactError
from dlrs.tuning.trials import Trial, Trials

COMMON = {"model": "EASE", "seed": 1, "space": {"baselines.x": {"values": ("a", "b")}}}


def test_what_was_saved_is_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "ease.json"
    begun = Trials.begin(file, COMMON)
    assert begun.done == ()
    done = begun.with_one(Trial({"baselines.x": "a"}, 0.25, 1.5)).with_one(Trial({}, 0.5, 2.0))
    done.save(file)
    assert Trials.begin(file, COMMON) == done


def test_the_first_of_the_best_wins() -> None:
    first, second, third = Trial({}, 0.1, 1), Trial({"a": 1}, 0.3, 1), Trial({"a": 2}, 0.3, 1)
    assert Trials(COMMON, (first, second, third)).best is second


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"model": "EASE", "seed": 2, "space": 0, "trials": []}', "with seed = 1, received some with 2"),
        ("{}", "expected trials"),
        ("[", "expected trials"),
        ('{"trials": [{"worth": 1}]}', "expected trials"),
    ],
)
def test_trials_of_something_else_are_refused(content: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "ease.json"
    file.write_text(content)
    with pytest.raises(ArtifactError, match=says):
        Trials.begin(file, COMMON)
