"""Held back: what users turned to between the end of training and the cut, which judges history networks.

It says when to stop, and what stands beside the network: a partner (`model.partner`), the prior of items
(`training.prior`) and the second opinion (`model.low_pass`).

    U users    A items that could be recommended    J coordinates: D, and those of what stands beside
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy import sparse

from dlrs.arrays import NO_ITEM, Doubles, Floats, stores
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.generator import generate
from dlrs.candidates.histories import Histories, histories_before
from dlrs.candidates.vectors import ItemVectors
from dlrs.errors import DataError
from dlrs.evaluation.static import StaticTest, static_test
from dlrs.metrics.ranked import per_user
from dlrs.model.history_forward import HistoryNets
from dlrs.model.low_pass import LowPass
from dlrs.model.partner import side_by_side
from dlrs.model.prior import Prior
from dlrs.prepared import Prepared
from dlrs.progress import stage
from dlrs.standing import prepared_standing
from dlrs.training.prior import Examples, fit_prior

VALIDATED_BY = 10
"""NDCG@k with this k tells when to stop."""

MOST_USERS = 5_000
"""Users that early stopping looks at."""

SHARES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""What a second opinion may weigh: the standard deviation, in logits, of what it says of users and items."""

PARTNER_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
"""What a partner may weigh."""

NEW = 0.01
"""A second opinion is asked where no larger share of what users turned to was new. It knows items by who met
them; what it says of others, by their features alone, misleads (docs/decisions/0042-a-second-opinion.md)."""

DEGREES = (1, 2)
"""Those of priors that are tried."""

ERRORS_OF_DEGREE = 4.0
"""Standard errors by which the second degree must be better: it is asked for after every epoch, and of two
hundred users some epoch has two (docs/decisions/0048-a-prior-of-the-second-degree.md)."""

WORTH = 1.01
"""What adds to a network must make it better by this factor: partner and second opinion add coordinates to
all vectors, the second degree six weights to the prior."""

ERRORS = 2.0
"""It must do so by so many standard errors of the mean difference, too: few users say little."""


class Beside(NamedTuple):
    """What stands beside a network, and what it is worth with that."""

    ndcg_U: Doubles
    low_pass: LowPass | None = None
    prior: Prior | None = None

    @property
    def degree(self) -> int:
        """That of the prior."""
        return 1 if self.prior is None else self.prior.degree

    @property
    def ndcg(self) -> float:
        """The mean NDCG@10."""
        return float(self.ndcg_U.mean())

    def is_worth_it(self, than: Beside, errors: float) -> bool:
        """Tell whether this one is better than another by more than chance, and enough."""
        gain_U = self.ndcg_U - than.ndcg_U
        error = gain_U.std() / np.sqrt(len(gain_U))
        return bool(self.ndcg > WORTH * than.ndcg and gain_U.mean() > errors * error)


