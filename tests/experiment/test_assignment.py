from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import chi2_contingency, chisquare

from dlrs.errors import SchemaError
from dlrs.experiment.assignment import Arms, as_csv, assign, units

IDS = [f"user-{number}" for number in range(40_000)]


def test_the_formula_is_what_the_docstring_says() -> None:
    digest = hashlib.sha256(b"layout\x00u\xc3\xa9").digest()
    assert units(["ué"], "layout")[0] == (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def test_assignment_is_the_same_for_ever() -> None:
    """These arms must never change: a running test would mix its users."""
    arms = Arms.parse("A=0.2,B=0.3,C=0.5")
    assert assign(["1", "2", "3", "anna", "Jürgen", "8", ""], "first", arms).tolist() == PINNED


def test_an_arm_depends_on_the_users_own_id_alone() -> None:
    arms = Arms.parse("A=0.5,B=0.5")
    every = assign(IDS, "test", arms)
    assert np.array_equal(assign(IDS[::-1], "test", arms)[::-1], every)
    assert np.array_equal(assign(IDS[70:80], "test", arms), every[70:80])


@pytest.mark.parametrize("name", ["a", "b", "another test", ""])
def test_units_are_uniform_and_arms_have_their_shares(name: str) -> None:
    counts, _ = np.histogram(units(IDS, name), bins=50, range=(0, 1))
    assert counts.sum() == len(IDS)  # all in [0, 1)
    assert chisquare(counts).pvalue > 0.001
    arms = Arms.parse("A=0.1,B=0.3,C=0.6")
    users = np.bincount(assign(IDS, name, arms), minlength=3)
    assert chisquare(users, len(IDS) * np.array(arms.shares)).pvalue > 0.001


@pytest.mark.parametrize("other", ["test 2", "test1", "1tes"])
def test_tests_do_not_depend_on_one_another(other: str) -> None:
    arms = Arms.parse("A=0.5,B=0.5")
    table = np.zeros((2, 2))
    np.add.at(table, (assign(IDS, "test", arms), assign(IDS, other, arms)), 1)
    assert chi2_contingency(table).pvalue > 0.001


def test_a_name_does_not_flow_into_the_id() -> None:
    assert units(["bc"], "a")[0] != units(["c"], "ab")[0]


def test_borders_belong_to_the_arm_above() -> None:
    arms = Arms.parse("A=0.25,B=0.75")
    assert arms.at(np.array([0, 0.25 - 1e-12, 0.25, 1 - 2**-53])).tolist() == [0, 0, 1, 1]


def test_arms_without_shares_are_equal() -> None:
    assert Arms.parse("old, new") == Arms(("old", "new"), (0.5, 0.5))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=1", "two at least"),
        ("A=0.5,A=0.5", "a name of its own"),
        ("A=0.5,=0.5", "a name of its own"),
        ("A=0.5,B=0.4", "sum to 1"),
        ("A=1,B=0", "positive"),
        ("A=nan,B=nan", "sum to 1"),
        ("A=half,B=half", "like 'A=0.5,B=0.5'"),
        ("A=0.5,B", "like 'A=0.5,B=0.5'"),
    ],
)
def test_wrong_arms_are_explained(text: str, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        Arms.parse(text)


def test_as_csv() -> None:
    lines = as_csv(pa.array(["2", "1"]), "first", Arms.parse("A=0.2,B=0.3,C=0.5")).splitlines()
    assert lines == ['"user_id","arm"', f'"2","{"ABC"[PINNED[1]]}"', f'"1","{"ABC"[PINNED[0]]}"']


PINNED = [0, 2, 2, 2, 2, 1, 2]
