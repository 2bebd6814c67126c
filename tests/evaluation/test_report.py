import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO

import pytest
from rich.console import Console

from dlrs.errors import MissingExtra
from dlrs.evaluation.page import Example, compare, render
from dlrs.evaluation.protocol import evaluate
from dlrs.evaluation.report import summarise, table
from dlrs.evaluation.significance import Difference


@pytest.fixture
def report(golden, golden_lists, golden_judged):
    settings = {"resamples": 50, "seed": 0}
    cut = golden(universe="cut")
    lists = {"ours": type(golden_lists["ours"])({0: [1], 2: [5]}), "rival": golden_lists["rival"]}
    common = {"ks": (1, 3), "reference": "ours", **settings}
    strict = summarise(evaluate(lists, cut, (1, 3)), cut, settings={}, **common)
    return summarise(golden_judged, golden(), settings={"name": "golden <log>"}, strict=strict, **common)


def test_json_holds_the_means_of_the_golden_log(report):
    content = json.loads(report.to_json())
    assert content["reference"] == "ours"
    assert content["models"]["ours"]["precision@3"] == pytest.approx(1 / 2)  # of 2/3 and 1/3
    assert content["models"]["ours"]["map@3"] == pytest.approx(2 / 3)  # of 5/6 and 1/2
    assert content["models"]["ours"]["coverage@3"] == 4 / 5
    assert content["models"]["rival"]["precision@3"] == pytest.approx(1 / 6)
    assert content["bounds"]["precision@3"] == pytest.approx(1 / 2)  # of 2/3 and 1/3
    assert content["warm_items"]["ours"]["recall@3"] == 1
    assert content["cold_items"]["rival"]["recall@3"] == 0
    assert content["test"]["users"] == 2
    assert content["settings"] == {"name": "golden <log>", "resamples": 50, "bootstrap_seed": 0}
    assert content["strict"]["models"]["ours"]["precision@1"] == 1 / 2
    assert content["strict"]["strict"] is None


def test_json_holds_intervals_and_differences_to_the_reference(report):
    content = json.loads(report.to_json())
    # two users: resamples are (0, 0), (0, 2) or (2, 2), so the interval spans both users' values
    assert content["intervals"]["ours"]["precision@3"] == pytest.approx([1 / 3, 2 / 3])
    # rival − ours: user 0 1/3 − 2/3, user 2 0 − 1/3
    gap = content["differences"]["rival"]["precision@3"]
    assert gap == pytest.approx({"mean": -1 / 3, "low": -1 / 3, "high": -1 / 3})
    assert set(content["differences"]) == {"rival"}
    assert set(content["differences"]["rival"]) == {"precision@1", "precision@3", "map@1", "map@3"}


def test_cold_items_that_nobody_wants_leave_no_means(golden, golden_lists):
    test = golden(universe="cut")
    judged = evaluate({"rival": golden_lists["rival"]}, test, (1,))
    report = summarise(judged, test, ks=(1,), reference="rival", resamples=10, seed=0, settings={})
    assert report.cold_items == {"rival": {}}
    assert "–" in render(report, title="no cold items")


def test_headline_k_is_the_nearest_to_five(report):
    assert report.headline_k == 3


def test_table_is_in_percent_with_the_best_in_bold(report):
    shown = table(report)
    assert [column.header for column in shown.columns] == ["model", "k = 1", "k = 3"]
    names, _, at_three = (list(column.cells) for column in shown.columns)
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


def test_table_with_every_k_fits_a_terminal_of_80_columns(report):
    ks = (1, 5, 10, 30, 100)
    means = {f"{metric}@{k}": 0.9999 for metric in ("precision", "map") for k in ks}
    wide = replace(report, ks=ks, models={"popular in category": means})
    console = Console(width=80, file=StringIO(), record=True)
    console.print(table(wide))
    shown = console.export_text()
    assert "popular in category" in shown
    assert shown.count("99.99") == 2 * len(ks)


def with_gap(report, ours, theirs, low, high):
    models = {"ours": {"precision@3": ours}, "rival": {"precision@3": theirs}}
    gap = Difference(theirs - ours, low, high)
    return replace(report, models=models, differences={"rival": {"precision@3": gap}})


@pytest.mark.parametrize(
    ("ours", "theirs", "low", "high", "said"),
    [
        (0.0103, 0.0042, -0.007, -0.005, "1.03 %, rival 0.42 %: 2.45 times as much (+145%), beyond chance"),
        (0.0103, 0.0042, -0.007, -0.005, "(difference +0.61 points, 95 % interval +0.50 to +0.70)"),
        (0.0040, 0.0050, 0.0005, 0.002, "0.40 %, rival 0.50 %: 0.80 times as much (-20%), beyond chance"),
        (0.0040, 0.0050, 0.0005, 0.002, "(difference -0.10 points, 95 % interval -0.20 to -0.05)"),
        (0.0050, 0.0050, -0.001, 0.001, "1.00 times as much (+0%), which may be chance"),
        (0.0050, 0.0, -0.009, -0.001, "no ratio to zero, beyond chance"),
    ],
)
def test_sentence_says_who_wins_and_how_surely(report, ours, theirs, low, high, said):
    assert said in compare(with_gap(report, ours, theirs, low, high), "rival", "precision")


def test_sentence_about_the_golden_log(report):
    # precision@3 of user 0: 2/3 against 1/3; of user 2: 1/3 against 0
    assert compare(report, "rival", "precision") == (
        "At k = 3 ours reaches Precision 50.00 %, rival 16.67 %: 3.00 times as much (+200%), beyond chance "
        "(difference +33.33 points, 95 % interval +33.33 to +33.33)."
    )


class Outline(HTMLParser):
    """Checks that tags close in order, and collects what the page shows and what it names."""

    VOID = frozenset({"meta", "br", "hr", "img", "link"})

    def __init__(self, page):
        super().__init__()
        self.open, self.ids, self.links, self.text = [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def page(report):
    return render(
        report,
        title="Golden & small",
        rivals=["rival"],
        examples=[Example("A user of <vans>", ["12 views, mostly vans"], [{"make": "VW", "year": 2017}])],
        facts=[
            ("Data", {"events": "12,345"}),
            ("Training", [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.4}]),
        ],
    )


def test_page_is_whole_and_needs_nothing_beside_it(page):
    outline = Outline(page)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert all(link.removeprefix("#") in outline.ids for link in outline.links)
    assert not re.search(r"https?:|@import|<script|<link", page)
    assert set(re.findall(r"url\(#([^)]*)\)", page)) <= set(outline.ids)


def test_page_shows_every_part(page):
    shown = " ".join(Outline(page).text)
    for words in (
        "Golden & small",
        "golden <log>",
        "A user of <vans>",
        "12 views, mostly vans",
        "2017",
        "12,345",
        "epoch",
        "users without profile",
        "Strict: only items alive at the cut",
        "At k = 3 ours reaches Precision 50.00 %, rival 16.67 %: 3.00 times as much (+200%)",
    ):
        assert words in shown, words


def test_page_marks_the_best_and_gives_intervals(page):
    assert re.search(r"<strong>50\.00</strong>\s*<small>33\.33 – 66\.67</small>", page)


def test_figures_take_their_colours_from_the_page(page):
    figures = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(figures) == 3
    for figure in figures:
        assert "var(--series-1)" in figure
        assert "currentColor" in figure
        assert 'role="img" aria-label="' in figure


def test_page_is_the_same_every_time(report):
    assert render(report, title="twice") == render(report, title="twice")


def test_page_without_matplotlib_names_the_extra(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"pip install 'dlrs\[report\]'"):
        render(report, title="no figures")
