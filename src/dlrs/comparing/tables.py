"""The tables of a comparison, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dlrs.comparing.grid import KNOBS
from dlrs.comparing.measuring import Measured
from dlrs.comparing.result import Comparison, Network


def as_markdown(found: Comparison) -> str:
    """Return compare.md."""
    parts = [
        summary(found),
        "## Every index, strategy and objective",
        _ways(found),
        "## Looking at more, and at less",
        _efforts(found),
    ]
    return "\n\n".join(parts) + "\n"


def summary(found: Comparison) -> str:
    """Return its head: who was asked, the networks, and what λ and the strategies change."""
    parts = [
        f"# How candidates are found: {found.marketplace}",
        f"{found.test['users']:,} test users, {found.test['items']:,} items, T = {found.count:,} candidates. "
        "Percentages are means over the users, ± their standard error; *kept* is the share of the "
        "gold standard's top 10 and 100; ms are CPU time of one thread a user: finding candidates where all "
        "ask together, and where one asks alone; ranking them.",
        "## The networks, every item ranked",
        _networks(found.networks),
        "## The λ dial: Precision@5 %, and of the gold standard's top 100 kept %",
        _dial(found),
    ]
    return "\n\n".join(parts)


def _networks(networks: Sequence[Network]) -> str:
    rows = (
        [
            network.objective,
            str(network.best_epoch),
            f"{network.auc:.4f}",
            *(_percent(network.means, network.errors, f"precision@{k}") for k in (5, 10)),
        ]
        for network in networks
    )
    return table(["objective", "best epoch", "AUC, validation", "P@5 %", "P@10 %"], rows)


def _dial(found: Comparison) -> str:
    """Return a row for each objective, and a column for each strategy over the first index."""
    values = {
        (
            one.objective,
            one.strategy,
        ): f"{100 * one.means['precision@5']:.2f}, {100 * one.means['kept@100']:.0f}"
        for one in found.at_count()
        if one.index == found.reference[0]
    }
    rows = (
        [name, *(values.get((name, strategy), "") for strategy in found.strategies)]
        for name in found.objectives
    )
    return table([f"over the index {found.reference[0]}", *found.strategies], rows)


def _ways(found: Comparison) -> str:
    built = {(one.objective, one.index): one for one in found.built}
    rows = (
        [
            one.objective,
            one.index,
            one.strategy,
            *(f"{100 * one.means[name]:.1f}" for name in ("kept@10", "kept@100", "recall")),
            *(_percent(one.means, one.errors, f"precision@{k}") for k in (5, 10)),
            _milliseconds(one),
            f"{built[one.objective, one.index].build_seconds:.1f}",
            f"{built[one.objective, one.index].bytes_an_item:.0f}",
        ]
        for one in found.at_count()
    )
    head = ["objective", "index", "strategy", "kept@10 %", "kept@100 %", "recall %", "P@5 %", "P@10 %", "ms"]
    return table([*head, "build s", "B an item"], rows)


def _efforts(found: Comparison) -> str:
    ways = (one for one in found.measured if one.index in KNOBS and one.count == found.count)
    first = (one for one in ways if one.strategy == found.reference[1])
    rows = (
        [
            one.objective,
            one.index,
            f"{one.effort:g} × {KNOBS[one.index]}",
            f"{100 * one.means['kept@100']:.1f}",
            _percent(one.means, one.errors, "precision@5"),
            _milliseconds(one),
        ]
        for one in sorted(first, key=lambda one: (one.objective, one.index, one.effort))
    )
    return table(["objective", "index", "looks at", "kept@100 %", "P@5 %", "ms"], rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table.

    >>> print(table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def _milliseconds(one: Measured) -> str:
    return f"{one.ms_together:.2f}, {one.ms_alone:.2f}; {one.ms_ranking:.2f}"


def _percent(means: Mapping[str, float], errors: Mapping[str, float], name: str) -> str:
    return f"{100 * means[name]:.2f} ± {100 * errors[name]:.2f}"
