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


def _say(text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)
