"""The verb `dlrs tune`: settings chosen on the validation period."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.markup import escape

console = Console()


def tune(
    recipe: Annotated[Path, typer.Argument(help="the settings to begin with", metavar="RECIPE")],
    prepared: Annotated[
        Path, typer.Argument(help="what `dlrs prepare` made of it", metavar="PREPARED", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option(help="folder for the trials; what an earlier search left there counts")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(help="a baseline, as the recipe names it, or 'ours'; repeatable", show_default=False),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="every model of the recipe, and ours")] = False,
    trials: Annotated[int, typer.Option(min=1, help="for each model")] = 30,
    objective: Annotated[str, typer.Option(help="ndcg@10 or precision@5")] = "ndcg@10",
    space: Annotated[str, typer.Option(help="wide, or thesis: the grid of the thesis")] = "wide",
    seed: Annotated[int, typer.Option(min=0, help="the same seed tries the same settings")] = 0,
    setting: Annotated[
        list[str] | None,
        typer.Option(help="look at this one alone, say history.dropout; repeatable", show_default=False),
    ] = None,
) -> None:
    """Choose the settings of models on the validation period, by as many trials for each.

    A trial fits on what happened before validation_from and is judged on what follows until the cut; the
    test has no say. Killed and started again, it goes on where it was. The best settings are printed as lines
    for the recipe, and in OUT/best.toml.
    """
    from dlrs.recipe import read_recipe
    from dlrs.tuning.spaces import NAMED, Model, SpaceName
    from dlrs.tuning.tune import BEST, Tuning, as_toml, chosen, shown
    from dlrs.tuning.tune import tune as run
    from dlrs.tuning.validation import LENGTHS, Objective

    _require("--objective", objective, list(LENGTHS))
    _require("--space", space, list(NAMED))
    if bool(model) == every:
        raise typer.BadParameter("tune needs --model, once for each, or --all")
    there = [name for name in chosen(read_recipe(recipe)) if name in NAMED[cast(SpaceName, space)]]
    for name in model or ():
        _require("--model", name, there)
    models = there if every else [cast(Model, name) for name in model or ()]
    tuning = Tuning(trials, cast(Objective, objective), cast(SpaceName, space), seed, tuple(setting or ()))
    found = run(recipe, prepared, out, models, tuning)
    for line in shown(found):
        _say(line)
    _say(as_toml({name: done.best for name, done in found.items()}))
    _say(f"Trials: {out}. Lines for the recipe: {out / BEST}")


def _require(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise typer.BadParameter(f"{option}: expected one of {', '.join(known)}, received '{value}'")


def _say(text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)
