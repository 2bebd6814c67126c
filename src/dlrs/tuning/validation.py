"""Validation: what a model is worth that knows the log before `validation_from`, judged on what follows.

Nothing from the cut on has a say. U users of the validation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, cast

import numpy as np

from dlrs.arrays import stores
from dlrs.contenders.at_cut import Build, Known, Offer, build_ours, fit_rival
from dlrs.evaluation.protocol import lists_of
from dlrs.evaluation.static import StaticTest, static_test
from dlrs.metrics import ranked
from dlrs.model.nets import open_nets
from dlrs.prepared import Prepared
from dlrs.recipe import Recipe
from dlrs.settings.baselines import Rival
from dlrs.tuning.spaces import OURS, Model

Objective = Literal["ndcg@10", "precision@5"]
LENGTHS: dict[Objective, int] = {"ndcg@10": 10, "precision@5": 5}


@dataclass(frozen=True)
class Validation:
    """The validation period of a prepared data set as a test."""

    prepared: Prepared

    @cached_property
    def test(self) -> StaticTest:
        """Whom the trials are judged on: the same users for every trial and every model.

        Raises:
            DataError: nobody with a profile at `validation_from` turned to anything new before the cut.
        """
        prepared, period = self.prepared, self.prepared.validation_period
        settings = prepared.recipe.evaluation
        return static_test(
            prepared.interactions,
            prepared.catalog,
            users=len(prepared.user_ids),
            since=int(prepared.starts_Q[period]),
            until=int(prepared.starts_Q[-1]),
            profiled_users=np.flatnonzero(prepared.profile_of_QU[period] >= 0),
            max_users=settings.max_users,
            seed=settings.seed,
            refused=prepared.refused,
        )

    def worth(self, model: Model, recipe: Recipe, objective: Objective) -> float:
        """Fit a model by a recipe's settings and return the mean of the objective over the users."""
        prepared = replace(self.prepared, recipe=recipe)
        known = Known(prepared, prepared.validation_period)
        build = _fit_ours(known) if model == OURS else fit_rival(cast(Rival, model), known)
        recommender = build(Offer(prepared, self.test.versions_A))
        k = LENGTHS[objective]
        hits_UK = stores(self.test.relevant_UN, lists_of(model, recommender, self.test, k))
        if objective == "precision@5":
            return float(ranked.precision(hits_UK, k).mean())
        relevant_U = self.test.positives(np.ones_like(self.test.cold_N))
        return float(ranked.ndcg(hits_UK, relevant_U, k).mean())


def _fit_ours(known: Known) -> Build:
    """Train on the periods before the validation; it only says when to stop."""
    from dlrs.fitting.both import fit, save_trained

    prepared = known.prepared
    with TemporaryDirectory() as folder:
        trained = fit(prepared, Path(folder) / "work", until=prepared.validation_period)
        save_trained(trained, Path(folder) / "nets")
        return build_ours(open_nets(Path(folder) / "nets"), known)
