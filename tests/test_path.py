"""The whole path on a small simulated marketplace: the Python API, the command line, and a kill."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dlrs import bundle, pipeline
from dlrs.candidates.filtering.filters import Between
from dlrs.errors import ArtifactError, DataError
from dlrs.evaluation.report import Report
from dlrs.folders import RunFolder
from dlrs.judging.at_cut import judge
from dlrs.model.forward import load_nets
from dlrs.prepared import open_prepared
from dlrs.publishing.published import Published
from dlrs.publishing.showcase import active_user
from dlrs.recommenders.recommender import Audience, TwoStageRecommender
from dlrs.schema import ITEM
from dlrs.settings.baselines import Baselines
from dlrs.simulator.settings import Simulation
from older_bundle import as_before

SMALL = Simulation(users=80, items=800, weeks=4, seed=1)
MODELS = [
    "most popular",
    "recently popular",
    "CF",
    "CF, WARP",
    "BPR",
    "item-kNN",
    "EASE",
    "GF-CF",
    "content-kNN",
    "hybrid CF-CBF",
    "multi-cos",
    "multi-cos, refit",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = pipeline.simulate(tmp_path_factory.mktemp("path") / "data", SMALL)
    recipe = folder / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("epochs = 6", "epochs = 2"))
    return recipe


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return pipeline.run(data, tmp_path_factory.mktemp("run") / "out")


def _dlrs(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dlrs", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_stage_leaves_a_whole_folder(run: RunFolder) -> None:
    for folder, kind in (
        (run.prepared, "prepared"),
        (run.trained, "trained"),
        (run.evaluated, "evaluated"),
    ):
        bundle.open_folder(folder, kind).verify()
    bundle.current_bundle(run.registry).verify()
    assert not list(run.path.glob(".*"))  # no partial folder, no checkpoint is left


def test_the_report_judges_every_model_by_every_metric(run: RunFolder) -> None:
    report = json.loads((run.path / "report.json").read_text())
    assert list(report["models"]) == MODELS
    for metrics in report["models"].values():
        for k in (1, 5, 10, 30, 100):
            for metric in (
                "precision",
                "map",
                "recall",
                "ndcg",
                "mrr",
                "hit_rate",
                "serendipity",
                "coverage",
            ):
                assert (
                    0 <= metrics[f"{metric}@{k}"] <= report["ceilings"][f"{metric}@{k}"] + 1e-12 <= 1 + 1e-12
                )
            assert metrics[f"novelty@{k}"] <= report["ceilings"][f"novelty@{k}"] + 1e-12
        assert 0 < metrics["auc"] < 1
    assert [name for name in MODELS if "accuracy_at_half" in report["models"][name]] == MODELS[-2:]
    assert report["test"]["balanced_pairs"] > 100
    assert report["test"]["users"] > 10
    assert set(report["differences"]) == set(MODELS) - {"multi-cos"}
    page = (run.path / "report.html").read_text()
    assert all(name in page for name in MODELS)
    assert "http" not in page.replace("http://www.w3.org", "")  # nothing is fetched from elsewhere


def test_only_the_chosen_compete_and_ivf_finds_what_exact_does(run: RunFolder) -> None:
    prepared, trained = open_prepared(run.prepared), bundle.open_folder(run.trained, pipeline.TRAINED)
    whole = Report.from_json((run.path / "report.json").read_text())
    recipe = prepared.recipe.model_copy(
        update={
            "baselines": Baselines(models=("recently popular", "most popular")),
            "candidates": prepared.recipe.candidates.model_copy(update={"index": "ivf"}),
        }
    )
    report, page = judge(replace(prepared, recipe=recipe), trained)
    assert list(report.models) == ["recently popular", "most popular", *MODELS[-2:]]
    for name, metrics in report.models.items():  # clusters so small and few that all are looked at
        assert metrics == pytest.approx(whole.models[name], abs=1e-6)
    assert report.ceilings == whole.ceilings
    assert "multi-cos reaches Precision" in page
    assert "recently popular" in page
    assert "EASE" not in page


def test_data_are_described_without_a_model(run: RunFolder, tmp_path: Path) -> None:
    done = _dlrs("describe", run.prepared, "--out", tmp_path / "described")
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "described/data.json").read_text())
    assert data == json.loads((run.path / "report.json").read_text())["data"]
    page = (tmp_path / "described/data.html").read_text()
    assert f"{data['train']['interactions']:,}" in page
    assert "14,133,620" in page  # the thesis's, beside it


def test_a_bundle_holds_no_pickle(run: RunFolder) -> None:
    published = bundle.current_bundle(run.registry).path
    suffixes = {f.suffix for f in published.rglob("*") if f.is_file()}
    assert suffixes == {".json", ".safetensors", ".arrow", ".npy"}
    for file in published.rglob("*.npy"):
        np.load(file, allow_pickle=False)


def test_recommendations_are_alive_new_and_ordered(run: RunFolder) -> None:
    prepared = open_prepared(run.prepared)
    user_id = active_user(prepared)
    found = pipeline.recommend(run.prepared, run.registry, user_id, k=10)
    assert len(found.items) == 10
    assert [item["logit"] for item in found.items] == sorted((i["logit"] for i in found.items), reverse=True)
    alive = set(prepared.versions[ITEM].filter(prepared.versions["valid_to"].is_null()).to_pylist())
    user = prepared.user_ids.to_pylist().index(user_id)
    seen = prepared.interactions.item_E[prepared.interactions.user_E == user]
    known = set(prepared.item_ids.take(np.unique(seen)).to_pylist())
    ids = {item[ITEM] for item in found.items}
    assert len(ids) == 10
    assert ids <= alive - known


def test_what_is_served_is_what_was_measured(run: RunFolder) -> None:
    """The bundle, by ids, gives the list of the evaluation's object, by rows, on the same catalogue."""
    prepared = open_prepared(run.prepared)
    user_id = active_user(prepared)
    served = pipeline.recommend(run.prepared, run.registry, user_id, k=20)
    versions_A = prepared.catalog.alive_at(int(prepared.starts_Q[-1]) + 7 * 86_400_000_000)
    nets = load_nets(run.trained / "refit")
    audience = Audience(
        prepared.profiles, prepared.profile_of_QU[prepared.serving_period], prepared.encoding.space
    )
    measured = TwoStageRecommender(
        nets,
        nets.embed_items(prepared.encoded_versions.take(versions_A)),
        prepared.catalog.item_V[versions_A],
        audience,
        prepared.recipe.candidates,
    )
    user = np.array([prepared.user_ids.to_pylist().index(user_id)])
    known_UN = prepared.interactions.matrix(len(prepared.user_ids), prepared.catalog.items)[user]
    ranking = measured.recommend(user, 20, known_UN=known_UN)
    assert prepared.item_ids.take(ranking.items_UK[0]).to_pylist() == [item[ITEM] for item in served.items]


