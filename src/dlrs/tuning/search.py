"""Search: the next settings to try, given those that were tried.

The first trial is the recipe as it is, so that no search ends worse than it began. Then come all
combinations, if a space has fewer of them than there are trials to do; otherwise the tree-structured Parzen
estimator of Optuna proposes. It is seeded anew for each trial: a search that was interrupted goes on as if it
had not been.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from dlrs.errors import MissingExtra
from dlrs.recipe import Recipe, parse_recipe
from dlrs.tuning.spaces import OneOf, Range, Space, Value, combinations
from dlrs.tuning.trials import Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Propose = Callable[[tuple[Trial, ...]], dict[str, Value] | None]
"""From the trials that were done to the next settings; None when there are no more."""


def search(space: Space, trials: int, seed: int, recipe: Recipe) -> Propose:
    """Return what proposes settings of a space, `trials` times at most.

    Raises:
        MissingExtra: Optuna is needed and not installed.
    """
    listed = combinations(space)
    if listed is not None and len(listed) < trials:
        return _in_order([{}, *(values for values in listed if values)])
    _require_optuna()
    current = {name: value_of(recipe, name) for name in space}

    def propose(done: tuple[Trial, ...]) -> dict[str, Value] | None:
        if len(done) >= trials:
            return None
        return _next(space, done, current, seed) if done else {}

    return propose


def applied(recipe: Recipe, values: dict[str, Value]) -> Recipe:
    """Return the recipe with other values for some settings, checked like any recipe.

    Raises:
        SchemaError: a value does not fit.
    """
    content = recipe.model_dump(mode="json")
    for name, value in values.items():
        *parts, last = name.split(".")
        table = content
        for part in parts:
            table = table[part]
        table[last] = value
    return parse_recipe(content, source="tuned recipe")


def value_of(recipe: Recipe, name: str) -> Value:
    """Return what a recipe says of a setting, as TOML would.

    Raises:
        AttributeError: there is no such setting.
    """
    value: Any = recipe
    for part in name.split("."):
        value = getattr(value, part)
    return duration(value) if isinstance(value, timedelta) else cast(Value, value)


def duration(value: timedelta) -> str:
    """Return a duration as recipes write it, in its largest whole unit.

    >>> duration(timedelta(hours=36)), duration(timedelta(days=7))
    ('36h', '7d')
    """
    minutes = value // timedelta(minutes=1)
    for unit, length in (("d", 1440), ("h", 60)):
        if minutes % length == 0:
            return f"{minutes // length}{unit}"
    return f"{minutes}m"


def _in_order(listed: list[dict[str, Value]]) -> Propose:
    return lambda done: listed[len(done)] if len(done) < len(listed) else None


def _next(space: Space, done: tuple[Trial, ...], current: dict[str, Value], seed: int) -> dict[str, Value]:
    """Return what Optuna proposes after these trials; it minimises, so that it is told minus the worth."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=_seed(seed, len(done)))
    study = optuna.create_study(sampler=sampler)
    distributions = {name: _distribution(values) for name, values in space.items()}
    for trial in done:
        values = trial.values or current
        if all(space[name].holds(value) for name, value in values.items()):
            study.add_trial(
                optuna.trial.create_trial(
                    params=dict(values), distributions=distributions, value=-trial.worth
                )
            )
    return {name: _short(cast(Value, value)) for name, value in study.ask(distributions).params.items()}


def _short(value: Value) -> Value:
    """Return a fraction to three digits, as somebody would write it into a recipe; the rest is chance.

    >>> _short(0.008559477879006652), _short(1000), _short("1d")
    (0.00856, 1000, '1d')
    """
    return float(f"{value:.3g}") if isinstance(value, float) else value


def _seed(seed: int, trial: int) -> int:
    """Return a seed for one trial of a search that no other search of a near seed has."""
    return int(np.random.SeedSequence([seed, trial]).generate_state(1)[0])


def _distribution(values: Range) -> BaseDistribution:
    from optuna import distributions

    if isinstance(values, OneOf):
        return distributions.CategoricalDistribution(values.values)
    if values.whole:
        return distributions.IntDistribution(int(values.low), int(values.high), log=not values.linear)
    return distributions.FloatDistribution(values.low, values.high, log=not values.linear)


def _require_optuna() -> None:
    try:
        import optuna  # noqa: F401 - only to say what is missing
    except ModuleNotFoundError:
        raise MissingExtra("optuna", "tune") from None
