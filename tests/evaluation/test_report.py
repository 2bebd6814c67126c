import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from dlrs.errors import MissingExtra
from dlrs.evaluation.figures import MARKERS, key
from dlrs.evaluation.judged import evaluate
from dlrs.evaluation.measures import AT_K, BEYOND, PAIRS, RANKED
from dlrs.evaluation.page import SKEW_COLUMNS, Example, compare, render, render_statistics
from dlrs.evaluation.report import Report, table
from dlrs.evaluation.significance import Difference
from dlrs.evaluation.summary import summarise
from dlrs.statistics import DataStatistics, spread, stretch, timeline


@pytest.fixture
def data(golden):
    """The golden log's own figures."""
    log = golden.args[0]
    day = 86_400_000_000
    since, cut, until = 0, 10 * day, 20 * day
    return DataStatistics(
        marketplace="golden",
        users=4,
        items=6,
        versions=7,
        versions_per_item=spread(np.array([1, 1, 1, 1, 2, 1])),
        weights={"view": 1.25},
        train=stretch(log, since, cut, items=6, types=["view"]),
        test=stretch(log, cut, until, items=6, types=["view"]),
        timeline=timeline(log, since, cut, until),
    )


@pytest.fixture
def of_cut(yardsticks, no_pairs):
    return replace(no_pairs, unit_AK=yardsticks.unit_AK[[0, 1, 2, 4]])


@pytest.fixture
def report(golden, golden_lists, golden_judged, yardsticks, of_cut, data):
    settings = {"resamples": 50, "seed": 0}
    cut = golden(universe="cut")
    lists = {"ours": type(golden_lists["ours"])({0: [1], 2: [5]}), "rival": golden_lists["rival"]}
    common = {"ks": (1, 3), "reference": "ours", **settings}
    strict = summarise(evaluate(lists, cut, of_cut, (1, 3)), cut, of_cut, settings={}, **common)
    named = {"name": "golden <log>"}
    return summarise(golden_judged, golden(), yardsticks, settings=named, data=data, strict=strict, **common)


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
    assert content["settings"] == {"name": "golden <log>", "resamples": 50, "bootstrap_seed": 0}
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
    assert gap == pytest.approx({"mean": -1 / 3, "low": -1 / 3, "high": -1 / 3})
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


def many(report, count):
    """Return the report with copies of the rival, so that it has so many models."""

    def grown(values):
        return values | {f"model {number}": values["rival"] for number in range(len(values), count)}

    parts = {
        name: grown(getattr(report, name)) for name in ("models", "intervals", "warm_items", "cold_items")
    }
    skew = replace(report.skew, models=grown(report.skew.models))
    return replace(report, **parts, skew=skew, strict=report.strict and many(report.strict, count))


