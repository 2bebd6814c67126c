"""Measures: how the page calls each metric, in which unit it shows it, and what it says it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A metric for people. `unit` is %, bits or nothing; `judges` says that the highest is the best."""

    title: str
    unit: str
    definition: str
    judges: bool = True

    @property
    def heading(self) -> str:
        """The title and the unit."""
        return f"{self.title} in\N{NO-BREAK SPACE}{self.unit}" if self.unit else self.title

    def show(self, value: float) -> str:
        """Return the value in the unit, with two decimals."""
        return f"{100 * value:.2f}" if self.unit == "%" else f"{value:.2f}"


RANKED = {
    "precision": Measure(
        "Precision@k", "%", "Share of the k recommended items that the user turned to in the test window."
    ),
    "map": Measure(
        "MAP@k", "%", "Truncated average precision: Σ precision at each hit, divided by min(R, k)."
    ),
    "map_r": Measure("MAP@k over R", "%", "The same divided by R, the number of relevant items."),
    "recall": Measure("Recall@k", "%", "Share of the user's R relevant items that the list holds."),
    "ndcg": Measure(
        "NDCG@k", "%", "Hits, discounted by log2 of their place + 1, over those of a perfect list."
    ),
    "mrr": Measure("MRR@k", "%", "1 / the place of the first hit, 0 without one."),
    "hit_rate": Measure("HitRate@k", "%", "Share of the users whose list holds any hit."),
}
BEYOND = {
    "coverage": Measure("Coverage@k", "%", "Share of the catalogue that stands in anybody's list."),
    "gini": Measure(
        "Gini@k",
        "",
        "How unequally the lists show the catalogue: 0 all items alike, towards 1 a few alone.",
        judges=False,
    ),
    "novelty": Measure(
        "Novelty@k",
        "bits",
        "Mean −log2 p of the listed items; p is an item's share of the interactions before the cut, with "
        "1 added to each count, so that items that nobody met are the most novel.",
        judges=False,
    ),
    "diversity": Measure(
        "Diversity@k",
        "",
        "1 − mean cosine of the features of all couples of items within a list.",
        judges=False,
    ),
    "serendipity": Measure(
        "Serendipity@k", "%", "Share of the list that is a hit and not among the k most popular items."
    ),
    "head": Measure(
        "Head share@k", "%", "Share of the list that belongs to the most popular 1 % of items.", judges=False
    ),
}
PAIRS = {
    "auc": Measure(
        "AUC", "%", "Chance that a positive of the user scores above a negative of his; a tie counts half."
    ),
    "accuracy": Measure(
        "Accuracy",
        "%",
        "Share of right answers if the better-scored half of each user's pairs is called positive.",
    ),
    "accuracy_at_half": Measure(
        "Accuracy, p̂ > 0.5", "%", "Share of all pairs on the right side of p̂ = 0.5, as the thesis has it."
    ),
}
AT_K = RANKED | BEYOND
STAGES = {
    "known": "The user had met the item before the cut: it is filtered out, for all models alike.",
    "outside": "The item is not in the catalogue of the test: no model could recommend it.",
    "candidates": "The retrieval did not find it: it is not among the T candidates.",
    "cut": "It is a candidate, but behind those that were handed on to be ranked.",
    "ranker": "It was ranked, but below place k.",
    "hit": "It stands among the first k.",
}
"""Where a held-out pair of a user and an item ends: see `funnel`."""
USER_GROUPS = (
    "Events are those before the cut, of any kind. Users with at least one are put into three parts as equal "
    "as ties allow; who has none is cold, and shown if there is such a user in the test."
)
