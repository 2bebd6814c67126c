"""Page: the report for people, one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from dlrs.evaluation import thesis
from dlrs.evaluation.data_section import data_section
from dlrs.evaluation.figures import bar_key, key, line_key
from dlrs.evaluation.measures import AT_K, BEYOND, PAIRS, RANKED, STAGES, USER_GROUPS, Measure
from dlrs.evaluation.page_stages import against_reference, bounds, doubt, gains, losses, mark, reach, times
from dlrs.evaluation.report import HEADLINE, Report
from dlrs.evaluation.report_figures import STAGE_PLACES, curve, funnel, skew_curve, trade_off
from dlrs.statistics import DataStatistics

TEMPLATES = Path(__file__).with_name("templates")
TRADE_OFFS = ("coverage", "novelty", "diversity")
CURVES = ("precision", "map", "recall", "ndcg", "mrr", "hit_rate")
SKEW_COLUMNS = (0.01, 0.1, 0.5)

Rows = Mapping[str, object] | Sequence[Mapping[str, object]]
"""Facts as name → value, or as records with the same keys: then the keys head the columns."""


@dataclass(frozen=True)
class Example:
    """A user in words and what he is recommended, best first; the items have the same keys."""

    user: str
    profile: Sequence[str]
    items: Sequence[Mapping[str, object]]


def render(
    report: Report,
    *,
    title: str,
    rivals: Sequence[str] = (),
    examples: Sequence[Example] = (),
    facts: Sequence[tuple[str, Rows]] = (),
) -> str:
    """Return report.html.

    Args:
        report: what `summary.summarise` returned.
        title: heading of the page.
        rivals: models that the reference is compared with in a sentence each, win or lose.
        examples: users and their recommendations.
        facts: titled tables about the data, the training, the machine.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    curves = {AT_K[metric].heading: Markup(curve(report, metric)) for metric in CURVES}
    keys = {name: Markup(key(place)) for place, name in enumerate(report.models)}
    return _template("report.html.jinja").render(
        report=report,
        title=title,
        contents=_contents(report, examples),
        keys=keys,
        legend=[(keys[name], name) for name in report.models],
        headline=HEADLINE,
        ranked=RANKED,
        beyond=BEYOND,
        pairs=PAIRS,
        at_k=AT_K,
        over_k=_over_k,
        pair_columns=[(measure.title, metric, measure) for metric, measure in PAIRS.items()],
        beyond_columns=[_column(metric, measure, report.headline_k) for metric, measure in BEYOND.items()],
        thesis=thesis,
        mark=mark,
        times=times,
        sentences=[compare(report, rival, metric) for rival in rivals for metric in HEADLINE],
        curves=curves,
        skew_curve=Markup(skew_curve(report.skew)),
        skew_columns=[f"{100 * share:g}" for share in SKEW_COLUMNS],
        skew_rows=_skew_rows(report, keys),
        examples=examples,
        data=report.data,
        test={name: f"{count:,}" for name, count in report.test.items()},
        facts=facts,
        **_comparisons(report),
        **({} if report.data is None else data_section(report.data)),
    )


