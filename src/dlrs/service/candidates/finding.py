"""Finding: the candidates of one request, of several sources by their shares.

Q queries    T candidates    M distinct items found    D coordinates
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dlrs.arrays import NO_ITEM, Floats, Ints
from dlrs.candidates.generator import Candidates, merge
from dlrs.candidates.live.items import Ids, LiveItems, decoded, encoded
from dlrs.candidates.live.searching import Found
from dlrs.candidates.live.view import View
from dlrs.candidates.metric import Metric, lengths, ready
from dlrs.errors import RequestError
from dlrs.model.forward import Representations
from dlrs.service.candidates.catalogue import Catalogue
from dlrs.service.candidates.popular import passing_places, popular_places
from dlrs.service.seams import CandidateAnswer, CandidateRequest


def find(catalogue: Catalogue, request: CandidateRequest) -> CandidateAnswer:
    """Return the candidates of a request from its bundle's catalogue; see `CandidateSource.candidates`."""
    found = _found(catalogue, request)
    return _with_others(catalogue.live.view(), request, found) if request.also_ids else found


def _found(catalogue: Catalogue, request: CandidateRequest) -> CandidateAnswer:
    live = catalogue.live
    view = live.view()  # for its mark: what is searched is this or later
    width = view.snapshot.items.embedding_ND.shape[1]
    queries_QD = _queries(request, width)
    if len(queries_QD) == 1 and request.popular <= 0:
        found = live.search(queries_QD, request.count, known=[request.known_ids], filters=request.filters)
        return _answer(catalogue, request, view.mark, *_in_order(found))
    items, sources, shares = view.take(np.empty(0, dtype=np.int64)), [], []
    if len(queries_QD):
        known = [request.known_ids] * len(queries_QD)
        found = live.search(queries_QD, request.count, known=known, filters=request.filters)
        items = found.items
        sources = [found.candidates.take(np.array([row])) for row in range(len(queries_QD))]
        shares = [query.share for query in request.queries]
    if request.popular > 0:
        items, rows_T = _with_popular(live.view(), catalogue, request, items)
        sources.append(_as_source(items, rows_T, queries_QD, catalogue.bundle.recipe.candidates.metric))
        shares.append(request.popular)
    rows_T, similarity_T = _merged(sources, shares, request.count)
    return _answer(catalogue, request, view.mark, items.take(rows_T), similarity_T)


def _with_others(view: View, request: CandidateRequest, found: CandidateAnswer) -> CandidateAnswer:
    """Return what was found and, behind it, what was wanted beside it and may be there."""
    others = list(dict.fromkeys(request.also_ids).keys() - {*found.ids, *request.known_ids})
    others.sort()  # as the index has them: quicker to find, and the same each time
    places = passing_places(view, encoded(others), request.filters)
    more = view.take(places)
    items = Representations(
        np.concatenate([found.items.embedding_ND, more.embedding_ND]),
        np.concatenate([found.items.wide_N, more.wide_N]),
    )
    similarity_T = np.concatenate([found.similarity_T, np.zeros(len(more), dtype=np.float32)])
    return replace(found, ids=[*found.ids, *decoded(more.ids_N)], items=items, similarity_T=similarity_T)


def _answer(
    catalogue: Catalogue,
    request: CandidateRequest,
    mark: int,
    items: LiveItems,
    similarity_T: Floats,
    ids: list[str] | None = None,
) -> CandidateAnswer:
    found, asked = len(items), request.count
    shortfall = None if found >= asked else catalogue.live.explain(request.filters, asked, found)
    ids = decoded(items.ids_N) if ids is None else ids
    return CandidateAnswer(request.bundle_id, mark, ids, items.representations, similarity_T, shortfall)


def _in_order(found: Found) -> tuple[LiveItems, Floats, list[str] | None]:
    """Return what was found for one query, nearest first, and the ids where they are known already."""
    rows_T, similarity_T = found.candidates.positions_UT[0], found.candidates.similarity_UT[0]
    if found.texts is not None:
        return found.items, similarity_T, found.texts  # they stand in this order: nothing is copied
    there = rows_T != NO_ITEM
    return found.items.take(rows_T[there]), similarity_T[there], None


def represent(catalogue: Catalogue, ids_B: Ids) -> CandidateAnswer:
    """Return those items of a catalogue that are there, in the order given; similarity 0."""
    view = catalogue.live.view()
    places_B = view.find(ids_B)
    places = places_B[(places_B >= 0) & ~view.gone(places_B)]
    items: LiveItems = view.take(places)
    nothing = np.zeros(len(items), dtype=np.float32)
    return CandidateAnswer(
        catalogue.bundle.id, view.mark, decoded(items.ids_N), items.representations, nothing
    )


def _queries(request: CandidateRequest, width: int) -> Floats:
    wrong = [query for query in request.queries if query.vector_D.shape != (width,)]
    if wrong:
        raise RequestError(
            f"queries: expected vectors of {width} coordinates, received one of the shape "
            f"{wrong[0].vector_D.shape}. Use the UserNet of bundle {request.bundle_id}."
        )
    if not request.queries:
        return np.empty((0, width), dtype=np.float32)
    return np.stack([query.vector_D for query in request.queries]).astype(np.float32)


def _with_popular(
    view: View, catalogue: Catalogue, request: CandidateRequest, items: LiveItems
) -> tuple[LiveItems, Ints]:
    """Return what was found with popular items behind it, and the rows of these: one row an id."""
    places = popular_places(
        view, catalogue.items.popular_ids, request.count, request.filters, request.known_ids
    )
    popular = view.take(places)
    both = LiveItems.concatenate([items, popular])
    _, first, row = np.unique(both.ids_N, return_index=True, return_inverse=True)
    return both, first[row[len(items) :]]


def _as_source(items: LiveItems, rows_T: Ints, queries_QD: Floats, metric: Metric) -> Candidates:
    """Return items as candidates, with their similarity to the first query, 0 where there is none."""
    vectors_TD = items.embedding_ND[rows_T]
    if len(queries_QD) == 0:
        similarity_T = np.zeros(len(rows_T), dtype=np.float32)
    elif metric == "euclidean":
        apart_TD = vectors_TD - queries_QD[0]
        similarity_T = -np.einsum("td,td->t", apart_TD, apart_TD)
    else:
        similarity_T = vectors_TD @ ready(queries_QD[:1], metric)[0]
        similarity_T = similarity_T / lengths(vectors_TD) if metric == "cosine" else similarity_T
    return Candidates(rows_T[None], similarity_T[None])


def _merged(sources: list[Candidates], shares: list[float], count: int) -> tuple[Ints, Floats]:
    if not sources:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    merged = merge(sources, shares)
    there = merged.positions_UT[0] != NO_ITEM
    return merged.positions_UT[0, there][:count], merged.similarity_UT[0, there][:count]