class HeldBack:
    """A static test from the end of training to the cut."""

    def __init__(self, prepared: Prepared, test: StaticTest, histories: Histories, since: int) -> None:
        self._test = test
        self._standing = prepared_standing(prepared, since).take(test.items_A)
        self._items = prepared.encoded_versions.take(test.versions_A)
        self._profiles = prepared.strangers.take(test.users_U)
        self._histories = histories.take(test.users_U)
        self._known_UA = sparse.csr_array(test.known_UN[:, test.items_A])

    @classmethod
    def of(cls, prepared: Prepared, since: int) -> HeldBack:
        """Judge on who met something before `since` and something new from then to the cut."""
        histories = histories_before(prepared, since)
        try:
            test = static_test(
                prepared.interactions,
                prepared.catalog,
                users=len(prepared.user_ids),
                since=since,
                until=int(prepared.starts_Q[-1]),
                profiled_users=np.flatnonzero(histories.any_U),
                max_users=MOST_USERS,
                seed=prepared.recipe.evaluation.seed,
                refused=prepared.refused,
            )
        except DataError as error:
            raise DataError(f"early stopping: {error}") from error
        return cls(prepared, test, histories, since)

    @property
    def new_share(self) -> float:
        """The share of what users turned to that nobody had met."""
        test = self._test
        new, all_ = (int(test.positives(some_N).sum()) for some_N in (test.cold_N, np.ones_like(test.cold_N)))
        return new / all_

    @property
    def is_settled(self) -> bool:
        """Whether nearly all that users turned to had been met by somebody."""
        return self.new_share <= NEW

    def ndcg(self, nets: HistoryNets, *, prior: bool = False) -> float:
        """Return the mean NDCG@10 of exact retrieval by the network, with the prior that suits it or without.

        Where users turn to new items the two may prefer different networks, and with its prior it is served.
        """
        with stage("evaluate validation"):
            return self._with_prior(nets, *self._embedded(nets), degrees=DEGREES if prior else ()).ndcg

    def partner(
        self, nets: HistoryNets, others: Mapping[str, HistoryNets], *, prior: bool
    ) -> tuple[str, float] | None:
        """Return which other network should stand beside one, and its share; None where none is worth it.

        With `prior` each couple is worth what it is with the prior that suits it.
        """
        if not others:
            return None
        with stage("Weigh partners of the network"):
            users_UD, items_AD = self._embedded(nets)
            alone = best = self._with_prior(nets, users_UD, items_AD, degrees=DEGREES if prior else ())
            chosen, degrees = None, (alone.degree,) if prior else ()
            for name, other in others.items():
                theirs_UD, theirs_AD = self._embedded(other)
                for share in PARTNER_SHARES:
                    users_UJ = side_by_side(users_UD, theirs_UD, share)
                    items_AJ = side_by_side(items_AD, theirs_AD, share)
                    found = self._with_prior(nets, users_UJ, items_AJ, degrees=degrees)
                    if found.ndcg > best.ndcg:
                        best, chosen = found, (name, share)
        return chosen if best.is_worth_it(alone, ERRORS) else None

    def beside(self, nets: HistoryNets, low_pass: LowPass | None, *, prior: bool) -> Beside:
        """Return what should stand beside a network: each of the two only where it helps.

        Args:
            nets: the network alone.
            low_pass: a second opinion, whatever it weighs; the prior is fitted anew beside each weight.
            prior: whether there may be one.
        """
        with stage("Weigh what stands beside the network"):
            alone = best = self._with_prior(nets, *self._embedded(nets), degrees=DEGREES if prior else ())
            degrees = (alone.degree,) if prior else ()
            if low_pass is None:
                return alone
            users_UJ, items_AJ = self._embedded(nets.with_low_pass(replace(low_pass, weight=1.0)))
            D = nets.width
            scale = _root_mean_square(users_UJ[:, D:], items_AJ[:, D:]) / nets.settings.temperature
            for share in SHARES if scale > 0 else ():
                weighed = replace(low_pass, weight=share / scale)
                weighed_UJ = np.hstack([users_UJ[:, :D], users_UJ[:, D:] * np.float32(weighed.weight)])
                found = self._with_prior(nets, weighed_UJ, items_AJ, degrees=degrees)
                best = max(best, found._replace(low_pass=weighed), key=lambda one: one.ndcg)
        return best if best.is_worth_it(alone, ERRORS) else alone

    def _with_prior(
        self, nets: HistoryNets, users_UJ: Floats, items_AJ: Floats, *, degrees: Sequence[int]
    ) -> Beside:
        """Return what embeddings are worth behind the best prior of some degrees, or alone if that is better.

        The first degree need only not harm, for it has four weights; the second must be worth its ten.
        """
        best = Beside(self._ndcg(users_UJ, items_AJ))
        settings, test = nets.settings, self._test
        relevant_UA = sparse.csr_array(test.relevant_UN[:, test.items_A])
        examples = Examples(users_UJ, items_AJ, self._standing, relevant_UA, self._known_UA)
        ones_U1 = np.ones((len(users_UJ), 1), dtype=np.float32)
        for degree in degrees:
            fitted = fit_prior(examples, settings.temperature, settings.seed, degree=degree)
            prior_A1 = fitted.of(self._standing)[:, None] * np.float32(settings.temperature)
            behind_U = self._ndcg(np.hstack([users_UJ, ones_U1]), np.hstack([items_AJ, prior_A1]))
            found = Beside(behind_U, prior=fitted)
            if found.is_worth_it(best, ERRORS_OF_DEGREE) if degree > 1 else found.ndcg >= best.ndcg:
                best = found
        return best

    def _ndcg(self, users_UJ: Floats, items_AJ: Floats) -> Doubles:
        test = self._test
        exact = ExactIndex.build(ItemVectors(items_AJ, "inner-product"))
        found_UT = generate(exact, users_UJ, VALIDATED_BY, self._known_UA).positions_UT
        items_UK = np.full((len(found_UT), VALIDATED_BY), NO_ITEM)
        items_UK[:, : found_UT.shape[1]] = np.where(found_UT >= 0, test.items_A[found_UT], NO_ITEM)
        relevant_U = test.positives(np.ones_like(test.cold_N))
        values = per_user(stores(test.relevant_UN, items_UK), relevant_U, [VALIDATED_BY])
        return values[f"ndcg@{VALIDATED_BY}"]

    def _embedded(self, nets: HistoryNets) -> tuple[Floats, Floats]:
        """Return e_u and e_v of users and items."""
        tokens = self._histories.tokens(nets)
        users_UJ = nets.embed_users(self._profiles, tokens).embedding_ND
        return users_UJ, nets.embed_items(self._items).embedding_ND


def _root_mean_square(users_UW: Floats, items_AW: Floats) -> float:
    """Return that of the products of all users with all items."""
    together_WW = (users_UW.T @ users_UW) * (items_AW.T @ items_AW)
    return float(np.sqrt(max(0.0, together_WW.sum(dtype=np.float64)) / max(1, len(users_UW) * len(items_AW))))
