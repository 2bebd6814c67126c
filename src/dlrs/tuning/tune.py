"""Tune: the settings of models chosen on the validation period of a prepared data set."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlrs.atomic import alone, write_text
from dlrs.errors import DataError
from dlrs.prepared import Prepared, open_prepared
from dlrs.progress import track
from dlrs.recipe import Recipe, read_recipe
from dlrs.tuning.search import applied, search
from dlrs.tuning.spaces import OURS, Model, Space, SpaceName, Value, space_of
from dlrs.tuning.trials import Trial, Trials, described
from dlrs.tuning.validation import Objective, Validation

BEST = "best.toml"


@dataclass(frozen=True)
class Tuning:
    """How all models are tuned alike."""

    trials: int  # for each model, the recipe as it is among them
    objective: Objective = "ndcg@10"
    space: SpaceName = "wide"
    seed: int = 0
    settings: tuple[str, ...] = ()  # to look at, by their place in the recipe; none: all of the space


def tune(
    recipe_file: Path, prepared_folder: Path, out: Path, models: Sequence[Model], tuning: Tuning
) -> Mapping[Model, Trials]:
    """Try settings of each model, and keep all trials in `out`; the best are in `best.toml`, for the recipe.

    `best.toml` is of the models of this call. Each model has a file of its own, and what it holds of an
    earlier search counts: killed and started again, a search goes on where it was, and one with more trials
    goes further.

    Args:
        recipe_file: the settings to begin with.
        prepared_folder: what `dlrs prepare` made of the same marketplace.
        out: the folder; it may be there already.
        models: names of baselines, or `ours`.
        tuning: trials, objective, space, seed and settings.

    Raises:
        DataError: the data set is of another marketplace, or the space has nothing for one of the models,
            or one of the settings is in none of their spaces.
        ArtifactError: `out` has trials of something else, or another process is at it.
        MissingExtra: Optuna, or what a model needs, is not installed.
    """
    recipe, prepared = read_recipe(recipe_file), open_prepared(prepared_folder)
    _require_same(recipe, prepared, recipe_file, prepared_folder)
    spaces = {model: space_of(tuning.space, model, recipe, tuning.settings) for model in models}
    _require_known(spaces, tuning.settings)
    validation = Validation(prepared)
    out.mkdir(parents=True, exist_ok=True)
    found: dict[Model, Trials] = {}
    with alone(out):
        for model in models:
            found[model] = _tune(model, spaces[model], recipe, validation, out, tuning)
    write_text(out / BEST, as_toml({name: trials.best for name, trials in found.items()}))
    return found


def chosen(recipe: Recipe) -> list[Model]:
    """Return every model of a recipe: its baselines and ours."""
    return [*recipe.baselines.models, "ours"]


def as_toml(best: Mapping[Model, Trial]) -> str:
    """Return the best settings as lines for a recipe, each table once.

    >>> print(as_toml({"EASE": Trial({"baselines.ease_regularisation": 300.0}, 0.1, 1.0)}))
    [baselines]
    ease_regularisation = 300.0    # EASE
    <BLANKLINE>
    """
    tables: dict[str, list[str]] = {}
    for model, trial in best.items():
        for name, value in trial.values.items():
            table, _, key = name.rpartition(".")
            tables.setdefault(table, []).append(f"{key} = {_toml(value)}    # {model}")
    return "\n".join(f"[{table}]\n" + "\n".join(lines) + "\n" for table, lines in tables.items())


def _tune(
    model: Model, space: Space, recipe: Recipe, validation: Validation, out: Path, tuning: Tuning
) -> Trials:
    file = out / f"{_file_name(model)}.json"
    trials = Trials.begin(file, _common(model, space, recipe, validation.prepared, tuning))
    propose = search(space, tuning.trials, tuning.seed, recipe)
    for _ in track(range(len(trials.done), tuning.trials), f"Tune {model}"):
        values = propose(trials.done)
        if values is None:
            break
        again = [trial for trial in trials.done if trial.values == values]
        trial = again[0] if again else _tried(model, recipe, values, validation, tuning.objective)
        trials = trials.with_one(trial)
        trials.save(file)
    return trials


def _tried(
    model: Model, recipe: Recipe, values: dict[str, Value], validation: Validation, objective: Objective
) -> Trial:
    started = time.perf_counter()
    worth = validation.worth(model, applied(recipe, values), objective)
    return Trial(values, worth, round(time.perf_counter() - started, 3))


def _common(model: Model, space: Space, recipe: Recipe, prepared: Prepared, tuning: Tuning) -> dict[str, Any]:
    """Return what must be the same for trials to be compared."""
    return {
        "model": model,
        "objective": tuning.objective,
        "space": described(space),
        "seed": tuning.seed,
        "schema_hash": recipe.marketplace.hash,
        "encoding_hash": prepared.encoding.hash,
        "recipe": _settings(recipe, model),
    }


def _settings(recipe: Recipe, model: Model) -> dict[str, Any]:
    """Return what of the recipe a model depends on."""
    parts = ("samples", "training", "history", "candidates") if model == OURS else ("baselines",)
    content = recipe.model_dump(mode="json", include={*parts, "evaluation"})
    if model != OURS:
        del content["baselines"]["models"]
    return content


def _require_same(recipe: Recipe, prepared: Prepared, recipe_file: Path, folder: Path) -> None:
    if recipe.marketplace.hash != prepared.recipe.marketplace.hash:
        raise DataError(
            f"{folder}: expected a data set of the marketplace of {recipe_file} ({recipe.marketplace.hash}), "
            f"received one of {prepared.recipe.marketplace.hash}. Prepare it again."
        )


def _require_known(spaces: Mapping[Model, Space], settings: Sequence[str]) -> None:
    known = {setting for space in spaces.values() for setting in space}
    if unknown := [setting for setting in settings if setting not in known]:
        raise DataError(
            f"--setting {', '.join(unknown)}: expected what may be tuned of {', '.join(spaces)} "
            f"({', '.join(sorted(known))})."
        )


def _file_name(model: Model) -> str:
    return re.sub(r"[^a-z0-9]+", "-", model.lower())


def _toml(value: Value) -> str:
    return json.dumps(value)


def shown(found: Mapping[Model, Trials]) -> Iterator[str]:
    """Yield a line for each model: its best worth, and what the recipe as it is was worth."""
    for model, trials in found.items():
        best, first = trials.best, trials.done[0]
        seconds = sum(trial.seconds for trial in trials.done)
        yield (
            f"{model}: {trials.common['objective']} {best.worth:.4f} after {len(trials.done)} trials "
            f"in {seconds:,.0f} s; as the recipe is: {first.worth:.4f}"
        )
