"""The verbs of `dlrs candidates`: what candidate generation keeps of the best, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

candidates = typer.Typer(
    no_args_is_help=True, help="Candidate generation, judged against the gold standard: every pair scored."
)

console = Console()

PreparedFolder = Annotated[
    Path, typer.Argument(help="folder that `dlrs prepare` wrote", metavar="PREPARED", show_default=False)
]
TrainedFolder = Annotated[
    Path, typer.Argument(help="folder that `dlrs train` wrote", metavar="TRAINED", show_default=False)
]


@candidates.command()
def gold(
    prepared: PreparedFolder,
    trained: TrainedFolder,
    out: Annotated[Path, typer.Option(help="folder to write; an older one by dlrs is replaced")],
    users: Annotated[int, typer.Option(min=1, help="of the test; if there are more: a seeded sample")] = 1000,
    keep: Annotated[int, typer.Option(min=1, help="best items kept of each user")] = 1000,
) -> None:
    """Score every item for each user and keep the best. Killed and started again, it goes on where it was."""
    from dlrs.comparing.gold import gold as write

    facts = write(prepared, trained, out, users=users, keep=keep).facts
    last = facts["last_run"]
    _say(f"The best {facts['kept']:,} of {facts['items']:,} items for {facts['users']:,} users: {out}")
    if last["pairs"]:
        _say(
            f"{last['pairs']:,} pairs in {last['seconds']:.1f} s: {last['pairs_a_second']:,.0f} a second, "
            f"{facts['flops_a_pair']:,} FLOP each."
        )


@candidates.command()
def compare(
    prepared: PreparedFolder,
    out: Annotated[Path, typer.Option(help="folder for it all; what an earlier run left there is used")],
    objectives: Annotated[
        list[str] | None,
        typer.Option(
            help="single, multi-cos, multi-cos-bar, or with λ: 'multi-cos 2'; once for each, none: all"
        ),
    ] = None,
    weights: Annotated[
        list[float] | None, typer.Option(min=0, help="λ, once for each; 0 is single. None: 0 0.25 0.5 1 2")
    ] = None,
    trained: Annotated[
        list[Path] | None,
        typer.Option(
            help="folder that `dlrs train` wrote: its networks are taken; alone without --objectives"
        ),
    ] = None,
    indexes: Annotated[
        list[str] | None, typer.Option(help="once for each; none: every one that is installed")
    ] = None,
    strategies: Annotated[list[str] | None, typer.Option(help="once for each; none: every one")] = None,
    counts: Annotated[
        list[int] | None, typer.Option(min=1, help="candidates T along the curves, once for each")
    ] = None,
    efforts: Annotated[
        list[float] | None,
        typer.Option(
            min=0, help="how much of an index is looked at, times what the recipe says; once for each"
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=0, help="T of the tables; 0: the recipe's")] = 0,
    users: Annotated[int, typer.Option(min=1, help="of the test; if there are more: a seeded sample")] = 1000,
) -> None:
    """Compare every index × strategy × objective with the gold standard: what is kept, and what it costs.

    Networks that are missing are trained. Killed and started again, it goes on where it was.
    """
    from dlrs.comparing import grid as ours
    from dlrs.comparing.compare import compare as run
    from dlrs.comparing.objectives import OBJECTIVES, WEIGHTS, goals
    from dlrs.comparing.result import Comparison
    from dlrs.comparing.tables import summary

    chosen = objectives or ([] if trained else OBJECTIVES)
    grid = ours.Grid(
        goals=goals(chosen, weights or WEIGHTS),
        indexes=indexes or ours.installed(),
        strategies=strategies or ours.STRATEGIES,
        counts=counts or ours.COUNTS,
        efforts=efforts or ours.EFFORTS,
        count=count,
        users=users,
    )
    folder = run(prepared, out, grid, trained or ())
    _say(summary(Comparison.from_json((folder / "compare.json").read_text(encoding="utf-8"))))
    _say(f"In {folder.path}: compare.json, compare.md, compare.png")


def _say(text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)
