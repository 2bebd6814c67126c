"""The parts of the page and of the results that look between the stages, and into seeds and significance."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dlrs.errors import DataError
from dlrs.evaluation.funnel import STAGES, held_out
from dlrs.evaluation.judged import evaluate
from dlrs.evaluation.page import compare, render
from dlrs.evaluation.page_stages import against_reference, gains, losses, mark
from dlrs.evaluation.report import Report, Section
from dlrs.evaluation.report_figures import pareto_front
from dlrs.evaluation.results_page import read_report, results_page
from dlrs.evaluation.significance import Difference
from dlrs.evaluation.staged import Shortlist
from dlrs.evaluation.summary import summarise

DAY = 86_400_000_000


class Shown:
    """Fixed lists, made of fixed candidates."""

    def __init__(self, lists, candidates):
        self.recommend, self.score, self._candidates = lists.recommend, lists.score, candidates

    def shortlist(self, users_U, k, *, known_UN):
        return Shortlist(np.array([self._candidates[user] for user in users_U.tolist()]), handed_on=4)


@pytest.fixture
def staged_report(golden, golden_lists, yardsticks, data, report):
    """Ours finds item 1 for user 0 but not for user 2; its lists are those of the golden log otherwise."""
    test = golden()
    lists = {"ours": golden_lists["ours"], "rival": golden_lists["rival"]}
    lists["ours"].lists[2] = [0, 5, 4]
    lists["ours"] = Shown(lists["ours"], {0: [2, 4, 5, 1], 2: [0, 4, 5, 2]})
    held = held_out(golden.args[0].between(10 * DAY, 20 * DAY), test)
    judged = evaluate(lists, test, replace(yardsticks, held_out_UN=held), (1, 3))
    settings = {"ks": (1, 3), "reference": "ours", "resamples": 50, "seed": 0, "settings": {}}
    made = summarise(judged, test, yardsticks, data=data, strict=report.strict, **settings)
    return replace(
        made,
        seeds=3,
        spread={"ours": {"precision@3": 0.0125}},
        commands=("dlrs evaluate P T --out R --all",),
        more=(Section("live", "Replayed", "One by one.", {"Requests": [{"model": "ours", "hit": 0.25}]}),),
    )


def test_json_goes_there_and_back_with_stages(staged_report):
    assert Report.from_json(staged_report.to_json()) == staged_report


def test_a_report_of_an_older_dlrs_is_read(report):
    content = json.loads(report.to_json())
    for name in ("ratios", "user_groups", "stages", "seeds", "spread", "commands", "more"):
        del content[name], content["strict"][name]
    for metrics in content["differences"].values():
        for gap in metrics.values():
            del gap["p"], gap["adjusted"], gap["users"]
    old = Report.from_json(json.dumps(content))
    assert old.models == report.models
    assert against_reference(old)[0]["p"] == against_reference(old)[0]["ours, times as much"] == "–"
    # user 0 has twice the rival's, user 2 has something over nothing
    assert against_reference(report)[0]["ours, times as much"] == "3.00, at least 2.00"
    assert mark(old, "rival", "precision@3") == "*"  # its interval decides, for nothing was corrected then
    assert "Stage by stage" not in render(old, title="old", rivals=["rival"])


def test_shares_of_the_stages_sum_to_one_hundred(staged_report):
    rows = losses(staged_report, "ours")
    assert [row["stage"] for row in rows] == [*STAGES, "pairs, 3 seeds together"]
    assert losses(replace(staged_report, seeds=1), "ours")[-1]["stage"] == "pairs"
    # all at 1, all at 3, warm at 1, warm at 3, cold at 1, cold at 3
    assert rows[-1]["shares"] == ["4", "4", "3", "3", "1", "1"]
    by_stage = {row["stage"]: row["shares"] for row in rows[:-1]}
    assert by_stage["known"] == ["25.0", "25.0", "33.3", "33.3", "0.0", "0.0"]
    assert by_stage["candidates"] == ["25.0", "25.0", "33.3", "33.3", "0.0", "0.0"]
    assert by_stage["ranker"] == ["25.0", "0.0", "33.3", "0.0", "0.0", "0.0"]
    assert by_stage["hit"] == ["25.0", "50.0", "0.0", "33.3", "100.0", "100.0"]
    for column in zip(*by_stage.values(), strict=True):
        assert sum(map(float, column)) == pytest.approx(100, abs=0.2)


def test_gains_are_ranked_minus_retrieval_alone(staged_report):
    rows = {(row["items"], row["metric"]): row for row in gains(staged_report, "ours")}
    # at 1: retrieval has item 2 and item 0, misses; ranked has 4 for user 0, a hit
    assert rows["all", "Precision@1"]["retrieval alone"] == "0.00"
    assert rows["all", "Precision@1"]["ranked"] == "50.00"
    assert rows["all", "Precision@1"]["best possible ranking"] == "50.00"
    assert rows["all", "Precision@1"]["difference"] == "+50.00"
    # at 3: both of user 0's among the first three ranked, one in the retrieval's; nothing for user 2
    assert rows["all", "Precision@3"]["retrieval alone"] == "16.67"
    assert rows["all", "Precision@3"]["ranked"] == "33.33"
    assert rows["cold", "Precision@1"]["ranked"] == "100.00"


def test_marks_and_verdicts_follow_the_corrected_p(report):
    def with_gap(gap):
        return replace(report, differences={"rival": {"precision@3": gap, "map@3": gap}})

    sure = with_gap(Difference(-0.1, -0.2, -0.05, p=0.002, adjusted=0.004))
    alone = with_gap(Difference(-0.1, -0.2, -0.01, p=0.03, adjusted=0.3))
    chance = with_gap(Difference(-0.1, -0.2, 0.01, p=0.08, adjusted=0.08))
    few = with_gap(Difference(-0.1, -0.2, -0.05, p=0.002, adjusted=0.004, users=39))
    assert [mark(one, "rival", "precision@3") for one in (sure, alone, chance, few)] == ["*", "(*)", "", ""]
    assert mark(sure, "ours", "precision@3") == mark(sure, "rival", "recall@3") == ""
    verdicts = [against_reference(one)[0]["verdict"] for one in (sure, alone, chance, few)]
    assert verdicts == ["beyond chance", "only if alone", "may be chance", "too few users (39) to say"]
    assert against_reference(sure)[0]["95 % interval"] == "-20.00 to -5.00"
    assert "but not among all 2 comparisons" in compare(alone, "rival", "precision")


def test_the_front_joins_those_that_nobody_surpasses():
    assert pareto_front([1.0], [1.0]) == [0]
    assert pareto_front([2, 1, 3], [2, 3, 1]) == [1, 0, 2]
    assert pareto_front([2, 1, 3], [2, 2, 2]) == [2]  # equally high: only the one furthest to the right
    assert pareto_front([2, 2], [1, 1]) == [0, 1]  # neither surpasses the other


def test_the_page_shows_stages_seeds_and_what_others_add(staged_report):
    page = " ".join(render(staged_report, title="staged").split())
    assert page.count("Where the held-out pairs of ours end, for each k") == 1
    for words in (
        "Where the held-out pairs end, ours, in %",
        "Of all new positives, how many so many candidates hold, ours, in %",
        "66.7",  # of three new positives two are among the four candidates
        "What ranking adds to the order of the retrieval, ours",
        "Standard deviation over 3 seeds",
        "1.25",
        "One by one.",
        'href="#live"',
        "dlrs evaluate P T --out R --all",
    ):
        assert words in page, words
    assert "Stage by stage" not in render(replace(staged_report, stages={}), title="one stage")


def test_results_have_a_table_and_the_commands_for_each_data_set(staged_report):
    page = results_page([staged_report, replace(staged_report, data=None, strict=None, stages={}, seeds=1)])
    first, second = page.split("\n## ")[1:]
    assert first.startswith("golden\n")
    row = next(line for line in first.splitlines() if line.startswith("| ours |"))
    assert "**33.33**" in row
    assert row.endswith("| – |")  # the reference itself
    rival = next(line for line in first.splitlines() if line.startswith("| rival |"))
    assert rival.endswith("| 2.00, at least 0.00 |")  # user 0 has 2/3 over 1/3, user 2 nothing over nothing
    assert "```\ndlrs evaluate P T --out R --all\n```" in first
    assert "means over 3 seeds" in first
    assert "Too few users (2) to say which model is better" in first
    assert "stars are over" not in first
    assert "only items alive at the cut" in first
    assert "| ours | 4 | 25.0 | 0.0 | 25.0 | 0.0 | 0.0 | 50.0 | 16.67 | 33.33 |" in first
    assert "### Replayed" in first
    assert second.startswith("a marketplace without a name")
    assert "only items alive at the cut" not in second
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith(" |") for line in lines)


def test_a_folder_without_a_report_is_named(tmp_path, staged_report):
    with pytest.raises(DataError, match="expected a report"):
        read_report(tmp_path)
    (tmp_path / "report.json").write_text(staged_report.to_json(), encoding="utf-8")
    assert read_report(tmp_path) == read_report(tmp_path / "report.json") == staged_report
