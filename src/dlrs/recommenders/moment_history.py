"""The history network at any moment: e_u of what a user had met by then, near which items and how near.

And the ranker of the moment behind it, as both were trained: what a bundle serves, over prepared data.

R requests    C candidates of each    L events looked back at    V versions    D width
"""

from __future__ import annotations

import numpy as np

from dlrs.arrays import NO_ITEM, Floats, Ints, gather_ranges
from dlrs.data.interactions import ALL_TIME
from dlrs.errors import ArtifactError
from dlrs.features.rows import EncodedRows
from dlrs.model.history_forward import HistoryNets, Tokens
from dlrs.model.nets import AnyNets
from dlrs.prepared import Prepared
from dlrs.profiles.reach import Reach
from dlrs.ranking.moment_ranker import MomentRanker
from dlrs.ranking.past import Items, Past
from dlrs.ranking.requests import Requests
from dlrs.ranking.timelines import NO_EVENT
from dlrs.ranking.top import top_k
from dlrs.recommenders.moment import MomentRecommender
from dlrs.samples.sequences import repeated

CELLS = 8_000_000
"""Most cosines of requests with all items at once."""


class HistoryRetrieval:
    """A first stage of `ranking.moments`: the network as it was trained, histories as of the moment."""

    def __init__(self, nets: HistoryNets, past: Past, versions: EncodedRows, users: EncodedRows) -> None:
        """Embed every version once.

        Args:
            nets: must have learned from nothing that a request is asked about.
            past: the log; its events name rows of `versions`.
            versions: the encoded item versions: V of D coordinates are kept.
            users: a row for each user row: the features that are his own.
        """
        self._nets, self._past, self._users = nets, past, users
        self._vectors_VD = nets.item_vectors(versions)
        self._unit_VD = nets.unit_items(self._vectors_VD)

    def scores(self, requests: Requests, items_RC: Ints) -> Floats:
        """Return cos(e_u, e_v) / temperature for each candidate as it was at the moment: (R, C)."""
        moment_P = np.repeat(requests.moment_R, items_RC.shape[1])
        version_P = self._past.items.catalog.version_at(items_RC.ravel(), moment_P)
        found_RCD = self._unit_VD[version_P].reshape(*items_RC.shape, -1)
        cosine_RC = np.einsum("rcd,rd->rc", found_RCD, self.embed(requests))
        return np.asarray(cosine_RC / self._nets.settings.temperature, dtype=np.float32)

    def nearest(self, requests: Requests, most: int) -> Ints:
        """Return the items nearest to e_u of those that are alive then and he has not met, padded: (R, most).

        The best come first. Each item is what it was at the moment.
        """
        catalog = self._past.items.catalog
        begin_V, end_V = catalog.valid_from_V, catalog.valid_to_V
        at_once = max(1, CELLS // max(1, len(begin_V)))
        found = []
        for first in range(0, max(1, len(requests)), at_once):
            some = requests.take(slice(first, first + at_once))
            moment_R1 = some.moment_R[:, None]
            cosine_RV = self.embed(some) @ self._unit_VD.T
            cosine_RV[(begin_V > moment_R1) | (end_V <= moment_R1)] = -np.inf
            request_E, item_E = self._past.all_met(some)
            length_E = catalog.first_N[item_E + 1] - catalog.first_N[item_E]
            versions = gather_ranges(catalog.first_N[item_E], length_E)
            cosine_RV[np.repeat(request_E, length_E), versions] = -np.inf
            best_RC, _ = top_k(cosine_RV, most)
            found.append(np.where(best_RC != NO_ITEM, catalog.item_V[best_RC], NO_ITEM))
        return np.concatenate(found)

    def embed(self, requests: Requests) -> Floats:
        """Return e_u of each request: (R, D)."""
        latest_RL = self._past.last_events(requests, self._nets.events)[:, ::-1]
        there_RL = latest_RL != NO_EVENT
        place_E, user_E = latest_RL[there_RL], np.nonzero(there_RL)[0]
        version_E = self._past.log.version_E[place_E]
        kept_E = ~repeated(user_E, version_E)
        place_E, user_E, version_E = place_E[kept_E], user_E[kept_E], version_E[kept_E]
        offsets_R1 = np.searchsorted(user_E, np.arange(len(requests) + 1))
        seen_S, row_E = np.unique(version_E, return_inverse=True)
        tokens = Tokens(offsets_R1, row_E, self._past.log.type_E[place_E], self._vectors_VD[seen_S])
        return self._nets.embed_users(self._users.take(requests.user_R), tokens).embedding_ND


def behind(
    prepared: Prepared,
    nets: AnyNets,
    ranker: MomentRanker,
    until: int | None = None,
    versions: EncodedRows | None = None,
) -> MomentRecommender:
    """Return a trained ranker behind its network, over what prepared data say.

    Args:
        prepared: the data set.
        nets: the history network.
        ranker: the ranker, trained behind such a network.
        until: nothing at or after it is known; None: the whole log, each request up to its own moment.
        versions: the item versions as the network encodes them, where it is of another encoding.

    Raises:
        ArtifactError: this is no history network.
    """
    if not isinstance(nets, HistoryNets):
        raise ArtifactError(
            "ranker of the moment: expected a history network before it, received the three networks. Set "
            'network = "history" in [training], and train again.'
        )
    log = prepared.interactions if until is None else prepared.interactions.between(ALL_TIME, until)
    reach = Reach.of(prepared.recipe.marketplace)
    past = Past(log, Items.of(prepared), windows=ranker.windows, reach=reach)
    encoded = prepared.encoded_versions if versions is None else versions
    retrieval = HistoryRetrieval(nets, past, encoded, prepared.strangers)
    return MomentRecommender(past, ranker.net, ranker.sizes, retrieval)
