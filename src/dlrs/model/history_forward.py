"""The history network in numpy: what serving runs, without torch.

It is built from the arrays of `HistoryNet.state_dict()` and gives the same numbers to about 1e-5. It stands
where `forward.Nets` stands: e_u and e_v have length 1, and a logit is their product over the temperature plus
the item's prior, if there is one, which is its wide scalar. A partner (`partner`) adds coordinates to both,
and so does a second opinion (`low_pass`); then all e_v have the length √2.

    U users    N items    L events looked back at    D width    H heads
    E events of users    J what items are made of: D, with a second opinion D + 2 W, and the partner's J
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from scipy import sparse
from scipy.special import expit, softmax

from dlrs.arrays import AnyArray, Bools, Floats, Ints
from dlrs.errors import ArtifactError
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.model.forward import ItemHalves, Representations
from dlrs.model.low_pass import LowPass
from dlrs.model.partner import PREFIX, Partner
from dlrs.model.prior import NEWBORN, Prior, Standing
from dlrs.settings.training import History

NETS, SHAPE = "history.safetensors", "history.json"
ROWS = 16_384
"""Items embedded at a time, which bounds the memory for their sparse rows."""
TOKENS = 65_536
"""Events attended to at a time."""
EPSILON = 1e-5  # torch's, in a layer normalisation


@dataclass(frozen=True)
class Tokens:
    """The events of U users, user by user, in the order of time: which item, as a row of the vectors."""

    offsets_U1: Ints
    place_E: Ints
    type_E: AnyArray
    vectors_SJ: Floats  # what `HistoryNets.item_vectors` made of the item versions that they saw

    def __len__(self) -> int:
        return len(self.offsets_U1) - 1

    def behind(self, columns: int) -> Tokens:
        """Return the same events without the first columns of their vectors."""
        return replace(self, vectors_SJ=self.vectors_SJ[:, columns:])


class HistoryNets:
    """UserNet and ItemNet over histories. Reading only: one object may serve many threads."""

    def __init__(
        self,
        space: FeatureSpace,
        settings: History,
        weights: Mapping[str, Floats],
        prior: Prior | None = None,
        partner: Partner | None = None,
    ) -> None:
        self.space, self.settings, self.weights, self.prior = space, settings, weights, prior
        self.low_pass, self.partner = LowPass.among(weights), partner
        self._table_KJ: Floats
        self._numbers_CJ: Floats
        table_KJ, numbers_CJ = weights["table"], weights["numbers"]
        if self.low_pass is not None:
            table_KJ = np.hstack([table_KJ, self.low_pass.table_KV])
            numbers_CJ = np.hstack([numbers_CJ, self.low_pass.numbers_CV])
        table_KJ = table_KJ * weights["used_K"][:, None]
        self._own_width = table_KJ.shape[1]
        if partner is not None:
            table_KJ = np.hstack([table_KJ, partner.nets._table_KJ])
            numbers_CJ = np.hstack([numbers_CJ, partner.nets._numbers_CJ])
        self._table_KJ, self._numbers_CJ = table_KJ, numbers_CJ
        self._table_KD = self._table_KJ[:, : settings.width]

    @property
    def width(self) -> int:
        """Coordinates of e_u and e_v without a second opinion."""
        return self.settings.width + (0 if self.partner is None else self.partner.nets.width)

    def with_low_pass(self, low_pass: LowPass) -> HistoryNets:
        """Return the same network with a second opinion beside it."""
        weights = {**self.weights, **low_pass.as_weights()}
        return HistoryNets(self.space, self.settings, weights, self.prior, self.partner)

    @property
    def length(self) -> int:
        """How many things that a user met it looks back at, or its partner, if that looks farther back."""
        own = self.settings.looks_back
        return own if self.partner is None else max(own, self.partner.nets.length)

    @property
    def events(self) -> int:
        """How many of a user's last events are looked at: more than its length, for some repeat others."""
        return 2 * self.length

    def embed_items(self, rows: EncodedRows) -> Representations:
        """Return e_v of each row, and the prior of an item that has just come: 0 where there is no prior."""
        items = _representations(self.unit_items(self.item_vectors(rows)))
        if self.prior is not None:
            items.wide_N[:] = self.prior.of(NEWBORN)
        return items

    def placed(self, items: Representations, standing: Standing) -> Representations:
        """Return items with their priors, as they stand at a moment."""
        return items if self.prior is None else Representations(items.embedding_ND, self.prior.of(standing))

    def unit_items(self, vectors_NJ: Floats) -> Floats:
        """Return e_v of what `item_vectors` made."""
        base = self.weights.get("base", np.float32(0))  # bundles of before have none
        unit_ND = unit(vectors_NJ[:, : self.settings.width] + base)
        if self.partner is not None:
            unit_ND = self.partner.beside(
                unit_ND, self.partner.nets.unit_items(vectors_NJ[:, self._own_width :])
            )
        if self.low_pass is None:
            return unit_ND
        return np.hstack(
            [unit_ND, self.low_pass.outward(vectors_NJ[:, self.settings.width : self._own_width])]
        )

    def item_vectors(self, rows: EncodedRows) -> Floats:
        """Return the sums of the features' embeddings, (N, J): what a user's events are made of."""
        parts = [
            self._items(rows.take(np.arange(start, min(start + ROWS, len(rows)))))
            for start in range(0, len(rows), ROWS)
        ]
        return np.concatenate([np.empty((0, self._table_KJ.shape[1]), dtype=np.float32), *parts])

    def embed_users(self, rows: EncodedRows, tokens: Tokens | None = None) -> Representations:
        """Return e_u of each user.

        Args:
            rows: his profile. Its features count only where he met nothing: somebody who tells what he likes.
            tokens: what he met, a row for each; None: nobody met anything.
        """
        user_UD = self._unit_users(rows, tokens)
        if self.partner is not None:
            nets = self.partner.nets
            theirs = None if tokens is None else tokens.behind(self._own_width)
            user_UD = self.partner.beside(user_UD, nets._unit_users(rows, theirs))
        if self.low_pass is not None:
            user_UD = self._beside(user_UD, self.low_pass, tokens)
        return _representations(user_UD)

    def _unit_users(self, rows: EncodedRows, tokens: Tokens | None) -> Floats:
        """Return e_u as this network alone has it: (U, D)."""
        D = self.settings.width
        total_UD = np.tile(self.weights["anybody"], (len(rows), 1))
        if len(self.weights["own_table"]):
            total_UD += rows.own_matrix(self.space) @ self.weights["own_table"]
        met_U = np.zeros(len(rows), dtype=np.bool_) if tokens is None else np.diff(tokens.offsets_U1) > 0
        if not met_U.all():
            total_UD[~met_U] += self._told(rows.take(np.flatnonzero(~met_U)))
        if tokens is not None and met_U.any():
            step = max(1, TOKENS // self.settings.looks_back)
            for start in range(0, len(rows), step):
                some = np.arange(start, min(start + step, len(rows)))
                total_UD[some] += self._met(tokens, some)
        return unit(total_UD.reshape(len(rows), D))

    def item_halves(self, items: Representations) -> ItemHalves:
        """Return what `logits` needs of each item: e_v itself, and its prior."""
        return ItemHalves(items.embedding_ND, items.wide_N)

    def logits(self, users: Representations, items: ItemHalves, rows_UT: Ints) -> Floats:
        """Return the logit of each of a user's T candidates, (U, T); −inf at NO_ITEM."""
        logits_UT = np.empty(rows_UT.shape, dtype=np.float32)
        step = max(1, TOKENS // max(1, rows_UT.shape[1]))
        for start in range(0, len(users), step):
            some = slice(start, start + step)
            found_UTD = items.half_NL[rows_UT[some]]
            logits_UT[some] = np.einsum("utd,ud->ut", found_UTD, users.embedding_ND[some])
        logits_UT /= np.float32(self.settings.temperature)
        logits_UT += items.wide_N[rows_UT]
        logits_UT[rows_UT < 0] = -np.inf
        return logits_UT

    def every_logit(self, users: Representations, items: ItemHalves) -> Floats:
        """Return the logit of each user with every item, (U, N): what `logits` gives, without gathering."""
        logits_UN: Floats = users.embedding_ND @ items.half_NL.T
        logits_UN /= np.float32(self.settings.temperature)
        logits_UN += items.wide_N
        return logits_UN

    def logits_of_one(self, user: Representations, items: Representations) -> Floats:
        """Return the logit of one user with each of T items that come with the request: (T,)."""
        logits_T: Floats = items.embedding_ND @ user.embedding_ND[0]
        return logits_T / np.float32(self.settings.temperature) + items.wide_N

    def _items(self, rows: EncodedRows) -> Floats:
        bags = sparse.csr_array(
            (np.sqrt(rows.weights_E), rows.columns_E, rows.offsets[:: rows.features or 1]),
            shape=(len(rows), self.space.columns),
        )
        return np.asarray(bags @ self._table_KJ + rows.continuous_NC @ self._numbers_CJ)

    def _told(self, rows: EncodedRows) -> Floats:
        """Return what one item would add whose features are as frequent as in a profile: (U, D).

        Numbers take no part: those of users are scaled apart from those of items.
        """
        shared_UK = rows.matrix(self.space, side="user")[:, len(self.space.continuous) :]
        item_UD = shared_UK @ self._table_KD
        if self.settings.averages:
            return self._pooled(item_UD)
        attended_UD = self._attended(item_UD[:, None], np.ones((len(rows), 1), dtype=np.bool_))
        return np.asarray(expit(self.weights["shares"])[0] * attended_UD, dtype=np.float32)

    def _pooled(self, mean_UD: Floats) -> Floats:
        """Return what the mean of a user's items adds to e_u."""
        shared_UD = mean_UD @ self.weights["pooled"]
        return np.asarray(expit(self.weights["shares"])[1] * shared_UD, dtype=np.float32)

    def _met(self, tokens: Tokens, users_U: Ints) -> Floats:
        """Return the share of e_u that comes from what users met: (U, D), 0 for who met nothing."""
        of, L = self.weights, self.settings.looks_back
        place_UL, type_UL = _side_by_side(tokens, users_U, L)
        known_UL = np.asarray(place_UL >= 0)
        tokens_ULD = tokens.vectors_SJ[:, : self.settings.width][place_UL] * known_UL[..., None]
        weights_UL = np.exp(of["type_weights"])[type_UL] * known_UL
        met_UD = np.zeros((len(users_U), self.settings.width), dtype=np.float32)
        if self.settings.averages:
            total_U1 = np.maximum(weights_UL.sum(axis=1, keepdims=True), 1e-6)
            met_UD += self._pooled(np.einsum("uld,ul->ud", tokens_ULD, weights_UL / total_U1))
        if self.settings.attends:
            attended_UD = self._attended(tokens_ULD + of["types"][type_UL], known_UL)
            met_UD += expit(of["shares"])[0] * attended_UD
        anything_U1 = known_UL.any(axis=1, keepdims=True)
        return np.where(anything_U1, met_UD, 0).astype(np.float32)

    def _beside(self, user_UD: Floats, low_pass: LowPass, tokens: Tokens | None) -> Floats:
        """Return e_u, of a partner, too, with its share in the second opinion: W + 1 more coordinates."""
        D, W = self.settings.width, low_pass.width
        beside_UW = np.zeros((len(user_UD), W), dtype=np.float32)
        step = max(1, TOKENS // self.length)
        for start in range(0, len(user_UD), step):
            if tokens is None or len(tokens.place_E) == 0:
                break
            some = np.arange(start, min(start + step, len(user_UD)))
            place_UL, _ = _side_by_side(tokens, some, self.length)
            known_UL = (place_UL >= 0).astype(np.float32)
            known_UL /= np.maximum(known_UL.sum(axis=1, keepdims=True), 1)
            inward_ULW = tokens.vectors_SJ[:, D : D + W][place_UL]
            beside_UW[some] = np.einsum("ulw,ul->uw", inward_ULW, known_UL)
        beside_UW *= np.float32(low_pass.weight * self.settings.temperature)
        return np.hstack([user_UD, beside_UW, np.zeros((len(user_UD), 1), dtype=np.float32)])

    def _attended(self, tokens_ULD: Floats, known_UL: Bools) -> Floats:
        """Return the last block's output at the last event: (U, D)."""
        hidden = tokens_ULD + self.weights["positions"][-tokens_ULD.shape[1] :]
        for block in range(self.settings.blocks):
            hidden = self._block(f"blocks.{block}", hidden, known_UL, last=block == self.settings.blocks - 1)
        return self._norm("last_norm", hidden[:, -1])

    def _block(self, name: str, hidden: Floats, known_UL: Bools, *, last: bool) -> Floats:
        """Return a block's output; of the last one only at the last event, which is all that is needed."""
        U, L, D = hidden.shape
        H = self.settings.heads
        split = self._dense(f"{name}.attention", self._norm(f"{name}.attention_norm", hidden))
        query, key, value = (split[..., i * D : (i + 1) * D].reshape(U, L, H, D // H) for i in range(3))
        if last:
            query, hidden = query[:, -1:], hidden[:, -1:]
        Q = query.shape[1]
        scores_UHQL = np.einsum("uqhd,ulhd->uhql", query, key, optimize=True) / np.float32((D // H) ** 0.5)
        asking_Q1 = np.arange(L - Q, L)[:, None]
        earlier_QL, own_QL = np.arange(L) <= asking_Q1, np.arange(L) == asking_Q1
        seen_UQL = np.asarray((earlier_QL & known_UL[:, None, :]) | own_QL)
        scores_UHQL = np.where(seen_UQL[:, None], scores_UHQL, -np.inf)
        mixed = np.einsum("uhql,ulhd->uqhd", softmax(scores_UHQL, axis=-1), value, optimize=True)
        hidden = hidden + self._dense(f"{name}.joined", mixed.reshape(U, Q, D))
        wider = np.maximum(self._dense(f"{name}.wider", self._norm(f"{name}.dense_norm", hidden)), 0)
        return np.asarray(hidden + self._dense(f"{name}.narrower", wider))

    def _dense(self, name: str, values: Floats) -> Floats:
        return np.asarray(values @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"])

    def _norm(self, name: str, values: Floats) -> Floats:
        centred = values - values.mean(axis=-1, keepdims=True)
        scale = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
        return np.asarray(centred / scale * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"])


def unit(vectors_ND: Floats) -> Floats:
    """Return the vectors scaled to length 1; zero stays zero."""
    norm_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return np.asarray(vectors_ND / np.maximum(norm_N1, 1e-12), dtype=np.float32)


def save_history(net: HistoryNets, folder: Path) -> None:
    """Write weights, shape and prior."""
    partner = None
    weights = dict(net.weights)
    if net.partner is not None:
        settings = net.partner.nets.settings.model_dump(mode="json")
        partner = {"settings": settings, "share": net.partner.share}
        weights |= net.partner.as_weights()
    (folder / NETS).write_bytes(save(weights))
    settings = net.settings.model_dump(mode="json")
    shape = {"space": asdict(net.space), "settings": settings, "partner": partner}
    (folder / SHAPE).write_text(json.dumps(shape, indent=1), encoding="utf-8")
    if net.prior is not None:
        net.prior.save(folder)


def load_history(folder: Path) -> HistoryNets:
    """Read what training wrote.

    Raises:
        ArtifactError: the folder holds no history network, or a damaged one.
    """
    try:
        shape = json.loads((folder / SHAPE).read_text(encoding="utf-8"))
        space = FeatureSpace(**{name: tuple(values) for name, values in shape["space"].items()})
        settings, prior = History.model_validate(shape["settings"]), Prior.load_if_there(folder)
        weights, partner = load_file(folder / NETS), None
        if (told := shape.get("partner")) is not None:  # bundles of before have none
            theirs = {
                name.removeprefix(PREFIX): weights.pop(name) for name in [*weights] if name.startswith(PREFIX)
            }
            nets = HistoryNets(space, History.model_validate(told["settings"]), theirs)
            partner = Partner(nets, float(told["share"]))
        return HistoryNets(space, settings, weights, prior, partner)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, SafetensorError) as error:
        raise ArtifactError(
            f"{folder}: expected a history network ({NETS}, {SHAPE}), received: {error}. Train it anew."
        ) from error


def _representations(embedding_ND: Floats) -> Representations:
    return Representations(embedding_ND, np.zeros(len(embedding_ND), dtype=np.float32))


def _side_by_side(tokens: Tokens, users_U: Ints, most: int) -> tuple[Ints, Ints]:
    """Return place and type of the last events of each user, at the right edge; places −1 where none is."""
    end_U = tokens.offsets_U1[users_U + 1]
    count_U = np.minimum(end_U - tokens.offsets_U1[users_U], most)
    L = max(1, int(count_U.max(initial=0)))
    behind_L = np.arange(L, 0, -1)
    known_UL = behind_L <= count_U[:, None]
    event_UL = np.where(known_UL, end_U[:, None] - behind_L, 0)
    if len(tokens.place_E) == 0:
        return np.full((len(users_U), L), -1), np.zeros((len(users_U), L), dtype=np.int64)
    return (
        np.where(known_UL, tokens.place_E[event_UL], -1),
        np.where(known_UL, tokens.type_E[event_UL], 0).astype(np.int64),
    )
