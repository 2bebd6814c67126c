"""The pages: every part, every number in its place, and fit to be read by everybody."""

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from dlrs.errors import MissingExtra
from dlrs.evaluation.judged import evaluate
from dlrs.evaluation.measures import AT_K, BEYOND, PAIRS, RANKED
from dlrs.evaluation.page import SKEW_COLUMNS, Example, compare, render, render_statistics
from dlrs.evaluation.significance import Difference
from dlrs.evaluation.summary import summarise


def with_gap(report, ours, theirs, low, high):
    models = {"ours": {"precision@3": ours}, "rival": {"precision@3": theirs}}
    gap = Difference(theirs - ours, low, high)
    return replace(report, models=models, differences={"rival": {"precision@3": gap}}, ratios={})


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
        "At k = 3 ours reaches Precision 50.00 %, rival 16.67 %: 3.00 times as much (+200%), at least 2.00, "
        "too few users (2) to say (difference +33.33 points, 95 % interval +33.33 to +33.33)."
    )


def test_page_says_that_users_are_too_few_instead_of_stars(report, page):
    said = "Too few users (2) to say which model is better: with fewer than 40 chance looks like a difference"
    assert said in " ".join(page.split())
    assert "A star marks" not in page.split("Warm and cold items")[0]
    assert "too few users (2) to say" in cells(page, "The others minus ours, in points")
    gaps = {
        name: {key: replace(gap, users=40) for key, gap in metrics.items()}
        for name, metrics in report.differences.items()
    }
    enough = render(replace(report, differences=gaps), title="enough")
    assert "Too few users" not in enough.split("Strict")[0]
    assert "A star marks" in enough


def many(report, count):
    """Return the report with copies of the rival, so that it has so many models."""

    def grown(values):
        return values | {f"model {number}": values["rival"] for number in range(len(values), count)}

    parts = {
        name: grown(getattr(report, name)) for name in ("models", "intervals", "warm_items", "cold_items")
    }
    skew = replace(report.skew, models=grown(report.skew.models))
    parts["user_groups"] = tuple(
        replace(group, models=grown(group.models), intervals=grown(group.intervals))
        for group in report.user_groups
    )
    parts["alone"] = {
        group: replace(part, models=grown(part.models), intervals=grown(part.intervals))
        for group, part in report.alone.items()
    }
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
            ("Training", [{"epoch": 1, "loss": 0.512345678, "validation": None, "pairs": 12345}]),
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
    assert len(figures) == 14
    assert all(re.match(r"\s*<figcaption>[^<]+</figcaption>", figure) for figure in figures)


def test_every_model_is_in_every_table_of_models(report):
    models = many(report, 10).models
    tables = Outline(render(many(report, 10), title="ten models")).tables
    of_models = [table for table in tables if "model" in table["th"]]
    # two headlines, pairs, beyond accuracy, warm and cold, each of both alone, groups of users, two strict
    # ones, and every metric
    assert len(of_models) == 10 + len(AT_K)
    of_models += [table for table in tables if table["caption"] == ["Share in % that the top items have"]]
    assert len(of_models) == 11 + len(AT_K)
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


def test_facts_are_written_for_people(page):
    assert cells(page, "Training") == ["0.5123", "–", "12,345"]
    assert cells(page, "Recommended, best first") == ["2017"]


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


def test_page_marks_the_best_and_gives_intervals(page):
    assert re.search(r"<strong>50\.00</strong>\s*<small>33\.33 – 66\.67</small>", page)


def test_figures_take_their_colours_from_the_page(page):
    figures = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    figures = [figure for figure in figures if 'class="key"' not in figure]
    assert len(figures) == 6 + 3 + 1 + 4  # metrics over k, trade-offs, skew, the data's
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
