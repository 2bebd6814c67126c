"""Moving: the evaluations that go through the test window step by step, as one function of folders.

prequential.json judges every interaction at its own moment; rolling.json cuts again and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from dlrs import bundle
from dlrs.contenders.live import networks_alone
from dlrs.contenders.live_rankers import live_rankers
from dlrs.errors import SchemaError
from dlrs.evaluation.prequential_report import prequential_table
from dlrs.evaluation.rolling import rolling_table
from dlrs.judging.live import judge_prequential
from dlrs.judging.rolling import Networks, judge_rolling
from dlrs.pipeline import open_pair, require_extras
from dlrs.prepared import Prepared, open_prepared
from dlrs.recommenders.live import Fit
from dlrs.schema import Duration

MOVING = "moving evaluation"
PREQUENTIAL, ROLLING = "prequential.json", "rolling.json"


def evaluate(
    prepared_folder: Path,
    trained_folder: Path | None,
    out: Path,
    prequential: bool,
    rolling: str | None,
    *,
    retrain: bool = False,
) -> Mapping[str, Table]:
    """Write what was asked for into one folder, and return a table for each of its files.

    Args:
        prepared_folder: the data set.
        trained_folder: networks that were trained on it; without them the baselines compete alone.
        out: where prequential.json and rolling.json go.
        prequential: whether to replay the test window.
        rolling: how far apart cuts are, as recipes write durations; none: no cuts.
        retrain: whether networks are trained at each cut.

    Raises:
        SchemaError: `rolling` is no duration.
        DataError: the test window holds too little.
        ArtifactError: the networks were trained on another data set.
    """
    require_extras("implicit", *(["torch", "tensorboard"] if retrain else []))
    length = None if rolling is None else _length(rolling)
    prepared, networks = open_prepared(prepared_folder), {}
    if trained_folder is not None:
        prepared, trained = open_pair(prepared_folder, trained_folder)
        networks = {f"{prepared.recipe.model}, refit": trained / "refit"}
    tables: dict[str, Table] = {}
    with bundle.writing(out, MOVING, facts={"encoding_hash": prepared.encoding.hash}) as folder:
        if prequential:
            fits = _rankers(prepared, trained_folder)
            replayed = judge_prequential(prepared, networks_alone(prepared, networks), fits)
            (folder / PREQUENTIAL).write_text(replayed.to_json(), encoding="utf-8")
            tables[PREQUENTIAL] = prequential_table(replayed)
        if length is not None:
            train = _train if retrain else None
            cut = judge_rolling(prepared, prepared_folder, length, networks=networks, train=train)
            (folder / ROLLING).write_text(cut.to_json(), encoding="utf-8")
            tables[ROLLING] = rolling_table(cut)
    return tables


def _rankers(prepared: Prepared, trained: Path | None) -> dict[str, Fit]:
    if trained is None:
        return live_rankers(prepared, None)
    return live_rankers(prepared, trained / "validated", served=trained / "refit")


def _train(prepared: Prepared, folder: Path) -> Networks:
    """Train the networks of a cut, with all before it, for as many epochs as were best on its validation."""
    from dlrs.fitting.both import REFIT, fit_both, write_both
    from dlrs.training.workers import ALONE

    trained = folder / "networks"
    trained.mkdir()
    work = folder / "checkpoints"
    # here, one after the other: other processes would read what was prepared for the first cut
    write_both(fit_both(prepared, work, ALONE, 1), work, trained)
    return {f"{prepared.recipe.model}, trained at each cut": trained / REFIT}


def _length(text: str) -> timedelta:
    try:
        length: timedelta = TypeAdapter(Duration).validate_python(text)
    except ValidationError as error:
        raise SchemaError(f"--rolling: {error.errors()[0]['msg']}.") from error
    return length
