"""Live rankers: the rankers of a moment that compete where the test window is replayed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dlrs.contenders.live import timing_of
from dlrs.contenders.moment import Learning, MomentModels
from dlrs.model.history_forward import HistoryNets
from dlrs.model.nets import open_nets
from dlrs.prepared import Prepared
from dlrs.ranking.moment_ranker import MomentRanker
from dlrs.ranking.past import Past
from dlrs.recommenders.live import Fit
from dlrs.recommenders.moment_history import HistoryRetrieval, behind

RANKER, BOTH = "ranker of the moment", "history and ranker of the moment"
SERVED = "moment, as served"


def live_rankers(
    prepared: Prepared,
    networks: Path | None,
    learning: Learning | None = None,
    served: Path | None = None,
) -> dict[str, Fit]:
    """Return the ranker alone and, where there is a history network, the ranker of what that one finds.

    Args:
        prepared: the data set.
        networks: a folder of networks that were trained on what came before `validation_from`: the ranker
            learns from what came after it.
        learning: how much the rankers learn from.
        served: a folder of networks that may have a ranker of the moment: it stays as it was trained.
    """
    learning = learning or Learning()
    fits = {RANKER: _fit(MomentModels(prepared, learning), prepared)}
    nets = None if networks is None else open_nets(networks)
    if isinstance(nets, HistoryNets):
        since = int(prepared.starts_Q[prepared.validation_period])
        models = MomentModels(prepared, learning, retrieval=_retrieval(prepared, nets), since=since)
        fits[BOTH] = _fit(models, prepared)
    ranker = None if served is None else MomentRanker.load_if_there(served)
    if served is not None and ranker is not None:
        as_served = behind(prepared, open_nets(served), ranker)
        fits[SERVED] = lambda _: as_served
    return fits


def _retrieval(prepared: Prepared, nets: HistoryNets) -> Callable[[Past], HistoryRetrieval]:
    return lambda past: HistoryRetrieval(nets, past, prepared.encoded_versions, prepared.strangers)


def _fit(models: MomentModels, prepared: Prepared) -> Fit:
    timing = timing_of(prepared)
    return lambda until: models.live(until, step=timing.step, delay=timing.delay)
