"""Alone: the same models asked for warm items only, and for cold ones only.

In one list both kinds take places from each other: who lists more of the new finds more of it, and less of
the rest, whatever he knows about either. Asked for one kind, as a visitor of "new today" asks, a model shows
what it knows of that kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dlrs.arrays import Ints, stores
from dlrs.evaluation.funnel import PerUser
from dlrs.evaluation.groups import COLD, WARM, item_groups, per_user
from dlrs.evaluation.protocol import lists_of
from dlrs.evaluation.static import StaticTest
from dlrs.recommenders.recommender import Recommender


def tests_alone(test: StaticTest) -> dict[str, StaticTest]:
    """Return the test of warm and that of cold items; none where nobody turned to one of the kinds."""
    groups = item_groups(test)
    wanted = {name: groups[name] for name in (WARM, COLD)}
    if not all(test.positives(counted_N).any() for counted_N in wanted.values()):
        return {}
    return {name: test.only(counted_N) for name, counted_N in wanted.items()}


def evaluate_alone(
    recommenders_of: Callable[[Ints], Mapping[str, Recommender]],
    tests: Mapping[str, StaticTest],
    ks: Sequence[int],
    *,
    block: int = 1024,
) -> dict[str, PerUser]:
    """Judge every model on catalogues of one kind of items.

    Args:
        recommenders_of: returns the models over a catalogue, given as version rows.
        tests: what `tests_alone` returned.
        ks: the lengths of lists.
        block: users that are asked for at a time.

    Returns:
        By model: group of items → metric → one value for each user of that group's test.
    """
    found: dict[str, PerUser] = {}
    for group, test in tests.items():
        recommenders = recommenders_of(test.versions_A)
        for name in recommenders:
            items_UK = lists_of(f"{name}, {group}", recommenders[name], test, max(ks), block=block)
            hits_UK = stores(test.relevant_UN, items_UK)
            values = per_user(hits_UK, items_UK, test, test.in_catalogue_N, ks)
            found[name] = {**found.get(name, {}), group: values}
    return found
