"""Tuning of live models: the best of a list of settings by what they reach on earlier requests.

The requests are those of the validation period, never of the test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dlrs.data.catalog import Catalog
from dlrs.evaluation.prequential import Requests, judge_live
from dlrs.recommenders.live import LiveRecommender
from dlrs.user_times import UserTimes

Settings = Mapping[str, float]


@dataclass(frozen=True)
class Trial:
    """Settings, and the hit rate that they reached."""

    settings: dict[str, float]
    hit_rate: float


@dataclass(frozen=True)
class Tuned:
    """What was chosen of all that was tried, in the order tried."""

    chosen: dict[str, float]
    k: int  # of the hit rate
    requests: int
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Tuner:
    """The requests of the validation period, to try settings on."""

    requests: Requests
    times: UserTimes
    catalog: Catalog
    k: int

    def best(self, build: Callable[[Settings], LiveRecommender], grid: Sequence[Settings]) -> Tuned:
        """Return the settings of the highest hit rate@k; of equal ones the first.

        Args:
            build: makes a model of settings; it learns nothing but what it reads at each moment.
            grid: what to try.
        """
        trials = tuple(Trial(dict(settings), self._hit_rate(build(settings))) for settings in grid)
        best = max(trials, key=lambda trial: trial.hit_rate)
        return Tuned(best.settings, self.k, len(self.requests), trials)

    def _hit_rate(self, model: LiveRecommender) -> float:
        places = judge_live({"a trial": lambda _: model}, self.requests, self.times, self.catalog, self.k)
        return float((places["a trial"] >= 0).mean())
