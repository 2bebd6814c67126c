"""Judged: what every recommender's lists and scores are worth, metric by metric.

`N` counts every item row there is, `A` only the items of the catalogue of the test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scipy import sparse

from dlrs.arrays import Doubles, Ints, positions_in, stores
from dlrs.evaluation.funnel import PerUser, Stages, look_into
from dlrs.evaluation.groups import ALL, COLD, WARM, item_groups, per_user
from dlrs.evaluation.pairs import BalancedPairs, judge_pairs
from dlrs.evaluation.protocol import lists_of
from dlrs.evaluation.staged import shortlists, staged
from dlrs.evaluation.static import StaticTest
from dlrs.metrics import beyond
from dlrs.metrics.pairs import accuracy_at
from dlrs.recommenders.recommender import Recommender


@dataclass(frozen=True)
class Yardsticks:
    """What lists and scores are held against, besides what the users turned to."""

    primitive: str  # the recommender whose lists are what anybody would expect
    unit_AK: sparse.csr_array  # the encoded features of each item of the catalogue, as rows of length 1
    pairs: BalancedPairs
    thresholds: Mapping[str, float] = field(default_factory=dict)  # recommender → score that says p̂ = 0.5
    held_out_UN: sparse.csr_array | None = None  # with it, stages are looked into: see `funnel.held_out`


@dataclass(frozen=True)
class Judged:
    """One recommender's lists and what they are worth: metric → one value for each user.

    `warm_items` and `cold_items` judge the same lists with only the positives that somebody, or
    nobody, met before the cut; their users are those with at least one such positive, so fewer.
    """

    items_UK: Ints
    positions_UK: Ints  # the same lists by position in the catalogue
    all_items: dict[str, Doubles]
    warm_items: dict[str, Doubles]
    cold_items: dict[str, Doubles]
    beyond_accuracy: dict[str, Doubles]  # novelty@k, diversity@k, serendipity@k, head@k
    pairs: dict[str, Doubles]  # auc and accuracy, of the users who have pairs
    together: dict[str, float]  # of all users at once: coverage@k, gini@k, accuracy_at_half
    stages: Stages | None = None  # of a recommender that has several, where they were looked into
    alone: PerUser = field(default_factory=dict)  # asked for warm, and for cold items only (`alone`)


def evaluate(
    recommenders: Mapping[str, Recommender],
    test: StaticTest,
    yardsticks: Yardsticks,
    ks: Sequence[int],
    *,
    block: int = 1024,
) -> dict[str, Judged]:
    """Ask each recommender for its best max(ks) items and for the scores of the pairs, and judge both.

    They are asked one after the other, so that a mapping may build each when it is looked up.

    Raises:
        ProtocolError: a recommender broke the protocol.
    """
    primitive = yardsticks.primitive
    expected_UK = lists_of(primitive, recommenders[primitive], test, max(ks), block=block)
    return {
        name: _judge(name, recommenders[name], expected_UK, test, yardsticks, ks, block)
        for name in recommenders
    }


def _judge(
    name: str,
    recommender: Recommender,
    expected_UK: Ints,
    test: StaticTest,
    yardsticks: Yardsticks,
    ks: Sequence[int],
    block: int,
) -> Judged:
    items_UK = expected_UK
    if name != yardsticks.primitive:
        items_UK = lists_of(name, recommender, test, max(ks), block=block)
    hits_UK = stores(test.relevant_UN, items_UK)
    positions_UK = positions_in(test.items_A, items_UK.ravel()).reshape(items_UK.shape)
    groups = item_groups(test)
    scores_P, of_pairs = judge_pairs(recommender, test, yardsticks.pairs)
    at_half = {}
    if name in yardsticks.thresholds and len(scores_P):
        threshold = yardsticks.thresholds[name]
        at_half = {"accuracy_at_half": accuracy_at(scores_P, yardsticks.pairs.positive_P, threshold)}
    return Judged(
        items_UK=items_UK,
        positions_UK=positions_UK,
        all_items=per_user(hits_UK, items_UK, test, groups[ALL], ks),
        warm_items=per_user(hits_UK, items_UK, test, groups[WARM], ks),
        cold_items=per_user(hits_UK, items_UK, test, groups[COLD], ks),
        beyond_accuracy=_beyond_accuracy(positions_UK, test, yardsticks.unit_AK, ks)
        | {f"serendipity@{k}": beyond.serendipity(hits_UK, items_UK, expected_UK, k) for k in ks},
        pairs=of_pairs,
        together=_spread(positions_UK, len(test.items_A), ks) | at_half,
        stages=_stages(name, recommender, items_UK, test, yardsticks, ks, block),
    )


def _stages(
    name: str,
    recommender: Recommender,
    items_UK: Ints,
    test: StaticTest,
    yardsticks: Yardsticks,
    ks: Sequence[int],
    block: int,
) -> Stages | None:
    inside = None if yardsticks.held_out_UN is None else staged(recommender)
    if inside is None or yardsticks.held_out_UN is None:
        return None
    found = shortlists(name, inside, test, max(ks), block=block)
    return look_into(found, items_UK, yardsticks.held_out_UN, test, ks)


def _beyond_accuracy(
    positions_UK: Ints, test: StaticTest, unit_AK: sparse.csr_array, ks: Sequence[int]
) -> dict[str, Doubles]:
    information_A, head_A = beyond.self_information(test.counts_A), beyond.head(test.counts_A)
    novelty = {f"novelty@{k}": beyond.list_mean(information_A, positions_UK, k) for k in ks}
    couples = {f"diversity@{k}": beyond.diversity(unit_AK, positions_UK, k) for k in ks if k > 1}
    of_head = {f"head@{k}": beyond.list_mean(head_A, positions_UK, k) for k in ks}
    return novelty | couples | of_head


def _spread(positions_UK: Ints, items: int, ks: Sequence[int]) -> dict[str, float]:
    shown = {k: beyond.exposure(positions_UK, items, k) for k in ks}
    covered = {f"coverage@{k}": float((shown_A > 0).mean()) for k, shown_A in shown.items()}
    return covered | {f"gini@{k}": beyond.gini(shown_A) for k, shown_A in shown.items()}
