"""Showcase: one user and his recommendations, for people to look at; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dlrs.arrays import NO_ITEM, Ints
from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.relaxing import Step
from dlrs.candidates.filtering.shortfall import Shortfall
from dlrs.candidates.histories import serving_histories
from dlrs.errors import DataError
from dlrs.evaluation.page import Example
from dlrs.evaluation.static import StaticTest
from dlrs.features.words import item_in_words, profile_in_words
from dlrs.prepared import Prepared
from dlrs.publishing.moment import AtWatermark
from dlrs.publishing.published import Rank, open_current
from dlrs.schema import ITEM, Features, written

EXAMPLES = 3
MISSING = "–"
"""What `item_in_words` has for no value."""


@dataclass(frozen=True)
class Recommendation:
    """What one user is recommended, with his profile in words; items best first, raw features.

    For `filters`, `steps` and `shortfall` see `published.Recommended`.
    """

    user_id: str
    bundle_id: str
    profile: list[str]
    items: list[dict[str, Any]]
    filters: tuple[Filter, ...] = ()
    steps: int = 0
    shortfall: Shortfall | None = None


def recommend_to_user(
    prepared: Prepared,
    registry: Path,
    user_id: str,
    k: int,
    filters: Sequence[Filter] = (),
    relax: Sequence[Step] = (),
) -> Recommendation:
    """Recommend to one user, by his profile at the end of the log, from the current bundle.

    Raises:
        DataError: the log does not know the user, or he has no profile then.
        ArtifactError: the bundle was made under another schema.
        RequestError: a filter does not fit the catalogue, or a step none of the filters.
    """
    published = open_current(registry, prepared.encoding)
    row = _profile_row(prepared, user_id)
    profile = prepared.profiles.take(np.array([row]))
    met = prepared.interactions.beside(prepared.refused)
    seen = met.item_E[met.user_E == prepared.profile_facts.user_P[row]]
    known_ids = prepared.item_ids.take(np.unique(seen))
    histories = serving_histories(prepared, published.recipe)
    history = None if histories is None else histories.take(prepared.profile_facts.user_P[[row]])
    found = published.recommend(
        profile,
        k,
        known_ids=known_ids,
        history=history,
        filters=filters,
        relax=relax,
        rank=_by_the_moment(AtWatermark.of(prepared, published), prepared.profile_facts.user_P[[row]]),
    )
    in_words = words(prepared, row)
    return Recommendation(
        user_id, published.bundle_id, in_words, found.items, found.filters, found.steps, found.shortfall
    )


def _by_the_moment(moment: AtWatermark | None, user_1: Ints) -> Rank | None:
    """Return what asks the ranker of the moment; None where a bundle has none."""
    if moment is None:
        return None
    return lambda k, known_1A, where: moment.recommend(user_1, k, known_RA=known_1A, where=where)


def as_text(found: Recommendation, features: Features) -> Group:
    """Return a profile in words and the items below it, a block each, for a terminal of any width.

    A feature that an item has no value of is left out.
    """
    items = Table.grid(padding=(0, 2))
    items.add_column(justify="right")
    items.add_column(overflow="fold")
    for rank, item in enumerate(found.items, start=1):
        described = item_in_words(item, features).items()
        values = " · ".join(f"{name}: {value}" for name, value in described if value != MISSING)
        items.add_row(str(rank), Text.assemble((str(item[ITEM]), "bold"), "\n" if values else "", values))
    return Group(
        Text(f"User {found.user_id}", style="bold"),
        *(Padding(Text(line), (0, 0, 0, 2)) for line in found.profile),
        Text(f"\nThe {len(found.items)} best of bundle {found.bundle_id}, best first", style="bold"),
        items,
        *map(Text, _remarks(found)),
    )


def _remarks(found: Recommendation) -> list[str]:
    """Return what was relaxed and why there are so few, a line each; nothing where all was as asked."""
    remarks = []
    if found.steps:
        left = ", ".join(wanted.model_dump_json(exclude_defaults=True) for wanted in found.filters)
        remarks.append(f"Relaxed by {found.steps} of the steps. What held: {left or 'no filter'}.")
    short = found.shortfall
    if short is not None:
        reason = {"few pass": "few pass", "known": "the user knows the others"}[short.reason]
        remarks.append(
            f"{short.found} of {short.asked}: {reason}. {short.matching:,} items pass what held; "
            f"each alone: {_numbers(short.alone)}; all but this one: {_numbers(short.without)}."
        )
    return remarks


def _numbers(counts: Sequence[int]) -> str:
    return ", ".join(f"{count:,}" for count in counts)


def active_user(prepared: Prepared) -> str:
    """Return the id of a user with a profile of middling size at the end of the log: to show."""
    rows_U = prepared.profile_of_QU[prepared.serving_period]
    rows = rows_U[rows_U >= 0]
    if len(rows) == 0:
        raise DataError("recommend: expected a user with a profile at the end of the log, received none.")
    middle = rows[np.argsort(prepared.profile_facts.events_P[rows], kind="stable")[len(rows) // 2]]
    return str(prepared.user_ids[int(prepared.profile_facts.user_P[middle])])


def examples(prepared: Prepared, test: StaticTest, ours_UK: Ints) -> list[Example]:
    """A few users of the test, from the least to the most active of them, and our best five.

    `ours_UK` are our lists for all users of the test: item rows, padded with `NO_ITEM`.
    """
    rows_U = prepared.profile_of_QU[prepared.cut_period][test.users_U]
    by_activity = np.argsort(prepared.profile_facts.events_P[rows_U], kind="stable")
    chosen = np.unique(by_activity[np.linspace(0, len(by_activity) - 1, EXAMPLES + 2).astype(int)[1:-1]])
    features = prepared.recipe.marketplace.features
    shown = []
    for user, items_K in zip(chosen, ours_UK[chosen, :5], strict=True):
        versions = test.versions_A[np.searchsorted(test.items_A, items_K[items_K != NO_ITEM])]
        items = [
            {"item": item[ITEM]} | item_in_words(item, features)
            for item in prepared.versions.take(versions).to_pylist()
        ]
        user_id = prepared.user_ids[int(test.users_U[user])].as_py()
        shown.append(Example(f"User {user_id}", words(prepared, int(rows_U[user])), items))
    return shown


def words(prepared: Prepared, row: int) -> list[str]:
    """Return the profile in row `row` in words."""
    profile = prepared.profiles.take(np.array([row]))
    features = prepared.recipe.marketplace.features
    return profile_in_words(prepared.profile_facts, profile, row, prepared.encoding, features)


def _profile_row(prepared: Prepared, user_id: str) -> int:
    user = pc.index(prepared.user_ids, user_id).as_py()
    if user < 0:
        raise DataError(
            f"recommend: expected the id of a user of the log, received '{user_id}'. "
            f"Ids look like '{prepared.user_ids[0]}'."
        )
    row = int(prepared.profile_of_QU[prepared.serving_period, user])
    if row < 0:
        rules = prepared.recipe.marketplace.profiles
        raise DataError(
            f"recommend: user '{user_id}' has fewer than {rules.minimum_events} events in the last "
            f"{written(rules.window)} of the log, so no profile. Another user: '{active_user(prepared)}'."
        )
    return row
