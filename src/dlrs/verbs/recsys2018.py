"""The verbs of `dlrs recsys2018`: from the challenge's slices to a submission, and what it is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

recsys2018 = typer.Typer(
    no_args_is_help=True, help="The RecSys Challenge 2018, playlists to be continued: docs/challenges.md."
)

console = Console()

Slices = Annotated[
    Path, typer.Argument(help="folder of mpd.slice.*.json", metavar="SLICES", show_default=False)
]
Local = Annotated[
    Path,
    typer.Argument(help="folder that `dlrs recsys2018 cut` wrote", metavar="LOCAL", show_default=False),
]
ChallengeSet = Annotated[
    Path, typer.Argument(help="challenge_set.json", metavar="CHALLENGE", show_default=False)
]
Submission = Annotated[
    Path, typer.Argument(help="file as it is submitted, .csv or .csv.gz", metavar="SUBMISSION")
]
Submissions = Annotated[
    list[Path], typer.Argument(help="files as they are submitted, the earliest first", metavar="SUBMISSION…")
]
Out = Annotated[Path, typer.Option(help="folder to write; an older one by dlrs is replaced")]


@recsys2018.command()
def load(slices: Slices, out: Out) -> None:
    """Read all slices, one at a time, into the three tables that recipes/recsys2018.toml asks for."""
    from dlrs.recsys2018.loading import load as read

    facts = read(slices, out).facts
    _say(
        f"{facts['playlists']:,} playlists, {facts['entries']:,} entries, {facts['tracks']:,} tracks out of "
        f"{facts['slices']:,} slices: {out}"
    )


@recsys2018.command()
def cut(
    data: Annotated[
        Path,
        typer.Argument(help="folder that `dlrs recsys2018 load` wrote", metavar="DATA", show_default=False),
    ],
    out: Out,
    playlists: Annotated[int, typer.Option(min=10, help="of the challenge, a tenth of each group")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="another one draws other playlists")] = 0,
) -> None:
    """Make a challenge of one's own, whose answers are known: OUT is DATA without its playlists."""
    from dlrs.recsys2018.cutting import cut as make

    facts = make(data, out, playlists=playlists, seed=seed).facts
    _say(f"{facts['challenge']:,} playlists to continue, {facts['answers']:,} tracks to find: {out}")


@recsys2018.command()
def submit(
    run: Annotated[
        Path,
        typer.Argument(help="folder with prepared/ and trained/, as `dlrs run` leaves it", metavar="RUN"),
    ],
    challenge: ChallengeSet,
    out: Annotated[Path, typer.Option(help="file to write; .gz compresses it")],
    team: Annotated[str, typer.Option(help="its name")],
    contact: Annotated[str, typer.Option(help="its address")],
    competition: Annotated[
        str, typer.Option(help="main or creative; none: the line of the later rerun, without it")
    ] = "main",
    model: Annotated[
        str | None, typer.Option(help="a baseline, like 'most popular' or 'item-kNN'; none: the networks")
    ] = None,
) -> None:
    """Write the 500 best new tracks for each playlist of a challenge, and check the file."""
    from dlrs.recsys2018.submitting import submit as write

    rules = None if competition == "none" else competition
    write(run, challenge, out, team=team, contact=contact, competition=rules, model=model)
    _say(f"Wrote and checked {out}.")


@recsys2018.command()
def check(challenge: ChallengeSet, submission: Submission) -> None:
    """Say whether the organisers would take a submission; if not, which line is why."""
    from dlrs.recsys2018.challenge import Challenge
    from dlrs.recsys2018.submission import read_submission

    told = Challenge.read(challenge)
    read_submission(submission, told)
    _say(f"{submission} keeps the rules: 500 new tracks for each of {len(told):,} playlists.")


@recsys2018.command()
def score(local: Local, submission: Submission) -> None:
    """Say what a submission for a challenge of one's own is worth, by group."""
    from dlrs.recsys2018.scoring import LocalChallenge, score_table

    known = LocalChallenge.open(local)
    console.print(score_table(known.score(submission), known.challenge.group_U))


@recsys2018.command()
def rank(local: Local, submissions: Submissions) -> None:
    """Rank submissions for a challenge of one's own by Borda's count over the three measures."""
    from dlrs.recsys2018.scoring import LocalChallenge, rank_table

    known = LocalChallenge.open(local)
    console.print(
        rank_table([file.name for file in submissions], [known.score(file) for file in submissions])
    )


def _say(text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)
