"""The whole path on a slice of a real click log. Without the log it is skipped."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dlrs import pipeline
from dlrs.prepared import open_prepared
from dlrs.recipe import DATA_VARIABLE

RECIPE = Path(__file__).parents[1] / "recipes/globo.toml"
ONE_IN = 50


@pytest.fixture(scope="module")
def slice_of_globo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One user in fifty, all items; returns the folder that DLRS_DATA should name."""
    source = Path(os.environ.get(DATA_VARIABLE, "")) / "globo"
    if DATA_VARIABLE not in os.environ or not source.is_dir():
        pytest.skip(f"needs the log globo in the folder that {DATA_VARIABLE} names")
    folder = tmp_path_factory.mktemp("data")
    (folder / "globo").mkdir()
    users = pq.read_table(source / "events.parquet", columns=["user_id"])["user_id"]
    chosen = pc.equal(pc.subtract(users, pc.multiply(pc.divide(users, ONE_IN), ONE_IN)), 0)
    events = pq.read_table(source / "events.parquet").filter(chosen)
    pq.write_table(events, folder / "globo/events.parquet")
    pq.write_table(pq.read_table(source / "items.parquet"), folder / "globo/items.parquet")
    return folder


def test_from_raw_parquet_to_report(
    slice_of_globo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(slice_of_globo))
    run = pipeline.run(RECIPE, tmp_path / "run")
    facts = open_prepared(run.prepared).facts
    events = facts["events"]
    assert events["rows_read"] == events["kept"] + sum(events["quarantined"].values())
    assert facts["items"]["versions"] == 9855
    report = json.loads((run.path / "report.json").read_text())
    assert report["test"]["users"] > 300
    assert report["test"]["cold_items"] > 0
    popular, recent = (report["models"][name]["precision@5"] for name in ("most popular", "recently popular"))
    assert recent > 5 * popular  # yesterday's news: what was popular ever is read no more
