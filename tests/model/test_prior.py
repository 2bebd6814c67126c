"""The prior: its numbers by hand, its file, and its place in the history network's logits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dlrs.errors import ArtifactError
from dlrs.model.prior import NEWBORN, PRIOR, Prior, Standing

PRIOR_OF_TESTS = Prior(new=0.5, met=2.0, recent=1.0, age=-3.0)


def test_the_prior_is_linear_in_four_facts() -> None:
    standing = Standing(np.array([0, 3, 7]), np.array([0, 1, 0]), np.array([0.0, 1.0, 3.0]))

    expected = [0.5, 2 * np.log(4) + np.log(2) - 3 * np.log(2), 2 * np.log(8) - 3 * np.log(4)]
    np.testing.assert_allclose(PRIOR_OF_TESTS.of(standing), expected, rtol=1e-6)


def test_of_the_second_degree_squares_and_products_count() -> None:
    standing = Standing(np.array([0, 3]), np.array([0, 1]), np.array([0.0, 1.0]))
    prior = Prior(0.5, 2.0, 1.0, -3.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)

    first = 2 * np.log(4) + np.log(2) - 3 * np.log(2)
    squares = np.log(4) ** 2 + (2 + 3) * np.log(2) ** 2
    products = (4 + 5) * np.log(4) * np.log(2) + 6 * np.log(2) ** 2
    np.testing.assert_allclose(prior.of(standing), [0.5, first + squares + products], rtol=1e-6)
    assert (prior.degree, PRIOR_OF_TESTS.degree) == (2, 1)


def test_an_item_that_has_just_come_is_new_and_nothing_else() -> None:
    np.testing.assert_allclose(PRIOR_OF_TESTS.of(NEWBORN), [0.5])


def test_a_prior_without_squares_and_products_is_of_the_first_degree(tmp_path: Path) -> None:
    (tmp_path / PRIOR).write_text('{"new": 0.5, "met": 2.0, "recent": 1.0, "age": -3.0}', encoding="utf-8")
    assert Prior.load_if_there(tmp_path) == PRIOR_OF_TESTS


def test_a_prior_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert Prior.load_if_there(tmp_path) is None
    PRIOR_OF_TESTS.save(tmp_path)
    assert Prior.load_if_there(tmp_path) == PRIOR_OF_TESTS


@pytest.mark.parametrize("content", ["{", "[]", '{"new": 1}', '{"new": "much"}', json.dumps({"newer": 1.0})])
def test_a_damaged_prior_is_an_error_that_names_the_file(tmp_path: Path, content: str) -> None:
    (tmp_path / PRIOR).write_text(content, encoding="utf-8")
    with pytest.raises(ArtifactError, match=r"prior\.json: expected the weights of a prior"):
        Prior.load_if_there(tmp_path)