def test_filters_on_the_command_line(run: RunFolder) -> None:
    """Nobody sells for nothing: the reason is told; the step drops the filter, and all k come."""
    free, drop = '{"feature": "price", "max": -1}', '[{"feature": "price", "drop": true}]'
    short = _dlrs("recommend", run.path, "--k", 3, "--where", free)
    assert short.returncode == 0, short.stderr
    assert "0 of 3: few pass" in short.stdout
    relaxed = _dlrs("recommend", run.path, "--k", 3, "--where", free, "--relax", drop)
    assert "3 best" in relaxed.stdout
    assert "Relaxed by 1 of the steps" in relaxed.stdout
    for option, wrong in (("--where", "{"), ("--where", free.replace("price", "prize")), ("--relax", drop)):
        failed = _dlrs("recommend", run.path, option, wrong)
        assert failed.returncode == 2
        assert "expected" in failed.stderr
    assert _dlrs("recommend", run.path, "--all", "--out", "x.parquet", "--where", free).returncode == 2


def test_a_bundle_without_attributes_builds_them(run: RunFolder, tmp_path: Path) -> None:
    """The oldest bundles have none: what is built passes the same items."""
    current = bundle.current_bundle(run.registry)
    published = Published.load(current)
    older = Published.load(as_before(current, tmp_path / "older", attributes=False))
    wanted = (Between(feature="price", min=2000, max=9000),)
    mapped_N, built_N = (one.attributes.passing(wanted).mask() for one in (published, older))
    price_N = published.items["price"].to_numpy()
    np.testing.assert_array_equal(mapped_N, (price_N >= 2000) & (price_N <= 9000))
    np.testing.assert_array_equal(built_N, mapped_N)


