"""`dlrs evaluate`: at one cut, at every moment, or cut again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dlrs.progress import FOLLOWS

console = Console(quiet=FOLLOWS)


def evaluate(
    prepared: Annotated[Path, typer.Argument(help="folder that `dlrs prepare` wrote", metavar="PREPARED")],
    out: Annotated[Path, typer.Option(help="folder to write; an older one by dlrs is replaced")],
    trained: Annotated[
        Path | None,
        typer.Argument(
            help="folder that `dlrs train` wrote; --prequential and --rolling do without", metavar="TRAINED"
        ),
    ] = None,
    prequential: Annotated[
        bool,
        typer.Option("--prequential", help="replay the test window, each interaction at its own moment"),
    ] = False,
    rolling: Annotated[
        str | None,
        typer.Option(help="cut again and again through the test window, so far apart", metavar="1d"),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="where items are lost, stage by stage, and as many seeds as the recipe's evaluation has",
        ),
    ] = False,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="with --rolling: train networks at each cut; slow")
    ] = False,
) -> None:
    """Compare the model with popularity, CF, neighbours and a hybrid on what users did after the cut.

    --prequential writes prequential.json, --rolling writes rolling.json; without them it is report.json.
    """
    if retrain and rolling is None:
        raise typer.BadParameter("--retrain needs --rolling")
    if prequential or rolling is not None:
        from dlrs import moving

        tables = moving.evaluate(prepared, trained, out, prequential, rolling, retrain=retrain)
        for name, table in tables.items():
            console.print(table)
            _say(f"Report: {out / name}")
        return
    if trained is None:
        raise typer.BadParameter("TRAINED is missing; only --prequential and --rolling do without it")
    from dlrs import pipeline

    report = pipeline.evaluate(prepared, trained, out, everything=everything)
    show_report(report.path)


def show_report(folder: Path) -> None:
    """Print the headline of the report in a folder, and where the rest of it is."""
    from dlrs.evaluation.report import Report, table

    console.print(table(Report.from_json((folder / "report.json").read_text(encoding="utf-8"))))
    _say(f"Report: {folder / 'report.html'} (for people), {folder / 'report.json'} (for programs)")


def _say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)
