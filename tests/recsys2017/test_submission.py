"""The submission file: what is written can be read, and anything else is refused with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlrs.errors import DataError
from dlrs.recsys2017.submission import MOST_USERS, Pairs, Rules, read, write

RULES = Rules(np.arange(10, 20), np.arange(1, 301))


def file_of(folder: Path, text: str) -> Path:
    file = folder / "submission.tsv"
    file.write_text(text)
    return file


def test_a_line_is_the_item_a_tab_and_its_users(tmp_path: Path) -> None:
    file = tmp_path / "submission.tsv"
    write(Pairs(np.array([12, 12, 10]), np.array([7, 3, 7])), file)
    assert file.read_text() == "12\t7,3\n10\t7\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.integers(10, 19), st.lists(st.integers(1, 300), unique=True, min_size=1, max_size=100), min_size=1
    )
)
def test_what_is_written_is_read_back(tmp_path: Path, lists: dict[int, list[int]]) -> None:
    item_P = np.repeat(list(lists), [len(users) for users in lists.values()])
    pairs = Pairs(item_P, np.concatenate([np.array(users) for users in lists.values()]))
    write(pairs, tmp_path / "submission.tsv")
    found = read(tmp_path / "submission.tsv", RULES)
    assert (found.item_P.tolist(), found.user_P.tolist()) == (pairs.item_P.tolist(), pairs.user_P.tolist())


def test_a_hundred_users_are_allowed(tmp_path: Path) -> None:
    users = ",".join(map(str, range(1, MOST_USERS + 1)))
    assert len(read(file_of(tmp_path, f"10\t{users}\n"), RULES)) == MOST_USERS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an empty file"),
        ("10\t1,2\n\n", "line 2: expected item_id, a tab"),
        ("10 1,2\n", "line 1: expected item_id, a tab"),
        ("10\t\n", "line 1: expected item_id, a tab"),
        ("10\t1, 2\n", "line 1.*without spaces"),
        ("10\t1,2,\n", "line 1: expected item_id"),
        ("10\t1,-2\n", "line 1: expected item_id"),
        ("ten\t1\n", "line 1: expected item_id"),
        ("10\t1\n11\t5,6,5\n", "line 2: expected each user once, received 5 again"),
        ("10\t1\n11\t999\n", r"line 2: expected users of targetUsers\.csv, received 999"),
        ("10\t1\n99\t2\n", r"line 2: expected an item of targetItems\.csv, received 99"),
        ("10\t1\n11\t1\n10\t2\n", "line 3: expected each item on one line, received 10 again"),
        (
            "10\t" + ",".join(map(str, range(1, 102))) + "\n",
            "line 1: expected at most 100 users, received 101",
        ),
        ("10\t" + "1" * 30 + "\n", "line 1: expected item_id"),
    ],
)
def test_anything_else_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(file_of(tmp_path, text), RULES)


def test_a_user_may_have_several_items_unless_each_has_one_a_day(tmp_path: Path) -> None:
    file = file_of(tmp_path, "10\t1,2\n11\t3\n12\t4,2\n")
    assert len(read(file, RULES)) == 5
    with pytest.raises(DataError, match="line 3: expected one item for each user, received 2"):
        read(file, Rules(RULES.target_items, RULES.target_users, once=True))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a submission, received"):
        read(tmp_path / "none.tsv", RULES)


def test_the_rules_are_those_of_the_data(data: Path) -> None:
    rules = Rules.of(data)
    assert (rules.target_items.tolist(), rules.target_users.tolist()) == ([12, 13], [1, 2, 3])
