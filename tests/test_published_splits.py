"""The recipes for published splits. Each test is skipped without its data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dlrs import pipeline
from dlrs.data.interactions import micros
from dlrs.judging.at_cut import headline_test
from dlrs.prepared import Prepared, open_prepared
from dlrs.recipe import DATA_VARIABLE

RECIPES = Path(__file__).parents[1] / "recipes"


def prepared_split(name: str, data: str, out: Path) -> Prepared:
    """Prepare what a recipe describes, or skip the test."""
    if DATA_VARIABLE not in os.environ or not (Path(os.environ[DATA_VARIABLE]) / data).is_dir():
        pytest.skip(f"needs {data} in the folder that {DATA_VARIABLE} names")
    pipeline.prepare(RECIPES / f"{name}.toml", out / name)
    return open_prepared(out / name)


def pairs_of_day(prepared: Prepared) -> list[int]:
    """Return how many pairs lie on the days to learn from, on the validation day and on the test's."""
    split = prepared.recipe.marketplace.split
    cuts = [micros(split.validation_from), micros(split.test_from)]
    part_E = np.searchsorted(cuts, prepared.interactions.time_E, side="right")
    return np.bincount(part_E, minlength=3).tolist()


def test_pairs_are_those_of_the_published_split(tmp_path: Path) -> None:
    prepared = prepared_split("ml1m", "ml1m_lcfn", tmp_path)
    learned, validation, test = pairs_of_day(prepared)
    assert (learned + validation, test) == (796_244, 99_455)
    assert validation / 796_244 == pytest.approx(0.1, abs=0.002)
    judged = headline_test(prepared)
    assert (judged.facts["items"], judged.facts["pairs"], judged.facts["pairs_known"]) == (3043, 99_455, 0)
    assert judged.facts["users_without_profile"] == 0


def test_the_last_item_is_the_test_and_the_one_before_the_validation(tmp_path: Path) -> None:
    prepared = prepared_split("amazon_beauty", "amazon_beauty", tmp_path)
    assert pairs_of_day(prepared) == [198_502 - 2 * 22_363, 22_363, 22_363]
    judged = headline_test(prepared)
    assert judged.facts["users"] == judged.facts["pairs"] == 22_363
    assert judged.facts["items"] == 12_101
    log = prepared.interactions
    assert prepared.user_ids[0].as_py() == "1"
    row_E = np.flatnonzero(log.user_E == 0)
    in_time = row_E[np.argsort(log.time_E[row_E])]
    # the first user's items, as sequences.parquet has them by position
    assert prepared.item_ids.take(log.item_E[in_time]).to_pylist()[:5] == ["1", "2", "3", "4", "5"]


def test_only_cold_ads_are_ranked(tmp_path: Path) -> None:
    prepared = prepared_split("xing", "xing2017_subset", tmp_path)
    judged = headline_test(prepared)
    assert judged.facts["items"] == judged.facts["cold_items"] == 2033
    assert judged.facts["pairs"] == pairs_of_day(prepared)[2]
    # on the validation day, only the ads that are cold there
    since = int(prepared.starts_Q[prepared.validation_period])
    catalog = prepared.catalog
    alive_A = catalog.item_V[catalog.alive_between(since, int(prepared.starts_Q[-1]))]
    before = prepared.interactions.between(0, since)
    assert 1100 < len(alive_A) < 1330
    assert not np.isin(alive_A, before.item_E).any()


def test_warm_and_cold_ads_compete_in_one_catalogue(tmp_path: Path) -> None:
    prepared = prepared_split("xing_mixed", "xing2017_subset", tmp_path)
    facts = headline_test(prepared).facts
    assert facts["items"] == 14_199
    assert 2033 <= facts["cold_items"] < 2100  # of a few ads all pairs are held out
    assert facts["pairs"] - facts["pairs_of_cold_items"] == pytest.approx(24_700, rel=0.03)
