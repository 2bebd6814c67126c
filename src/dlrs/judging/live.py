"""Live judging: the test window of a prepared data set replayed, as a report."""

from __future__ import annotations

from collections.abc import Mapping

from dlrs.contenders.at_cut import Build
from dlrs.contenders.live import RECENT, fit_live, timing_of, user_times
from dlrs.data.interactions import micros
from dlrs.evaluation.prequential import Requests, judge_live, live_requests
from dlrs.evaluation.prequential_report import PrequentialReport, summarise_live
from dlrs.prepared import Prepared
from dlrs.recommenders.live import Fit
from dlrs.user_times import UserTimes


def judge_prequential(
    prepared: Prepared,
    builds: Mapping[str, Build] | None = None,
    fits: Mapping[str, Fit] | None = None,
) -> PrequentialReport:
    """Replay the test window through the live baselines and more models, and return what came of it.

    Args:
        prepared: the data set, whose recipe says when models know what.
        builds: models that stay as they were fitted before the window.
        fits: models of the live protocol.
    """
    times = user_times(prepared)
    contenders = fit_live(prepared, times, builds or {})
    requests = window_requests(prepared, times)
    ks, settings = prepared.recipe.evaluation.k, prepared.recipe.evaluation
    places = judge_live({**contenders.fits, **(fits or {})}, requests, times, prepared.catalog, max(ks))
    return summarise_live(
        places,
        requests,
        ks=ks,
        reference=RECENT,
        resamples=settings.resamples,
        seed=settings.seed,
        settings=_settings(prepared),
        tuned=contenders.tuned,
    )


def window_requests(prepared: Prepared, times: UserTimes) -> Requests:
    """Return the requests of the test window."""
    split, recipe = prepared.recipe.marketplace.split, prepared.recipe
    return live_requests(
        times,
        prepared.catalog,
        since=micros(split.test_from),
        until=micros(split.test_until),
        timing=timing_of(prepared),
        max_requests=recipe.prequential.max_requests,
        seed=recipe.evaluation.seed,
    )


def _settings(prepared: Prepared) -> dict[str, object]:
    recipe, timing = prepared.recipe, timing_of(prepared)
    seconds = {f"prequential.{name}_seconds": value / 1e6 for name, value in vars(timing).items()}
    return {
        "marketplace": recipe.marketplace.name,
        "schema_hash": recipe.marketplace.hash,
        "encoding_hash": prepared.encoding.hash,
        "test_from": recipe.marketplace.split.test_from.isoformat(),
        "test_until": recipe.marketplace.split.test_until.isoformat(),
        **seconds,
        **{f"baselines.{key}": value for key, value in recipe.baselines.model_dump(mode="json").items()},
    }