def test_unknown_users_and_missing_bundles_are_explained(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="received 'nobody'"):
        pipeline.recommend(run.prepared, run.registry, "nobody")
    with pytest.raises(ArtifactError, match="dlrs publish"):
        pipeline.recommend(run.prepared, tmp_path, active_user(open_prepared(run.prepared)))


def test_the_command_line_does_the_same_stage_by_stage(data: Path, run: RunFolder, tmp_path: Path) -> None:
    steps = [
        ("prepare", data, "--out", tmp_path / "prepared"),
        ("train", tmp_path / "prepared", "--out", tmp_path / "trained"),
        ("evaluate", tmp_path / "prepared", tmp_path / "trained", "--out", tmp_path / "evaluation"),
        ("publish", tmp_path / "prepared", tmp_path / "trained", "--to", tmp_path / "bundles"),
        ("recommend", tmp_path, "--k", 3),
    ]
    for step in steps:
        done = _dlrs(*step)
        assert done.returncode == 0, done.stderr
    assert "3 best" in done.stdout
    again = json.loads((tmp_path / "evaluation/report.json").read_text())
    assert (
        again["models"] == json.loads((run.path / "report.json").read_text())["models"]
    )  # same seed, same figures


def test_networks_of_another_preparation_are_refused(data: Path, run: RunFolder, tmp_path: Path) -> None:
    text = data.read_text().replace(
        '[marketplace.profiles]\nwindow = "30d"', '[marketplace.profiles]\nwindow = "21d"'
    )
    assert text != data.read_text()
    other = data.with_name("other.toml")
    other.write_text(text)
    prepared = pipeline.prepare(other, tmp_path / "prepared")
    with pytest.raises(ArtifactError, match="Train again"):
        pipeline.evaluate(prepared.path, run.trained, tmp_path / "evaluation")
    with pytest.raises(ArtifactError, match="Train again"):
        pipeline.publish(prepared.path, run.trained, tmp_path / "bundles")
    with pytest.raises(ArtifactError, match="Train and publish again"):
        pipeline.recommend(prepared.path, run.registry, active_user(open_prepared(prepared.path)))


def test_what_cannot_work_is_said_before_training(data: Path, tmp_path: Path) -> None:
    text = data.read_text()
    short = re.sub(r"test_until = .*", "test_until = 2017-04-24T00:00:01Z", text)
    other = data.with_name("short.toml")
    other.write_text(short)
    with pytest.raises(DataError, match="test window"):
        pipeline.prepare(other, tmp_path / "prepared")
    assert not list(tmp_path.iterdir())


def test_preparing_and_recommending_need_no_torch(data: Path, run: RunFolder, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['torch'] = None; from pathlib import Path; from dlrs import pipeline\n"
        "pipeline.prepare(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "from dlrs.prepared import open_prepared; from dlrs.publishing.showcase import active_user\n"
        "user = active_user(open_prepared(Path(sys.argv[2])))\n"
        "print(len(pipeline.recommend(Path(sys.argv[2]), Path(sys.argv[3]), user).items))\n"
    )
    arguments = [data, tmp_path / "prepared", run.registry]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "5\n"


def test_every_verb_explains_itself() -> None:
    verbs = ("simulate", "prepare", "describe", "train", "evaluate", "publish", "recommend", "run", "demo")
    shown = _dlrs("--help").stdout
    for verb in verbs:
        assert verb in shown
        help_text = _dlrs(verb, "--help")
        assert help_text.returncode == 0
        assert "Traceback" not in help_text.stderr


def test_an_error_is_one_message_and_exit_code_2(tmp_path: Path) -> None:
    done = _dlrs("prepare", tmp_path / "none.toml", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "expected a recipe (TOML), received no such file" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_killed_training_goes_on_and_ends_the_same(data: Path, run: RunFolder, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dlrs", "train", str(run.prepared), "--out", str(tmp_path / "trained")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as training:
        while not list(tmp_path.glob(".trained.checkpoints/*/validated/checkpoint.safetensors")):
            assert training.poll() is None
            time.sleep(0.01)
        os.kill(training.pid, signal.SIGKILL)
    assert not (tmp_path / "trained").exists()
    folder = pipeline.train(run.prepared, tmp_path / "trained")
    whole = bundle.open_folder(run.trained, "trained")
    for name in ("validated", "refit"):
        weights = [(f / f"{name}/nets.safetensors").read_bytes() for f in (folder, whole)]
        assert weights[0] == weights[1]
