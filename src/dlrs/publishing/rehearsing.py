"""Rehearsing: what a bundle would do is found out before it is served.

Two questions, each with a floor:

- **Recall**: of the T items that are nearest to what its strategy asks for, how many does its index find? For
  users of the test window, against the exact comparison of all vectors.
- **Relevance**: how many of the first K items did users turn to, with its networks, and its ranker of the
  moment if it has one, and with those of the current bundle? Both rank the same items for the same users, by
  the same profiles of the cut; what counts is what the users first turned to in the test window. A bundle is
  refused if its precision is below 0.8 of the current one's on 97.5 % of the bootstrap's resamples of users.

What it can tell: that networks are broken, were trained on the wrong data, or do not fit their encoding. The
new networks never saw the test window, nor did the current ones if they are of the same data or earlier;
networks of later data did, and the comparison favours them. What it cannot tell: a loss of a few per cent,
what strangers will be shown, and whether people will like the lists: that needs an experiment
(docs/experiments.md). Of a large catalogue a sample takes part, so that precision compares within one
rehearsal only.

    U users    A items that are ranked    K places of a list    T candidates
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from dlrs.arrays import Doubles, Floats, Ints, stores
from dlrs.bundle import Folder
from dlrs.candidates.askers import Askers
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.histories import embed_users
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.vectors import ItemVectors
from dlrs.data.interactions import micros
from dlrs.errors import ArtifactError
from dlrs.evaluation.significance import CONFIDENCE, resampled_means
from dlrs.evaluation.static import StaticTest, static_test
from dlrs.features.encoding import Encoding
from dlrs.metrics.ranked import precision
from dlrs.prepared import Prepared
from dlrs.progress import stage
from dlrs.publishing.bundle_nets import BundleNets
from dlrs.publishing.published import Published
from dlrs.ranking.moment_ranker import MomentRanker
from dlrs.recommenders.moment import AtCut
from dlrs.recommenders.moment_history import behind
from dlrs.recommenders.recommender import Audience, Ranking, TwoStageRecommender
from dlrs.settings.candidates import Candidates
from dlrs.standing import prepared_standing

RECALL_FLOOR = 0.9
RELEVANCE_FLOOR = 0.8
"""Of the current bundle's precision."""

USERS, ITEMS, PLACES = 300, 20_000, 20
"""Who asks, what is ranked at most, and the K that counts."""

LEAST_USERS = 30
"""With fewer users chance says more than the bundles do: then relevance refuses nothing."""

RESAMPLES, SEED = 1000, 0


@dataclass(frozen=True)
class Recall:
    """The share of the T nearest items that the index finds, on average over its queries."""

    recall: float
    count: int  # T
    queries: int


@dataclass(frozen=True)
class Relevance:
    """Mean precision at K of the new networks and of the current bundle's, on the same users and items."""

    precision: float
    current_precision: float
    current: str
    most: float  # upper end of the interval of: precision − 0.8 × current precision
    users: int
    items: int
    k: int = PLACES


