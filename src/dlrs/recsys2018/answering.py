"""Answering: a challenge's playlists as users of a prepared data set, and their lists by any of its models.

A challenge playlist is in no log. It becomes a user whose title is his own feature and who met the seeds, in
their order, just before the cut. So networks and baselines answer it as they answer anybody they know by
then.

    P challenge playlists, behind the users of the data set    E seeds that the data set knows
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from dlrs.arrays import NO_ITEM, AnyArray, Ints
from dlrs.bundle import Folder
from dlrs.contenders.at_cut import Known, Offer, build_ours, fit_rival
from dlrs.data.interactions import ALL_TIME, Interactions
from dlrs.errors import DataError
from dlrs.features.rows import EncodedRows
from dlrs.model.nets import open_nets
from dlrs.model.prior import Standing
from dlrs.pipeline import open_pair
from dlrs.prepared import Prepared
from dlrs.profiles.buckets import MICROSECOND
from dlrs.profiles.incremental import fresh_buckets
from dlrs.profiles.learner import learn_profiles
from dlrs.profiles.profile import ProfileFacts
from dlrs.profiles.weights import InteractionWeights
from dlrs.progress import stage, track
from dlrs.recommenders.recommender import Recommender
from dlrs.recsys2018.challenge import LIST, Challenge
from dlrs.recsys2018.playlists import NAME
from dlrs.settings.baselines import PRIMITIVE, Rival

REFIT = "refit"
BLOCK = 512
"""Playlists answered together."""


def answer(
    prepared_folder: Path, trained_folder: Path, challenge: Challenge, model: Rival | None = None
) -> Iterator[list[str]]:
    """Yield the URIs of the 500 best tracks of each playlist, in the order of the challenge.

    A baseline knows nothing of a playlist without seeds, whatever its title: it gets the most popular tracks.

    Args:
        prepared_folder: data set prepared under recipes/recsys2018.toml, or under one like it.
        trained_folder: networks trained on it.
        challenge: whom to answer.
        model: one of the baselines; None: the networks.

    Raises:
        DataError: the data set knows too few tracks, or nothing of titles.
        ArtifactError: the networks were trained on another data set.
    """
    prepared, trained = open_pair(prepared_folder, trained_folder)
    with stage("Take the playlists in"):
        joined = with_playlists(prepared, challenge, since=ALL_TIME if model else _looked_back_to(prepared))
        stood = Known(prepared, prepared.cut_period).standing  # by the whole log, of which joined has a part
        recommender = _built(joined, trained, model, stood)
        unseeded = recommender if model is None else _built(joined, trained, PRIMITIVE, stood)
    seeds = seeds_of(prepared, challenge)
    for start in track(range(0, len(challenge), BLOCK), f"Lists of {model or prepared.recipe.model}"):
        row_U = np.arange(start, min(start + BLOCK, len(challenge)))
        items_UK = np.full((len(row_U), LIST), NO_ITEM)
        seeded_U = np.diff(seeds.indptr)[row_U] > 0
        for asked, are_U in ((recommender, seeded_U), (unseeded, ~seeded_U)):
            rows = row_U[are_U]
            ranking = asked.recommend(len(prepared.user_ids) + rows, LIST, known_UN=seeds[rows])
            items_UK[are_U] = ranking.items_UK
        yield from _uris(items_UK, prepared)


def with_playlists(prepared: Prepared, challenge: Challenge, *, since: int = ALL_TIME) -> Prepared:
    """Return the data set of before the cut with the challenge's playlists as its last users.

    What happened before `since` (microseconds since the epoch) is left out of its log.
    """
    encoding = prepared.encoding
    if encoding.users is None or prepared.own_features is None or NAME not in encoding.users.features.text:
        raise DataError(
            f"challenge: expected a data set whose users have a text '{NAME}', their title, received none. "
            "Prepare it under recipes/recsys2018.toml."
        )
    nothing = pa.nulls(len(challenge), pa.string())
    told = {name: challenge.titles if name == NAME else nothing for name in encoding.users.features.names}
    own = encoding.users.encode(pa.table(told))
    seeds = _seed_log(prepared, challenge)
    encoded, facts = _profiles(prepared, seeds, own)
    before = prepared.interactions.between(since, _cut(prepared))
    seeds = replace(seeds, user_E=seeds.user_E + len(prepared.user_ids))
    # a name that no user of the log can have: a playlist of the log may have the same number
    ids = pa.array([f"challenge {pid}" for pid in challenge.pid_U.tolist()])
    return replace(
        prepared,
        user_ids=pa.concat_arrays([prepared.user_ids.cast(pa.string()), ids]),
        interactions=Interactions(*_joined(before, seeds)),
        profiles=EncodedRows.concatenate([prepared.profiles, encoded]),
        profile_facts=ProfileFacts(*_joined(prepared.profile_facts, facts)),
        own_features=EncodedRows.concatenate([prepared.own_features, own]),
    )


def seeds_of(prepared: Prepared, challenge: Challenge) -> sparse.csr_array:
    """Return which items each playlist tells: (P, N)."""
    log = _seed_log(prepared, challenge)
    return log.matrix(len(challenge), prepared.catalog.items)


def _seed_log(prepared: Prepared, challenge: Challenge) -> Interactions:
    """Return the seeds as events of users 0 to P − 1 at the last moment before the cut, in their order."""
    item_S: AnyArray = pc.index_in(challenge.seeds, value_set=prepared.item_ids).fill_null(-1).to_numpy()
    known_S = item_S >= 0
    item_E = item_S[known_S].astype(np.int64)
    time_E = np.full(len(item_E), _cut(prepared) - 1)
    version_E = prepared.catalog.version_at(item_E, time_E)
    user_E = challenge.playlists.playlist_E[known_S]
    return Interactions(user_E, item_E, version_E, np.zeros_like(item_E), time_E)


def _profiles(prepared: Prepared, seeds: Interactions, own: EncodedRows) -> tuple[EncodedRows, ProfileFacts]:
    """Return the profiles that the seeds make at the cut, and whose they are among all users."""
    marketplace, first = prepared.recipe.marketplace, len(prepared.user_ids)
    psi = prepared.facts["interaction_weights"]
    domain_T = np.array([psi[name] for name in marketplace.interaction_types])
    weights = InteractionWeights(domain_T, np.broadcast_to(domain_T, (len(own), len(domain_T))))
    starts = [marketplace.split.test_from]
    buckets = fresh_buckets(seeds, prepared.versions, marketplace, weights, starts)
    profiles = learn_profiles(buckets, marketplace.profiles, weights, starts)
    encoded = prepared.encoding.encode_profiles(profiles, own.take(profiles.facts.user_P))
    facts = replace(
        profiles.facts,
        user_P=profiles.facts.user_P + first,
        period_P=np.full(len(profiles), prepared.cut_period),
    )
    return encoded, facts


def _built(joined: Prepared, trained: Folder, model: Rival | None, stood: Standing) -> Recommender:
    known = Known(joined, joined.cut_period)
    build = build_ours(open_nets(trained / REFIT), known, stood) if model is None else fit_rival(model, known)
    return build(Offer(joined, joined.catalog.alive_at(_cut(joined))))


def _looked_back_to(prepared: Prepared) -> int:
    """Return since when events matter to the networks: the whole playlists lie before, gigabytes of them."""
    recipe = prepared.recipe
    longest = max(recipe.marketplace.profiles.window, recipe.candidates.recent_window)
    return _cut(prepared) - longest // MICROSECOND


def _cut(prepared: Prepared) -> int:
    return int(prepared.starts_Q[prepared.cut_period])


def _joined(first: Interactions | ProfileFacts, second: Interactions | ProfileFacts) -> Iterator[AnyArray]:
    for field in fields(first):
        yield np.concatenate([getattr(first, field.name), getattr(second, field.name)])


def _uris(items_UK: Ints, prepared: Prepared) -> Iterator[list[str]]:
    if (items_UK == NO_ITEM).any():
        raise DataError(
            f"challenge: expected at least {LIST} tracks beside the seeds of each playlist, received a data "
            f"set with {prepared.catalog.items:,} tracks. Load more slices."
        )
    for items_K in items_UK:
        yield prepared.item_ids.take(pa.array(items_K)).to_pylist()
