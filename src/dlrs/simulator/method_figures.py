"""Method figures: what the method was measured on (method §7, §9), beside what was simulated.

The method's 1.71 million ads are those that somebody looked at in the five weeks. Here `items` counts all
ads of the whole span: about a third is sold before the first train week, so the others are met oftener.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Figure(NamedTuple):
    """One figure, with the name that `facts` has for it."""

    name: str
    fact: str
    method: float


FIGURES = (
    Figure("interactions a user, train", "train_events_per_user", 141.3),
    Figure("pairs a user, train: mean", "train_pairs_per_user_mean", 65),
    Figure("pairs a user, train: median", "train_pairs_per_user_median", 30),
    Figure("pairs a user, train: most", "train_pairs_per_user_max", 5235),
    Figure("pairs an ad, train: mean", "train_pairs_per_item_mean", 4.3),
    Figure("pairs an ad, train: median", "train_pairs_per_item_median", 2),
    Figure("pairs an ad, train: most", "train_pairs_per_item_max", 768),
    Figure("interactions of the top 1 % of ads", "top_1_percent_share", 0.10),
    Figure("interactions of the top 10 % of ads", "top_10_percent_share", 0.43),
    Figure("views", "view", 0.865),
    Figure("bookmarks", "bookmark", 0.126),
    Figure("prints", "print", 0.005),
    Figure("contacts", "contact", 0.004),
    Figure("users active in the test week", "test_users_share", 0.659),
    Figure("new pairs a user, test", "test_new_pairs_per_user", 13.74),
    Figure("test ads that nobody met in train", "test_items_unseen_share", 0.286),
)


def as_text(facts: Mapping[str, Any]) -> str:
    """Return a table: figure, the method's, the simulated one."""
    simulated = {**facts, **facts["type_shares"]}
    rows = [(figure.name, f"{figure.method:g}", f"{simulated[figure.fact]:g}") for figure in FIGURES]
    lines = [("figure", "method", "simulated"), *rows]
    return "\n".join(f"{name:<38}{method:>10}{here:>12}" for name, method, here in lines)