@dataclass(frozen=True)
class Rehearsal:
    """What was found. `below` says in words which floors were not reached."""

    recall: Recall
    relevance: Relevance | None  # None where there is nothing to compare with
    not_compared: str | None = None

    @property
    def below(self) -> list[str]:
        """The floors that were not reached, in words."""
        found = []
        if self.recall.recall < RECALL_FLOOR:
            found.append(
                f"recall@{self.recall.count} of its index is {self.recall.recall:.3f}, floor {RECALL_FLOOR}"
            )
        one = self.relevance
        if one is not None and one.users >= LEAST_USERS and one.most < 0:
            found.append(
                f"precision@{one.k} is {one.precision:.4f}, that of the current bundle {one.current} "
                f"{one.current_precision:.4f} on the same {one.users} users, floor {RELEVANCE_FLOOR} of it"
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON knows it."""
        return {**asdict(self), "below": self.below}


def rehearse(prepared: Prepared, bundle: Folder, published: Published, current: Folder | None) -> Rehearsal:
    """Ask a bundle that is not served yet; `published` is what it holds, `current` is what is served now."""
    test = _test(prepared)
    with stage("Rehearse: recall of the index"):
        recall = _recall(prepared, BundleNets.load(bundle), published, test.users_U)
    try:
        return Rehearsal(recall, _relevance(prepared, bundle, current, test))
    except _NotComparable as reason:
        return Rehearsal(recall, None, str(reason))


class _NotComparable(Exception):  # noqa: N818 - no error: it says why nothing is compared
    pass


def _test(prepared: Prepared) -> StaticTest:
    """Return users with a profile at the cut who turned to something new in the test week."""
    split = prepared.recipe.marketplace.split
    return static_test(
        prepared.interactions,
        prepared.catalog,
        users=len(prepared.user_ids),
        since=micros(split.test_from),
        until=micros(split.test_until),
        profiled_users=np.flatnonzero(prepared.profile_of_QU[prepared.cut_period] >= 0),
        max_users=USERS,
        seed=SEED,
        refused=prepared.refused,
    )


def _recall(prepared: Prepared, model: BundleNets, published: Published, users_U: Ints) -> Recall:
    index = published.recommender.index
    count = min(model.settings.count, len(index))
    rows_U = prepared.profile_of_QU[prepared.cut_period][users_U]
    histories = model.histories(prepared, users_U)
    users = embed_users(model.nets, model.profiles(prepared, rows_U), histories)
    asked = histories if model.settings.needs_histories else None
    queries_UD = _queries(Askers.of(users, asked, model.nets.embed_items), model.settings)
    if isinstance(index, ExactIndex):
        return Recall(1.0, count, len(queries_UD))
    found_UT, _ = index.propose(queries_UD, count)
    nearest_UT, _ = ExactIndex(index.vectors).propose(queries_UD, count)
    first_U = np.arange(len(queries_UD))[:, None] * len(index)
    return Recall(float(np.isin(first_U + nearest_UT, first_U + found_UT).mean()), count, len(queries_UD))


def _queries(askers: Askers, settings: Candidates) -> Floats:
    """Return the vectors that the strategy looks up; e_u where it looks up none."""
    vectors: Mapping[str, Floats] = {
        "direct": askers.users.embedding_ND,
        "pseudo-user": askers.liked_UD[askers.met_U],
        "last-met": askers.last_UD[askers.met_U],
    }
    asked = [vectors[name] for name in settings.shares if name in vectors]
    return np.concatenate(asked) if sum(map(len, asked)) else askers.users.embedding_ND


def _relevance(prepared: Prepared, bundle: Folder, current: Folder | None, test: StaticTest) -> Relevance:
    if current is None:
        raise _NotComparable("it is the first bundle of the registry that can be opened")
    if current.path.name == bundle.path.name:
        raise _NotComparable("it is the current bundle itself")
    new, old = BundleNets.load(bundle), _comparable(BundleNets.load(current), prepared.encoding)
    test = _sampled(test)
    with stage(f"Rehearse: relevance beside bundle {current.path.name}"):
        new_U, old_U = (_precision(prepared, model, test) for model in (new, old))
        gap_U = new_U - RELEVANCE_FLOOR * old_U
        means_R = resampled_means(gap_U[:, None], resamples=RESAMPLES, seed=SEED)[:, 0]
    return Relevance(
        precision=float(new_U.mean()),
        current_precision=float(old_U.mean()),
        current=current.path.name,
        most=float(np.quantile(means_R, (1 + CONFIDENCE) / 2)),
        users=len(test.users_U),
        items=len(test.items_A),
    )


def _comparable(current: BundleNets, encoding: Encoding) -> BundleNets:
    theirs, ours = current.encoding, encoding
    if theirs.hash != ours.hash:
        if theirs.items.features != ours.items.features:
            raise _NotComparable("the current bundle knows other features")
        if theirs.users is not None or ours.users is not None:
            raise _NotComparable("the current bundle encodes the users' own features otherwise")
    return current


def _sampled(test: StaticTest) -> StaticTest:
    """Return the test over what is relevant and a seeded sample of the rest."""
    if len(test.items_A) <= ITEMS:
        return test
    wanted_A = np.isin(test.items_A, test.relevant_UN.indices)
    others = np.flatnonzero(~wanted_A)
    drawn = np.random.default_rng(SEED).choice(others, max(0, ITEMS - int(wanted_A.sum())), replace=False)
    wanted_A[drawn] = True
    return replace(test, versions_A=test.versions_A[wanted_A], items_A=test.items_A[wanted_A])


def _precision(prepared: Prepared, model: BundleNets, test: StaticTest) -> Doubles:
    """Return how much of each user's first K of all items, compared exactly, he turned to: (U,)."""
    if model.ranker is not None:
        ranking = _at_the_cut(prepared, model, model.ranker, test)
    else:
        ranking = _by_networks(prepared, model, test)
    return precision(stores(test.relevant_UN, ranking.items_UK), PLACES)


def _at_the_cut(prepared: Prepared, model: BundleNets, ranker: MomentRanker, test: StaticTest) -> Ranking:
    cut = int(prepared.starts_Q[-1])
    versions = model.items(prepared, np.arange(len(prepared.catalog.item_V)))
    recommender = AtCut(behind(prepared, model.nets, ranker, cut, versions), cut, test.items_A)
    return recommender.recommend(test.users_U, PLACES, known_UN=test.known_UN)


def _by_networks(prepared: Prepared, model: BundleNets, test: StaticTest) -> Ranking:
    settings = model.settings.model_copy(update={"index": "exact"})
    standing = prepared_standing(prepared, int(prepared.starts_Q[-1])).take(test.items_A)
    items = model.nets.placed(model.nets.embed_items(model.items(prepared, test.versions_A)), standing)
    vectors = ItemVectors(items.embedding_ND, settings.metric)
    retrieval = Retrieval.build(vectors, settings, standing.recent_N)
    nobody = Audience.empty(model.nets.space)
    recommender = TwoStageRecommender(model.nets, items, test.items_A, nobody, settings, retrieval)
    rows_U = prepared.profile_of_QU[prepared.cut_period][test.users_U]
    return recommender.recommend_to(
        model.profiles(prepared, rows_U),
        PLACES,
        known_UN=test.known_UN,
        histories=model.histories(prepared, test.users_U),
    )


def refusal(rehearsal: Rehearsal, registry: str, bundle: str, current: str | None) -> ArtifactError:
    """Return the error that says why a bundle was not made current, and what can be done."""
    return ArtifactError(
        f"{registry}: expected a bundle that reaches the floors in rehearsal, received {bundle}: "
        f"{'; '.join(rehearsal.below)}. Served is {current or 'none'}, as before. Look for what changed in "
        "the data or the training; to serve it all the same: dlrs publish … --force."
    )
