"""Figures can be told apart by everybody, in light and in dark."""

import re

import pytest

from dlrs.evaluation.figures import MARKERS, Axes, Line, bar_key, key, line_figure, stacked_figure
from dlrs.evaluation.page import TEMPLATES


def luminance(color):
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_stand_out_from_the_paper_in_light_and_dark():
    """Graphics need a contrast of 3, text one of 4.5 (WCAG 2.1, 1.4.3 and 1.4.11)."""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part))
        for part in style.replace("#fff;", "#ffffff;").split("prefers-color-scheme: dark")
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


def test_a_thirteenth_series_starts_again():
    figure = line_figure(
        "many", "many lines", [Line([0, 1], [n, n], place=n) for n in range(13)], Axes("x", "y")
    )
    assert set(re.findall(r"--series-\d+", figure)) == {f"--series-{n}" for n in range(12)}


def test_titles_and_ids_are_fit_for_html():
    figure = line_figure("a", 'less < more & "so"', [Line([0, 1], [0, 1])], Axes("x", "y"))
    assert 'aria-label="less &lt; more &amp; &quot;so&quot;"' in figure
    assert all(identity.startswith("a-") for identity in re.findall(r'\bid="([^"]*)"', figure))


def test_stacked_bars_stand_on_each_other_in_the_colours_of_their_keys():
    ticks = [(0.0, "one"), (1.0, "two")]
    figure = stacked_figure("s", "stacked", {2: [30, 60], 0: [70, 40]}, Axes("k", "%", x_ticks=ticks))
    bars = re.findall(r'<path d="M ([^"]*)z[^"]*"[^>]*style="fill: var\(--series-(\d+)\)', figure)
    assert [place for _, place in bars] == ["2", "2", "0", "0"]
    # points of a bar: left bottom, right bottom, right top, left top; SVG's y points down
    heights = [[float(number) for number in re.findall(r"[\d.]+", path)][1::2] for path, _ in bars]
    (low_one, top_one), (low_two, top_two) = ((bar[0], bar[2]) for bar in heights[:2])
    assert low_one == low_two
    assert (low_two - top_two) / (low_one - top_one) == pytest.approx(2, abs=0.01)
    assert heights[2][0] == pytest.approx(top_one)  # the second part begins where the first ends
    assert heights[2][2] == pytest.approx(heights[3][2])  # both sum to 100
    assert all(f">{label}<" in figure for label in ("one", "two"))
    assert "var(--series-2)" in bar_key(2)
