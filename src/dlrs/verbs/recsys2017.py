"""The verbs of `dlrs recsys2017`: from the challenge's files to a submission."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

recsys2017 = typer.Typer(
    no_args_is_help=True, help="RecSys Challenge 2017 (XING): docs/challenges.md has it from end to end."
)

console = Console()

DataFolder = Annotated[
    Path, typer.Argument(help="folder that `dlrs recsys2017 load` wrote", metavar="DATA", show_default=False)
]
SubmissionFile = Annotated[Path, typer.Argument(help="the file", metavar="SUBMISSION", show_default=False)]
Once = Annotated[
    bool, typer.Option("--once", help="each user for one item at most, as in the challenge's online part")
]


@recsys2017.command()
def load(
    folder: Annotated[
        Path, typer.Argument(help="the five files as distributed", metavar="FOLDER", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="folder to write; an older one by dlrs is replaced")],
    impressions: Annotated[
        float, typer.Option(min=0, max=1, help="share of the shown pairs that is kept, to learn from")
    ] = 0.05,
) -> None:
    """Turn the challenge's files into the tables that recipes/recsys2017.toml describes."""
    from datetime import datetime

    from dlrs.recsys2017.loading import cuts
    from dlrs.recsys2017.loading import load as load_files

    facts = load_files(folder, out, impressions=impressions).facts
    _say(f"{facts['users']:,} users, {facts['items']:,} items, {facts['events']:,} events: {out}")
    _say(f"To fill: {facts['target_items']:,} items, from {facts['target_users']:,} users.")
    _say(f"The log runs from {facts['first_event']} to {facts['last_event']}. Cuts that fit it:")
    for name, cut in cuts(datetime.fromisoformat(facts["last_event"])).items():
        _say(f"  {name} = {cut}")


@recsys2017.command()
def submit(
    run: Annotated[
        Path, typer.Argument(help="folder that `dlrs run` wrote", metavar="RUN", show_default=False)
    ],
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="the file to write")],
    once: Once = False,
    most: Annotated[
        int, typer.Option(min=1, max=100, help="users of an item; fewer spread --once over more items")
    ] = 100,
) -> None:
    """Write a submission for the target items from the published bundle of a run."""
    from dlrs.folders import RunFolder
    from dlrs.recsys2017.submitting import submit as write_submission

    facts = write_submission(RunFolder(run).registry, data, out, once=once, most=most)
    _say(f"{facts['pairs']:,} pairs: {facts['items']:,} items, {facts['users']:,} users: {out}")
    if once:
        _say(f"Their sum is {facts['sum']:,.1f}, at most {facts['gap']:.3%} under what can be.")
    if facts["items_missing"] or facts["users_missing"]:
        _say(
            f"Bundle {facts['bundle_id']} lacks {facts['items_missing']:,} target items and "
            f"{facts['users_missing']:,} target users, of whom nothing is known."
        )


@recsys2017.command()
def check(submission: SubmissionFile, data: DataFolder, once: Once = False) -> None:
    """Read a submission as the challenge would; whatever breaks its rules is named with its line."""
    from dlrs.recsys2017.submission import Rules, read

    pairs = read(submission, Rules.of(data, once=once))
    _say(f"{submission} keeps to the rules: {len(set(pairs.item_P.tolist())):,} items, {len(pairs):,} users.")


@recsys2017.command()
def score(
    submission: SubmissionFile,
    data: DataFolder,
    truth: Annotated[
        Path | None,
        typer.Option(help="interactions.csv, or a Parquet file as `load` writes it; none: those of DATA"),
    ] = None,
    since: Annotated[str | None, typer.Option(help="only what happened from this day on: 2017-01-30")] = None,
) -> None:
    """Say what a submission is worth by the challenge's rules, by what is known to have happened."""
    from dlrs.recsys2017.scoring import score_file

    found = score_file(submission, data, truth=truth, since=since)
    _say(f"Score {found.total:,}: {found.users:,} by users and {found.items:,} by items.")
    _say(
        f"Of {found.pairs:,} pairs {found.successes:,} are successes; {found.items_reached:,} items have one."
    )


def _say(text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)
