"""Seeds: models that draw at random judged several times, so that no luck of one draw decides.

Users stay what the bootstrap draws from: a user's value is his mean over the seeds. How far the seeds lie
apart is shown beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from dlrs.arrays import Doubles
from dlrs.evaluation.breakdown import means_of
from dlrs.evaluation.funnel import PerUser, Stages
from dlrs.evaluation.judged import Judged
from dlrs.evaluation.report import Counts
from dlrs.prepared import Prepared


def with_seed(prepared: Prepared, step: int) -> Prepared:
    """Return the data set with a recipe whose seeds of training and of the baselines are `step` higher."""
    recipe = prepared.recipe
    training = recipe.training.model_copy(update={"seed": recipe.training.seed + step})
    baselines = recipe.baselines.model_copy(update={"seed": recipe.baselines.seed + step})
    history = recipe.history.model_copy(update={"seed": recipe.history.seed + step})
    changed = {"training": training, "history": history, "baselines": baselines}
    return replace(prepared, recipe=recipe.model_copy(update=changed))


def mean_of(runs: Sequence[Judged]) -> Judged:
    """Return a model's values as their means over its seeds, user by user; lists are those of the first.

    All must have been judged on the same users.
    """
    if len(runs) == 1:
        return runs[0]
    together = [one.together for one in runs]
    return replace(
        runs[0],
        all_items=_mean([one.all_items for one in runs]),
        warm_items=_mean([one.warm_items for one in runs]),
        cold_items=_mean([one.cold_items for one in runs]),
        beyond_accuracy=_mean([one.beyond_accuracy for one in runs]),
        pairs=_mean([one.pairs for one in runs]),
        together={metric: float(np.mean([one[metric] for one in together])) for metric in together[0]},
        stages=_stages([one.stages for one in runs if one.stages is not None]),
        alone=_by_group([one.alone for one in runs]),
    )


def spread_of(runs: Sequence[Judged]) -> dict[str, float]:
    """Return the standard deviation over the seeds (n − 1) of each metric's mean; empty for a single one."""
    if len(runs) == 1:
        return {}
    means = [_means(one) for one in runs]
    return {metric: float(np.std([one[metric] for one in means], ddof=1)) for metric in means[0]}


def _means(one: Judged) -> dict[str, float]:
    return means_of(one.all_items | one.beyond_accuracy | one.pairs) | one.together


def _mean(values: Sequence[Mapping[str, Doubles]]) -> dict[str, Doubles]:
    return {metric: np.mean([one[metric] for one in values], axis=0) for metric in values[0]}


def _stages(runs: Sequence[Stages]) -> Stages | None:
    """Return the means of the values and the sums of the pairs, whose shares are then means too."""
    if not runs:
        return None
    return replace(
        runs[0],
        pairs=_sums([one.pairs for one in runs]),
        reach={
            group: {depth: float(np.mean([one.reach[group][depth] for one in runs])) for depth in shares}
            for group, shares in runs[0].reach.items()
        },
        ceiling=_by_group([one.ceiling for one in runs]),
        retrieval=_by_group([one.retrieval for one in runs]),
    )


def _by_group(values: Sequence[PerUser]) -> PerUser:
    return {group: _mean([one[group] for one in values]) for group in values[0]}


def _sums(runs: Sequence[Counts]) -> Counts:
    return {
        group: {
            k: {stage: sum(one[group][k][stage] for one in runs) for stage in stages}
            for k, stages in by_k.items()
        }
        for group, by_k in runs[0].items()
    }
