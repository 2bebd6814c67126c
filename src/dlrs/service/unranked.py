"""Unranked: lists that no network ranked, again: near a user, near an item, popular; and which cannot be had.

T candidates that were there
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dlrs.arrays import Floats
from dlrs.candidates.bundled import BundledItems
from dlrs.candidates.live.items import decoded
from dlrs.candidates.vectors import ItemVectors
from dlrs.errors import RequestError
from dlrs.model.forward import Representations
from dlrs.past.moments import BundledMoment
from dlrs.service.bundle import ServingBundle
from dlrs.service.candidates.bundle_items import BundleItems
from dlrs.service.ranking.ordering import best
from dlrs.service.stores import Decision


def require_kept(decision: Decision) -> None:
    """Refuse a decision of which not all is kept that its order followed from. RequestError."""
    reason = _lacking(decision)
    if reason is not None:
        raise RequestError(
            f"replay: expected a decision of which all is kept that its order followed from, received "
            f"{decision.id}, {reason} The answer itself is kept."
        )


def _lacking(decision: Decision) -> str | None:
    request = decision.request
    if request.get("ranker") == "moment":
        return "of the ranker of the moment: all that had happened by then is not kept."
    if decision.degraded == "cached":
        of = request.get("of")
        less = "less what had gone, was known or did not pass a filter"
        return f"the list of an earlier decision, {less}: replay {of or 'that one'}."
    if decision.degraded == "popular":
        return "of what most users had met of late while services were away: that is counted and not kept."
    if not decision.candidates and decision.answer:
        return "of an older dlrs, which kept no candidates of such a list."
    if not decision.candidates:
        return "an empty list: there were no candidates."
    if not (decision.profile or "similar" in request or is_popular(decision)):
        return "without a profile."
    return None


def is_popular(decision: Decision) -> bool:
    """Tell whether a list is of popular items, for somebody unknown."""
    return decision.request.get("basis") == "popular" and decision.degraded != "cosine"


def near_user(
    decision: Decision, page: str, user: Representations, items: Representations, bundle: ServingBundle
) -> Floats:
    """Return the similarity of each candidate with e_u, (T,), by which they came where nothing ranked them.

    Raises:
        RequestError: they came of several sources, or near something else than e_u.
    """
    sources: str = "pseudo-user" if page == "wishlist" else bundle.recipe.candidates.strategy
    if BundledMoment.open(bundle.folder) is not None:
        sources = "a ranker of the moment"
    if sources != "direct":
        raise RequestError(
            f"replay: expected candidates near e_u, received those of decision {decision.id}, in the order "
            f"of '{sources}': what its user had met would be needed, and is not kept. The answer is the head "
            "of its candidates, and both are kept."
        )
    return _similarity(user.embedding_ND, items, bundle)


def near_item(id: str, ids: Sequence[str], items: Representations, bundle: ServingBundle) -> Floats:
    """Return the similarity of each item with one of them, (T,); its own is the lowest.

    Raises:
        RequestError: it is not in this bundle.
    """
    if id not in ids:
        raise RequestError(
            f"replay: expected a bundle that has item '{id}', received {bundle.id}, which has not."
        )
    place = ids.index(id)
    scores_T = _similarity(items.embedding_ND[place : place + 1], items, bundle)
    scores_T[place] = -np.inf
    return scores_T


def popular_again(
    decision: Decision,
    user: Representations | None,
    ids: Sequence[str],
    items: Representations,
    bundle: ServingBundle,
    stored: BundledItems,
) -> list[tuple[str, float]]:
    """Return what of the candidates was popular in the bundle, and behind it what is near an average user.

    Raises:
        RequestError: where that little was popular, the others came of several sources.
    """
    k = int(decision.request["k"])
    there = set(ids)
    first = [
        id
        for id in decoded(BundleItems(stored, bundle.recipe.marketplace.features).popular_ids)
        if id in there
    ]
    if len(first) < k and user is not None and len(first) < len(ids):
        scores_T = near_user(decision, "home", user, items, bundle)
        scores_T[np.isin(ids, first)] = -np.inf
        first += [ids[place] for place in best(scores_T, ids, len(ids) - len(first))]
    return [(id, 0.0) for id in first[:k]]


def _similarity(query_1D: Floats, items: Representations, bundle: ServingBundle) -> Floats:
    vectors = ItemVectors(items.embedding_ND, bundle.recipe.candidates.metric)
    similarity_T: Floats = vectors.similarity(query_1D, np.arange(len(vectors))[None])[0]
    return similarity_T