class Outline(HTMLParser):
    """Checks that tags close in order, and collects what the page shows and what it names."""

    VOID = frozenset({"meta", "br", "hr", "img", "link"})

    def __init__(self, page):
        super().__init__()
        self.open, self.ids, self.links, self.text, self.tables = [], [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append({"caption": [], "th": [], "td": []})
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        for tag in {"caption", "th", "td"} & set(self.open):
            if data.strip():
                self.tables[-1][tag].append(data.strip())


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


def test_every_table_has_a_caption_and_every_figure_too(page):
    outline = Outline(page)
    assert len(outline.tables) > 20
    assert all(table["caption"] for table in outline.tables)
    figures = re.findall(r"<figure>(.*?)</figure>", page, flags=re.DOTALL)
    assert len(figures) == 11
    assert all(re.match(r"\s*<figcaption>[^<]+</figcaption>", figure) for figure in figures)


def test_every_model_is_in_every_table_of_models(report):
    models = many(report, 10).models
    tables = Outline(render(many(report, 10), title="ten models")).tables
    of_models = [table for table in tables if "model" in table["th"]]
    # two headlines, pairs, beyond accuracy, warm and cold, two strict ones, and every metric in numbers
    assert len(of_models) == 7 + len(AT_K)
    of_models += [table for table in tables if table["caption"] == ["Share in % that the top items have"]]
    assert len(of_models) == 8 + len(AT_K)
    for table_ in of_models:
        assert [name for name in models if name not in table_["th"]] == [], table_["caption"]


def test_every_metric_is_defined_and_shown(page):
    shown = " ".join(" ".join(Outline(page).text).split())
    for measure in (AT_K | PAIRS).values():
        assert measure.definition in shown, measure.title
    assert set(AT_K) == set(RANKED) | set(BEYOND)


def cells(page, caption):
    (found,) = (table["td"] for table in Outline(page).tables if " ".join(table["caption"]) == caption)
    return found


def test_numbers_of_the_pairs_table(page):
    assert cells(page, "AUC and accuracy in %, with 95 % intervals") == [
        *("62.50", "25.00 – 100.00", "75.00", "50.00 – 100.00", "33.33"),
        *("62.50", "25.00 – 100.00", "75.00", "50.00 – 100.00", "–"),
        *("100.00", "100.00", "100.00"),
    ]


def test_numbers_beyond_accuracy(page):
    # of the first three: coverage, Gini, novelty, diversity, serendipity, head share
    shown = cells(page, "Of the first 3 places")
    assert shown[:6] == ["80.00", "0.33", "2.50", "0.63", "33.33", "16.67"]
    assert shown[12:18] == ["100.00", "–", "2.67", "1.50", "33.33", "–"]  # ceilings
    assert shown[18:24] == ["–", "–", "2.40", "0.70", "–", "20.00"]  # random items
    assert shown[24:] == ["–", "–", "2.25", "–", "–", "0.00"]  # what users chose


def test_numbers_of_the_skew_table(page):
    shown = cells(page, "Share in % that the top items have")
    assert len(shown) == len(SKEW_COLUMNS) * 4
    # the top 10 % are half an item, which drew one of three interactions; 50 % are two and a half
    assert shown[:3] == ["1.7", "16.7", "83.3"]


def test_the_data_stand_beside_the_thesis(page, data):
    for shown in (page, render_statistics(data)):
        scale = cells(shown, "Scale, beside that of the thesis")
        assert scale[:4] == ["4", "6", "14,133,620", "3,159,619"]  # interactions
        assert scale[8:12] == ["4", "5", "–", "1,374,153"]  # new pairs
        assert scale[24:28] == ["4", "1", "–", "196,029"]  # cold items
        spreads = cells(
            shown, "Interactions and unique pairs of a user and of an item, of those with at least one"
        )
        assert spreads[:8] == ["train", "1.3", "0.6", "1", "1", "1", "1.5", "2"]
        assert spreads[32:40] == ["thesis", "65", "–", "–", "–", "30", "–", "5,235"]


def test_the_page_of_the_data_is_whole(data):
    outline = Outline(render_statistics(data))
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert "golden: the data" in outline.text


def test_page_without_pairs_data_and_strict_test_has_no_holes(golden, golden_lists, no_pairs):
    judged = evaluate(golden_lists, golden(), no_pairs, (1, 3))
    common = {"ks": (1, 3), "reference": "ours", "resamples": 10, "seed": 0, "settings": {}}
    page = render(summarise(judged, golden(), no_pairs, **common), title="little")
    outline = Outline(page)
    assert {link.removeprefix("#") for link in outline.links} <= set(outline.ids)
    assert cells(page, "AUC and accuracy in %, with 95 % intervals") == ["–"] * 6 + ["100.00"] * 3
    assert "The data" not in outline.text


def luminance(color):
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_stand_out_from_the_paper_in_light_and_dark(page):
    """Graphics need a contrast of 3, text one of 4.5 (WCAG 2.1, 1.4.3 and 1.4.11)."""
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part))
        for part in page.replace("#fff;", "#ffffff;").split("prefers-color-scheme: dark")
    )
    for scheme in (light, dark):
        assert len([name for name in scheme if name.startswith("series")]) == len(MARKERS)
        for name, color in scheme.items():
            needed = 3 if name.startswith("series") else 4.5 if name in ("ink", "soft", "link") else 1
            lighter, darker = sorted((luminance(color), luminance(scheme["paper"])), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= needed, name


def test_each_of_twelve_models_has_a_colour_and_a_marker_of_its_own():
    keys = [key(place) for place in range(12)]
    assert len({re.search(r'd="([^"]*)"', mark)[1] for mark in keys}) == 12
    assert len({re.search(r"--series-\d+", mark)[0] for mark in keys}) == 12
    assert key(12) == key(0)


def test_page_marks_the_best_and_gives_intervals(page):
    assert re.search(r"<strong>50\.00</strong>\s*<small>33\.33 – 66\.67</small>", page)


def test_figures_take_their_colours_from_the_page(page):
    figures = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    figures = [figure for figure in figures if 'class="key"' not in figure]
    assert len(figures) == 6 + 1 + 4  # metrics over k, skew, the data's
    for figure in figures:
        assert "var(--series-0)" in figure
        assert "currentColor" in figure
        assert 'role="img" aria-label="' in figure
        assert "#0a0b" not in figure  # no stand-in colour is left


def test_page_is_the_same_every_time(report):
    assert render(report, title="twice") == render(report, title="twice")


def test_page_without_matplotlib_names_the_extra(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"pip install 'dlrs\[report\]'"):
        render(report, title="no figures")
