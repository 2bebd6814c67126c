"""Models asked for warm items only, and for cold ones only: lists of conftest.py, worked out by hand."""

import json

import pytest

from dlrs.evaluation.alone import tests_alone as alone
from dlrs.evaluation.page import render
from dlrs.evaluation.results_page import results_page


def test_each_kind_has_its_own_items_users_and_positives(golden):
    tests = alone(golden())
    warm, cold = tests["warm"], tests["cold"]
    assert warm.items_A.tolist() == [0, 1, 2]
    assert warm.users_U.tolist() == [0, 2]
    assert warm.relevant_UN.toarray().nonzero()[1].tolist() == [1, 1]
    assert cold.items_A.tolist() == [4, 5]
    assert cold.versions_A.tolist() == [4, 6]
    assert cold.users_U.tolist() == [0]
    assert cold.relevant_UN.indices.tolist() == [4]
    assert cold.known_UN.indices.tolist() == [0, 3]


def test_where_one_kind_is_all_there_is_nothing_is_asked_apart(golden):
    assert alone(golden(universe="cut")) == {}


def test_lists_of_one_kind_are_judged_on_that_kind(golden_judged):
    ours, rival = golden_judged["ours"].alone, golden_judged["rival"].alone
    assert ours["warm"]["precision@1"].tolist() == [1, 0]
    assert ours["warm"]["precision@3"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert ours["cold"]["precision@1"].tolist() == [0]
    assert ours["cold"]["mrr@3"].tolist() == [1 / 2]
    assert rival["warm"]["hit_rate@3"].tolist() == [0, 0]
    assert rival["cold"]["precision@1"].tolist() == [1]


def test_the_report_tells_both_kinds(report):
    content = json.loads(report.to_json())["alone"]
    assert (content["warm"]["users"], content["warm"]["items"]) == (2, 3)
    assert (content["cold"]["users"], content["cold"]["items"]) == (1, 2)
    assert content["warm"]["models"]["ours"]["precision@3"] == pytest.approx(1 / 3)
    assert content["cold"]["models"]["ours"]["precision@3"] == pytest.approx(1 / 3)
    assert content["cold"]["ratios"]["rival"]["precision@3"]["mean"] == pytest.approx(1)
    assert content["warm"]["differences"]["rival"]["precision@3"]["mean"] == pytest.approx(-1 / 3)
    assert report.strict.alone == {}


def test_page_and_results_show_both_kinds(report):
    page = render(report, title="golden")
    assert "Asked for warm items only, Precision@k in % (3 items, 2 users)" in page
    assert "Asked for cold items only, Precision@k in % (2 items, 1 users)" in page
    results = results_page([report])
    assert "| model | warm items only (3 items, 2 users) | ours, times that of warm |" in results
    assert "| ours | **33.33**<br>33.33 – 33.33 | – | **33.33**<br>33.33 – 33.33 | – |" in results