def render_statistics(data: DataStatistics) -> str:
    """Return a page of a data set's own figures, which needs no model.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    template = _template("statistics.html.jinja")
    return template.render(title=f"{data.marketplace}: the data", data=data, **data_section(data))


def compare(report: Report, rival: str, metric: str) -> str:
    """Say in a sentence how the reference stands to a rival at the headline k.

    As in: At k = 5 two-stage reaches Precision 1.03 %, cf 0.42 %: 2.45 times as much (+145%), 2.02 to 3.01,
    beyond chance (difference +0.61 points, 95 % interval +0.50 to +0.72).
    """
    at_k, measure = f"{metric}@{report.headline_k}", RANKED[metric]
    gap = report.differences[rival][at_k].reversed()
    ours, theirs = report.models[report.reference][at_k], report.models[rival][at_k]
    ratio = report.ratio(rival, at_k)
    relation = "no ratio to zero" if ratio is None else f"{ratio:.2f} times as much ({ratio - 1:+.0%})"
    between = bounds(report.ratios.get(rival, {}).get(at_k))
    if gap.too_few:
        sure = doubt(gap)
    elif gap.beyond_chance and not gap.stands:
        sure = f"beyond chance alone, but not among all {report.comparisons} comparisons"
    else:
        sure = "beyond chance" if gap.beyond_chance else "which may be chance"
    return (
        f"At k = {report.headline_k} {report.reference} reaches {measure.title.split('@')[0]} "
        f"{measure.show(ours)} %, {rival} {measure.show(theirs)} %: {relation}{between}, {sure} (difference "
        f"{100 * gap.mean:+.2f} points, 95 % interval {100 * gap.low:+.2f} to {100 * gap.high:+.2f})."
    )


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["fact"] = _fact
    return environment.get_template(name)


def _fact(value: object) -> str:
    """Return a value as people read it; a year keeps its four digits together."""
    match value:
        case None:
            return "–"
        case int() if abs(value) >= 10_000:
            return f"{value:,}"
        case float():
            return f"{value:.4g}"
        case _:
            return str(value)


def _contents(report: Report, examples: Sequence[Example]) -> list[tuple[str, str]]:
    """Return the anchor and the name of each section there is."""
    sections = {
        "headline": "Precision and MAP",
        "curves": "Over k",
        "pairs": "AUC and accuracy",
        "beyond": "Beyond accuracy",
        "trade-offs": "Trade-offs",
        "skew": "Popularity skew",
        "cold": "Warm and cold",
        "users": "Few and many events",
        "stages": "Stage by stage",
        "seeds": "Seeds",
        "strict": "Strict",
        "numbers": "Every number",
        **{section.anchor: section.title for section in report.more},
        "examples": "Examples",
        "data": "The data",
        "basis": "What this rests on",
    }
    shown = {
        "users": report.user_groups,
        "stages": report.stages,
        "seeds": report.seeds > 1,
        "strict": report.strict,
        "examples": examples,
        "data": report.data,
    }
    return [(anchor, name) for anchor, name in sections.items() if shown.get(anchor, True)]


def _column(metric: str, measure: Measure, k: int) -> tuple[str, str, Measure]:
    return measure.heading.replace("@k", ""), f"{metric}@{k}", measure


def _over_k(report: Report, metric: str, measure: Measure) -> list[tuple[str, str, Measure]]:
    """Return a column for each k at which the metric has values: heading, key, measure."""
    known = next(iter(report.models.values()))
    return [(f"k = {k}", f"{metric}@{k}", measure) for k in report.ks if f"{metric}@{k}" in known]


def _comparisons(report: Report) -> dict[str, Any]:
    """Return what the page says of differences, trade-offs, groups of users, stages and seeds."""
    known = next(iter(report.models.values()))
    trade_offs = [metric for metric in TRADE_OFFS if f"{metric}@{report.headline_k}" in known]
    return {
        "against": against_reference(report),
        "trade_offs": {
            f"{RANKED['precision'].title} against {AT_K[metric].title}": Markup(trade_off(report, metric))
            for metric in trade_offs
        },
        "user_group_definition": USER_GROUPS,
        "stage_definitions": STAGES,
        "stage_keys": {stage: Markup(bar_key(place)) for stage, place in STAGE_PLACES.items()},
        "funnels": _funnels(report),
        "losses": {name: losses(report, name) for name in report.stages},
        "reach": {name: reach(report, name) for name in report.stages},
        "strict_losses": _strict_losses(report),
        "gains": {name: gains(report, name) for name in report.stages},
        "spread": _spread_rows(report),
    }


def _funnels(report: Report) -> dict[str, dict[str, Markup]]:
    """Return the figures of each model, by caption: over the whole window, and over the items at the cut."""
    figures = {
        name: {"Items alive in the window, in %": Markup(funnel(report, name, f"funnel-{place}"))}
        for place, name in enumerate(report.stages)
    }
    if report.strict:
        for place, name in enumerate(report.strict.stages):
            strict = funnel(report.strict, name, f"funnel-strict-{place}")
            figures[name]["Only items alive at the cut, in %"] = Markup(strict)
    return figures


def _strict_losses(report: Report) -> dict[str, list[dict[str, Any]]]:
    strict = report.strict
    return {name: losses(strict, name) if strict and name in strict.stages else [] for name in report.stages}


def _spread_rows(report: Report) -> list[dict[str, str]]:
    columns = {f"{metric}@{report.headline_k}": measure for metric, measure in AT_K.items()}
    return [
        {"model": name}
        | {
            measure.heading.replace("@k", f"@{report.headline_k}"): measure.show(spread[metric])
            for metric, measure in columns.items()
            if metric in spread
        }
        for name, spread in report.spread.items()
    ]


def _skew_rows(report: Report, keys: Mapping[str, Markup]) -> list[dict[str, Any]]:
    skew = report.skew
    curves = [
        (Markup(line_key("solid")), "interactions before the cut", skew.log),
        (Markup(line_key("dashed")), "what users chose", skew.chosen),
        *((keys[name], name, shares) for name, shares in skew.models.items()),
    ]
    columns = [skew.shares_of_items.index(share) for share in SKEW_COLUMNS]
    return [
        {"key": mark, "name": name, "shares": [f"{100 * shares[column]:.1f}" for column in columns]}
        for mark, name, shares in curves
    ]
