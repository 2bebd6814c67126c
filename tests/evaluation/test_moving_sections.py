"""Sections made of prequential.json and rolling.json, as their evaluations write them."""

import json
from dataclasses import replace

import pytest

from dlrs.errors import DataError
from dlrs.evaluation.moving_sections import sections_beside
from dlrs.evaluation.page import render
from dlrs.evaluation.report import Section
from dlrs.evaluation.results_page import results_page

MEANS = {
    "hit_rate@5": 0.25,
    "precision@5": 0.05,
    "ndcg@5": 0.125,
    "mrr@5": 0.1,
    "map@5": 0.2,
    "recall@5": 0.25,
}
COMMON = {
    "reference": "recent",
    "ks": [1, 5],
    "models": {"recent": MEANS, "CF": MEANS | {"hit_rate@5": 0.2, "precision@5": 0.04}},
    "intervals": {name: {key: [0.0375, 0.3] for key in MEANS} for name in ("recent", "CF")},
    "differences": {
        "CF": {key: {"mean": -0.05, "low": -0.1, "high": 0.01} for key in ("hit_rate@5", "precision@5")}
    },
    "settings": {"encoding_hash": "abc", "anything": [1]},
    "ratios": {"CF": {"hit_rate@5": {"mean": 0.8, "low": 0.5, "high": None}}},
    "tuned": {"CF": {}},  # what is not shown is no trouble
}
PREQUENTIAL = COMMON | {
    "test": {"requests": 1200, "users": 30},
    "groups": {
        "warm items": {"requests": 1200, "models": {"recent": MEANS, "CF": MEANS}},
        "cold items": {"requests": 0, "models": {"recent": {}, "CF": {}}},
    },
}
ROLLING = COMMON | {
    "test": {"users": 30},
    "warm_items": {"recent": MEANS, "CF": MEANS},
    "cold_items": {"recent": {}, "CF": {}},
    "cuts": [
        {"since": "2017-10-14T03:00:00Z", "test": {"users": 20}, "models": {"recent": MEANS, "CF": MEANS}}
    ],
}


def write(folder, **contents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def test_files_of_the_same_data_in_and_beside_the_report_become_sections(tmp_path):
    write(tmp_path / "live", prequential=PREQUENTIAL)
    write(tmp_path / "all", rolling=ROLLING)
    write(tmp_path / ".hidden", rolling=ROLLING)
    first, second = sections_beside(tmp_path / "all", "abc")
    assert (first.anchor, second.anchor) == ("prequential", "rolling")
    assert sections_beside(tmp_path / "all", "another encoding") == ()
    assert sections_beside(tmp_path / "nothing/all", "abc") == ()


def test_numbers_of_the_prequential_section(tmp_path):
    write(tmp_path, prequential=PREQUENTIAL)
    (section,) = sections_beside(tmp_path / "all", "abc")
    assert "1,200 requests of 30 users (1,200 for warm items)" in section.text
    (rows,) = section.tables.values()
    assert rows[1] == {
        "model": "CF",
        "HitRate@5": "20.00",
        "95 % interval": "3.75 – 30.00",
        "minus recent, points": "-5.00 (-10.00 to +1.00)",
        "times recent": "0.80, at least 0.50",
        "Precision@5": "4.00",
        "NDCG@5": "12.50",
        "MRR@5": "10.00",
        "warm items": "25.00",
        "cold items": "–",
    }
    assert rows[0]["minus recent, points"] == "–"


def test_numbers_of_the_rolling_section(tmp_path):
    write(tmp_path, rolling=ROLLING)
    (section,) = sections_beside(tmp_path / "all", "abc")
    pooled, cuts = section.tables.values()
    assert [row["Precision@5"] for row in pooled] == ["5.00", "4.00"]
    assert [row["cold items"] for row in pooled] == ["–", "–"]
    assert cuts == [{"cut": "2017-10-14T03:00:00Z", "users": 20, "recent": "5.00", "CF": "5.00"}]


def test_sections_stand_on_the_page_and_among_the_results(tmp_path, report):
    write(tmp_path, prequential=PREQUENTIAL, rolling=ROLLING)
    whole = replace(report, more=sections_beside(tmp_path / "all", "abc"))
    assert all(isinstance(section, Section) for section in whole.more)
    page, results = render(whole, title="moving"), results_page([whole])
    for words in ("Prequential, at k = 5, in %", "Precision@5 in %, cut by cut", "-5.00 (-10.00 to +1.00)"):
        assert words in page
        assert words in results


def test_a_file_that_is_something_else_is_named(tmp_path):
    write(tmp_path, rolling={"reference": "recent"})
    with pytest.raises(DataError, match=r"rolling\.json: expected what `dlrs evaluate` writes"):
        sections_beside(tmp_path / "all", "abc")
