"""Breakdown: what a mean hides: a model's stages, kinds of items, users with few and many events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dlrs.arrays import Doubles
from dlrs.evaluation.funnel import Stages
from dlrs.evaluation.groups import ALL, COLD, WARM, user_groups
from dlrs.evaluation.judged import Judged
from dlrs.evaluation.report import GAINS, HEADLINE, AloneReport, StageReport, UserGroupReport
from dlrs.evaluation.significance import differences, intervals, judge_gaps, ratios
from dlrs.evaluation.static import StaticTest

GROUPED = (*HEADLINE, "recall", "ndcg")
"""The metrics by which groups of users are told apart."""


def stage_reports(
    judged: Mapping[str, Judged], ks: Sequence[int], *, resamples: int, seed: int
) -> dict[str, StageReport]:
    """Report on each model whose stages were looked into."""
    return {
        name: _stage_report(one, one.stages, ks, resamples=resamples, seed=seed)
        for name, one in judged.items()
        if one.stages is not None
    }


def _stage_report(
    one: Judged, stages: Stages, ks: Sequence[int], *, resamples: int, seed: int
) -> StageReport:
    """Say what became of the held-out pairs of one model, and what its ranking adds to its retrieval."""
    ranked = {ALL: one.all_items, WARM: one.warm_items, COLD: one.cold_items}
    keys = [f"{metric}@{k}" for metric in GAINS for k in ks]
    gains = {
        group: {key: ranked[group][key] - values[key] for key in keys}
        for group, values in stages.retrieval.items()
        if len(values[keys[0]])
    }
    # groups of items have users of their own, so each is a family for itself
    judged = {
        group: judge_gaps({group: gap}, resamples=resamples, seed=seed)[group] for group, gap in gains.items()
    }
    return StageReport(
        candidates=stages.candidates,
        handed_on=stages.handed_on,
        pairs=stages.pairs,
        reach=stages.reach,
        ceilings={group: means_of(values) for group, values in stages.ceiling.items()},
        retrieval={group: means_of(values) for group, values in stages.retrieval.items()},
        gains=judged,
    )


def user_group_reports(
    judged: Mapping[str, Judged], test: StaticTest, k: int, *, resamples: int, seed: int
) -> tuple[UserGroupReport, ...]:
    """Judge the lists on users with few and with many events before the cut apart."""
    events_U = np.asarray(test.known_UN.sum(axis=1)).astype(np.int64)
    found = []
    for group in user_groups(events_U):
        values = {
            name: {metric: values_U[group.member_U] for metric, values_U in one.all_items.items()}
            for name, one in judged.items()
        }
        at_k = {
            name: {f"{metric}@{k}": of[f"{metric}@{k}"] for metric in GROUPED} for name, of in values.items()
        }
        found.append(
            UserGroupReport(
                name=group.name,
                least=group.least,
                most=group.most,
                users=int(group.member_U.sum()),
                models={name: means_of(of) for name, of in values.items()},
                intervals=intervals(at_k, resamples=resamples, seed=seed),
            )
        )
    return tuple(found)


def alone_reports(
    judged: Mapping[str, Judged],
    tests: Mapping[str, StaticTest],
    k: int,
    reference: str,
    *,
    resamples: int,
    seed: int,
) -> dict[str, AloneReport]:
    """Report on the lists of one kind of items each; `tests` are those that they were judged on."""
    key, found = f"precision@{k}", {}
    for group, test in tests.items():
        values = {name: {key: one.alone[group][key]} for name, one in judged.items()}
        found[group] = AloneReport(
            users=len(test.users_U),
            items=len(test.items_A),
            models={name: means_of(one.alone[group]) for name, one in judged.items()},
            intervals=intervals(values, resamples=resamples, seed=seed),
            differences=differences(values, reference, resamples=resamples, seed=seed),
            ratios=ratios(values, reference, resamples=resamples, seed=seed),
        )
    return found


def means_of(values: Mapping[str, Doubles]) -> dict[str, float]:
    """Return the mean over the users of each metric, of those that have any user."""
    return {metric: float(values_U.mean()) for metric, values_U in values.items() if len(values_U)}
