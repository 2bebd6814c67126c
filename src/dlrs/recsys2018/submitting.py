"""Submitting: from the folder of a run and a challenge set to a file that keeps the rules."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from dlrs.errors import DataError
from dlrs.folders import RunFolder
from dlrs.recsys2018.answering import answer
from dlrs.recsys2018.challenge import Challenge
from dlrs.recsys2018.submission import Team, read_submission, write_submission
from dlrs.settings.baselines import Rival


def submit(
    run: Path,
    challenge_file: Path,
    out: Path,
    *,
    team: str,
    contact: str,
    competition: str | None = "main",
    model: str | None = None,
) -> None:
    """Write a submission by the networks of a run, or by one of the baselines, and check it.

    Raises:
        DataError: the challenge set is damaged, or there is no such model.
        ArtifactError: the run has no prepared data set or no networks.
    """
    if model is not None and model not in get_args(Rival):
        raise DataError(f"--model: expected one of {', '.join(get_args(Rival))}, received '{model}'.")
    rival: Rival | None = next((name for name in get_args(Rival) if name == model), None)
    submitting = Team(team, contact, competition)
    challenge, folders = Challenge.read(challenge_file), RunFolder(run)
    lists = answer(folders.prepared, folders.trained, challenge, rival)
    write_submission(out, submitting, challenge.pid_U, lists)
    read_submission(out, challenge)
