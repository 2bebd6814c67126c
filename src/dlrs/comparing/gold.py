"""The gold standard of a prepared data set's test users: who is asked about, and by which networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from dlrs import bundle
from dlrs.bundle import Folder
from dlrs.comparing.objectives import open_thesis_pair
from dlrs.errors import ArtifactError
from dlrs.evaluation.gold_standard import IDENTITY, KIND, AllPairs, GoldStandard, write_gold
from dlrs.evaluation.static import StaticTest
from dlrs.judging.at_cut import headline_test
from dlrs.model.forward import Nets, Representations, load_nets
from dlrs.prepared import Prepared
from dlrs.recommenders.recommender import Audience


def gold(prepared_folder: Path, trained_folder: Path, out: Path, *, users: int, keep: int) -> Folder:
    """Write the gold standard of test users as RankNet of the `validated` networks sees it.

    The users are those of the headline test, or a seeded sample of so many of them; the items are the test's
    catalogue; what a user knew at the cut is left out.

    Raises:
        ArtifactError: networks of another encoding, or a history network, or something else is in the way.
    """
    prepared, trained = open_thesis_pair(prepared_folder, trained_folder)
    test = some_users(headline_test(prepared), users, prepared.recipe.evaluation.seed)
    facts: dict[str, Any] = {"encoding_hash": prepared.encoding.hash}
    nets = load_nets(trained / "validated")
    pairs = all_pairs(prepared, test, nets, embed_catalogue(prepared, test, nets))
    return write_gold(pairs, keep, out, facts=facts)


def open_or_write(pairs: AllPairs, keep: int, out: Path) -> GoldStandard:
    """Return the gold standard that is at `out`, if it is the one asked for, or write it there."""
    try:
        known = bundle.open_folder(out, KIND).facts.get(IDENTITY)
    except ArtifactError:
        known = None
    if known != pairs.identity(keep):
        write_gold(pairs, keep, out, facts={})
    return GoldStandard.open(out)


def some_users(test: StaticTest, most: int, seed: int) -> StaticTest:
    """Return the test of a seeded sample of its users, or of all if there are no more than `most`."""
    if len(test.users_U) <= most:
        return test
    chosen = np.sort(np.random.default_rng(seed).choice(len(test.users_U), most, replace=False))
    left_out = test.left_out
    beyond = left_out.users_beyond_sample + len(test.users_U) - most
    return replace(
        test,
        users_U=test.users_U[chosen],
        known_UN=test.known_UN[chosen],
        relevant_UN=test.relevant_UN[chosen],
        left_out=replace(left_out, users_beyond_sample=beyond),
    )


def embed_catalogue(prepared: Prepared, test: StaticTest, nets: Nets) -> Representations:
    """Return what ItemNet makes of the test's items."""
    return nets.embed_items(prepared.encoded_versions.take(test.versions_A))


def all_pairs(prepared: Prepared, test: StaticTest, nets: Nets, items: Representations) -> AllPairs:
    """Return the test's users, by their profiles at the cut, and its items, as the networks see them."""
    return AllPairs(
        nets=nets,
        users_U=test.users_U,
        users=nets.embed_users(audience(prepared).take(test.users_U)),
        items_A=test.items_A,
        items=nets.item_halves(items),
        known_UA=sparse.csr_array(test.known_UN[:, test.items_A]),
    )


def audience(prepared: Prepared) -> Audience:
    """Return everybody's profiles at the cut."""
    profile_of_U = prepared.profile_of_QU[prepared.cut_period]
    return Audience(prepared.profiles, profile_of_U, prepared.encoding.space, prepared.own_features)
