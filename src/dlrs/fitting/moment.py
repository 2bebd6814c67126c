"""Fitting of the ranker of the moment behind the history network, as a recipe may ask for it.

It learns from the interactions between `validation_from` and the cut, from what the validated network, which
saw none of them, says of each. It is served behind the network that saw them all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dlrs.contenders.live import timing_of
from dlrs.contenders.moment import Learning, MomentModels
from dlrs.errors import ArtifactError
from dlrs.fitting.both import REFIT, VALIDATED
from dlrs.model.history_forward import HistoryNets
from dlrs.model.nets import open_nets
from dlrs.prepared import Prepared
from dlrs.profiles.reach import Reach
from dlrs.ranking.moment_ranker import MomentRanker
from dlrs.ranking.past import Past
from dlrs.recommenders.moment_history import HistoryRetrieval


def write_ranker(prepared: Prepared, folder: Path, learning: Learning | None = None) -> dict[str, Any]:
    """Train the ranker, if the recipe wants it, and write it beside both networks; return facts of it.

    Args:
        prepared: the data set.
        folder: of the trained networks.
        learning: how much it learns from.
    """
    if prepared.recipe.training.ranker != "moment":
        return {}
    ranker = fit_ranker(prepared, folder / VALIDATED, learning or Learning())
    for name in (VALIDATED, REFIT):
        ranker.save(folder / name)
    return {"ranker": {"windows_seconds": [window / 1e6 for window in ranker.windows]}}


def fit_ranker(prepared: Prepared, networks: Path, learning: Learning) -> MomentRanker:
    """Train the ranker behind networks that learned from nothing since `validation_from`.

    Raises:
        ArtifactError: these are no history network.
        DataError: there is too little to learn from.
    """
    since, cut = (int(prepared.starts_Q[place]) for place in (prepared.validation_period, -1))
    models = MomentModels(
        prepared,
        learning,
        until=cut,
        retrieval=retrieval_of(prepared, networks),
        since=since,
        reach=Reach.of(prepared.recipe.marketplace),
    )
    timing = timing_of(prepared)
    found = models.live(cut, step=timing.step, delay=timing.delay)
    return MomentRanker(found.net, models.past.windows, learning.ranker.sizes)


def retrieval_of(prepared: Prepared, networks: Path) -> Callable[[Past], HistoryRetrieval]:
    """Return the history network of a folder as a first stage over any past of a data set.

    Raises:
        ArtifactError: it is another network.
    """
    nets = open_nets(networks)
    if not isinstance(nets, HistoryNets):
        raise ArtifactError(
            f"{networks}: expected a history network, behind which the ranker of the moment stands, received "
            'the three networks. Set network = "history" in [training], and train again.'
        )
    return lambda past: HistoryRetrieval(nets, past, prepared.encoded_versions, prepared.strangers)
