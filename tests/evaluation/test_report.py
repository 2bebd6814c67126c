"""The report as JSON and in the terminal."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from dlrs.evaluation.judged import evaluate
from dlrs.evaluation.page import render
from dlrs.evaluation.report import Report, table
from dlrs.evaluation.summary import summarise


def test_json_holds_the_means_of_the_golden_log(report):
    content = json.loads(report.to_json())
    assert content["reference"] == "ours"
    assert content["models"]["ours"]["precision@3"] == pytest.approx(1 / 2)  # of 2/3 and 1/3
    assert content["models"]["ours"]["map@3"] == pytest.approx(2 / 3)  # of 5/6 and 1/2
    assert content["models"]["ours"]["coverage@3"] == 4 / 5
    assert content["models"]["rival"]["precision@3"] == pytest.approx(1 / 6)
    assert content["models"]["ours"]["auc"] == pytest.approx(5 / 8)  # of 1/4 and 1
    assert content["models"]["ours"]["novelty@1"] == pytest.approx(5 / 2)  # of 3 and 2
    assert content["models"]["rival"]["serendipity@3"] == 0
    assert content["ceilings"]["precision@3"] == pytest.approx(1 / 2)  # of 2/3 and 1/3
    assert content["warm_items"]["ours"]["recall@3"] == 1
    assert content["cold_items"]["rival"]["recall@3"] == 0
    assert content["test"]["users"] == 2
    assert content["test"]["balanced_pairs"] == 6
    assert content["test"]["users_with_balanced_pairs"] == 2
    assert content["settings"] == {
        "name": "golden <log>",
        "resamples": 50,
        "resamples_of_differences": 400,
        "bootstrap_seed": 0,
    }
    assert content["strict"]["models"]["ours"]["precision@1"] == 1 / 2
    assert content["strict"]["strict"] is None


def test_json_holds_intervals_and_differences_to_the_reference(report):
    content = json.loads(report.to_json())
    # two users: resamples are (0, 0), (0, 2) or (2, 2), so the interval spans both users' values
    assert content["intervals"]["ours"]["precision@3"] == pytest.approx([1 / 3, 2 / 3])
    assert content["intervals"]["ours"]["auc"] == pytest.approx([1 / 4, 1])
    assert content["intervals"]["ours"]["novelty@1"] == pytest.approx([2, 3])
    # rival − ours: user 0 1/3 − 2/3, user 2 0 − 1/3
    gap = content["differences"]["rival"]["precision@3"]
    # four comparisons have 400 resamples: all below zero in each, 2 / 401, and Holm's 4 · that
    p = 2 / 401
    judged = {"mean": -1 / 3, "low": -1 / 3, "high": -1 / 3, "p": p, "adjusted": 4 * p}
    assert gap == pytest.approx(judged | {"users": 2})
    assert set(content["differences"]) == {"rival"}
    assert set(content["differences"]["rival"]) == {"precision@1", "precision@3", "map@1", "map@3"}


def test_skew_of_the_golden_log(report):
    skew = report.skew
    assert (skew.k, list(skew.models)) == (3, ["ours", "rival"])
    half, all_of_them = skew.shares_of_items.index(0.5), skew.shares_of_items.index(1.0)
    assert skew.log[half] == pytest.approx(2.5 / 3)  # items 0, 1, 2 were met once each; 2.5 of five items
    assert skew.chosen[half] == pytest.approx(1)  # item 1 twice, item 4 once
    assert skew.models["ours"][half] == pytest.approx(4.5 / 6)  # shown: 4 and 1 twice, 5 and 0 once
    assert skew.models["ours"][all_of_them] == 1


def test_json_goes_there_and_back(report):
    assert Report.from_json(report.to_json()) == report


def test_cold_items_that_nobody_wants_leave_no_means(golden, golden_lists, of_cut):
    test = golden(universe="cut")
    judged = evaluate({"rival": golden_lists["rival"]}, test, of_cut, (1,))
    report = summarise(judged, test, of_cut, ks=(1,), reference="rival", resamples=10, seed=0, settings={})
    assert report.cold_items == {"rival": {}}
    assert "–" in render(report, title="no cold items")


def test_headline_k_is_the_nearest_to_five(report):
    assert report.headline_k == 3


def test_table_is_in_percent_with_the_best_in_bold(report):
    shown = table(report)
    assert [column.header for column in shown.columns] == ["model", "k = 1", "k = 3", "95 % interval"]
    names, _, at_three, spans = (list(column.cells) for column in shown.columns)
    assert names == [
        "[bold]Precision@k[/bold]",
        "  ours",
        "  rival",
        "[bold]MAP@k[/bold]",
        "  ours",
        "  rival",
    ]
    # precision: ours 1/2, the rival 1/6; MAP: 2/3, and (1/2 of user 0, a hit at place 2 over R = 2) / 2 users
    assert at_three == ["", "[bold]50.00[/bold]", "16.67", "", "[bold]66.67[/bold]", "12.50"]
    # precision: from the user with less to the one with more
    assert spans[1:3] == ["33.33 – 66.67", "0.00 – 33.33"]


def test_table_says_that_users_are_too_few(report):
    assert "Too few users (2) to say which model is better" in str(table(report).caption)
    enough = {"rival": {"precision@3": replace(report.differences["rival"]["precision@3"], users=40)}}
    assert "Too few" not in str(table(replace(report, differences=enough)).caption)


def test_table_with_every_k_fits_a_terminal_of_80_columns(report):
    ks = (1, 5, 10, 30, 100)
    means = {f"{metric}@{k}": 0.9999 for metric in ("precision", "map") for k in ks}
    bounds = dict.fromkeys(means, (0.8888, 0.9988))
    wide = replace(
        report, ks=ks, models={"popular in category": means}, intervals={"popular in category": bounds}
    )
    console = Console(width=80, file=StringIO(), record=True)
    console.print(table(wide))
    shown = console.export_text()
    assert "popular in category" in shown
    assert shown.count("99.99") == 2 * len(ks)
    assert shown.count("88.88 – 99.88") == 2
