"""A bundle is rehearsed before it is served: real networks, and some that were spoilt."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from dlrs import bundle, pipeline
from dlrs.arrays import Floats, Ints
from dlrs.cli import app
from dlrs.data.interactions import micros
from dlrs.errors import ArtifactError
from dlrs.features.encoding import Encoding
from dlrs.features.rows import EncodedRows
from dlrs.features.scaler import Scaler
from dlrs.folders import RunFolder
from dlrs.model.forward import NETS
from dlrs.prepared import Prepared, open_prepared
from dlrs.publishing import golden, rehearsing
from dlrs.publishing.bundle_nets import BundleNets
from dlrs.publishing.publications import publications
from dlrs.publishing.published import Published, write_content
from dlrs.publishing.rehearsing import LEAST_USERS, Recall, Rehearsal, Relevance, rehearse

Weights = dict[str, Floats]


@pytest.fixture(scope="module")
def prepared(world: RunFolder) -> Prepared:
    return open_prepared(world.prepared)


@pytest.fixture
def registry(world: RunFolder, tmp_path: Path) -> Path:
    return Path(shutil.copytree(world.registry, tmp_path / "registry"))


@pytest.fixture
def current(registry: Path) -> bundle.Folder:
    return bundle.current_bundle(registry)


def trained(world: RunFolder, to: Path, change: Callable[[Weights], None]) -> Path:
    """Return a trained folder whose refit networks were changed."""
    facts = bundle.open_folder(world.trained, pipeline.TRAINED).facts
    with bundle.writing(to, pipeline.TRAINED, facts=dict(facts)) as folder:
        shutil.copytree(world.trained / "refit", folder / "refit")
        weights = load_file(folder / "refit" / NETS)
        change(weights)
        save_file(weights, folder / "refit" / NETS)
    return to


def upside_down(weights: Weights) -> None:
    """The best come last."""
    weights["rank_net.output.weight"] = -weights["rank_net.output.weight"]


def a_little_other(weights: Weights) -> None:
    weights["rank_net.output.bias"] = weights["rank_net.output.bias"] + np.float32(0.5)


def test_the_first_bundle_has_nothing_beside_it(registry: Path) -> None:
    (first,) = publications(registry)
    assert first.rehearsal is not None
    assert first.rehearsal["recall"]["recall"] == 1.0  # its index is exact
    assert first.rehearsal["relevance"] is None
    assert "first bundle" in first.rehearsal["not_compared"]
    assert first.replaced is None


def test_networks_as_good_as_the_current_ones_pass(
    world: RunFolder, registry: Path, current: bundle.Folder, tmp_path: Path
) -> None:
    folder = trained(world, tmp_path / "trained", a_little_other)
    published = pipeline.publish(world.prepared, folder, registry)
    assert bundle.current_bundle(registry).path == published.path != current.path
    last = publications(registry)[-1]
    assert last.replaced == current.path.name
    assert last.rehearsal is not None
    relevance = last.rehearsal["relevance"]
    assert relevance["current"] == current.path.name
    assert relevance["precision"] == relevance["current_precision"] > 0
    assert relevance["users"] >= LEAST_USERS


def test_spoilt_networks_are_refused_unless_forced(
    world: RunFolder, registry: Path, current: bundle.Folder, tmp_path: Path
) -> None:
    folder = trained(world, tmp_path / "trained", upside_down)
    with pytest.raises(ArtifactError, match=r"precision@20 is .* --force"):
        pipeline.publish(world.prepared, folder, registry)
    assert bundle.current_bundle(registry).path == current.path
    refused = publications(registry)[-1]
    assert refused.refused is not None
    assert (registry / refused.bundle).is_dir()
    assert [path.name for path in registry.parent.rglob(".*")] == []

    forced = pipeline.publish(world.prepared, folder, registry, force=True)
    assert forced.path.name == refused.bundle == bundle.current_bundle(registry).path.name
    last = publications(registry)[-1]
    assert last.refused is None
    assert last.rehearsal is not None
    assert last.rehearsal["below"]


def test_the_verbs_list_and_go_back(
    world: RunFolder, registry: Path, current: bundle.Folder, tmp_path: Path
) -> None:
    folder = trained(world, tmp_path / "trained", upside_down)
    arguments = ["publish", str(world.prepared), str(folder), "--to", str(registry)]
    assert CliRunner().invoke(app, arguments).exit_code == 2
    assert CliRunner().invoke(app, [*arguments, "--force"]).exit_code == 0
    forced = bundle.current_bundle(registry).path.name
    listed = CliRunner().invoke(app, ["bundles", str(registry)], env={"COLUMNS": "200"})
    assert listed.exit_code == 0
    lines = [line for line in listed.output.splitlines() if "→" in line]
    assert len(lines) == 1
    assert forced in lines[0]
    assert "forced" in lines[0]
    assert current.path.name in listed.output
    assert CliRunner().invoke(app, ["rollback", str(registry)]).exit_code == 0
    assert bundle.current_bundle(registry).path.name == current.path.name
    assert CliRunner().invoke(app, ["rollback", str(registry)]).exit_code == 2
    assert CliRunner().invoke(app, ["rollback", str(registry), "--to", forced]).exit_code == 0
    assert bundle.current_bundle(registry).path.name == forced


class HalfBlind:
    """Finds the nearer half of what is wanted, and the farthest items instead of the rest."""

    def __init__(self, index: rehearsing.ExactIndex) -> None:
        self.vectors = index.vectors
        self._exact = index

    def __len__(self) -> int:
        return len(self._exact)

    def propose(self, queries_UD: Floats, count: int) -> tuple[Ints, Floats]:
        rows_UN, similarity_UN = self._exact.propose(queries_UD, len(self))
        chosen = [*range(count // 2), *range(len(self) - count + count // 2, len(self))]
        return rows_UN[:, chosen], similarity_UN[:, chosen]


def test_an_index_that_finds_half_has_recall_a_half(prepared: Prepared, current: bundle.Folder) -> None:
    published = Published.load(current)
    recommender = copy.copy(published.recommender)
    recommender.index = HalfBlind(rehearsing.ExactIndex(recommender.index.vectors))  # type: ignore[assignment]
    found = rehearse(prepared, current, replace(published, recommender=recommender), None)
    count = published.recipe.candidates.count
    assert 2 * count <= published.items.num_rows
    assert found.recall.recall == (count // 2) / count
    (below,) = found.below
    assert f"recall@{count}" in below


@pytest.mark.parametrize(
    ("recall", "most", "users", "below"),
    [(0.9, 0.0, 300, 0), (0.89, 0.0, 300, 1), (0.9, -0.001, 300, 1), (0.9, -0.1, 29, 0), (0.5, -0.1, 30, 2)],
)
def test_floors(recall: float, most: float, users: int, below: int) -> None:
    relevance = Relevance(0.1, 0.2, "abc", most, users, 1000)
    assert len(Rehearsal(Recall(recall, 200, users), relevance).below) == below


def otherwise(encoding: Encoding) -> Encoding:
    """The same encoding with the values of each feature backwards, and in other scales."""
    backwards = {name: values[::-1] for name, values in encoding.items.vocabularies.items()}
    items = replace(encoding.items, vocabularies=backwards, scaler=_doubled(encoding.items.scaler))
    return Encoding(items, None, _doubled(encoding.profile_scaler))


def _doubled(scaler: Scaler) -> Scaler:
    return Scaler(scaler.mean_C, scaler.std_C * 2)


def meanings(rows: EncodedRows, encoding: Encoding) -> list[tuple[int, str, str, float]]:
    values = [(name, v) for name, of in encoding.vocabularies.items() for v in of.to_pylist()]
    row_E = np.repeat(np.arange(len(rows)), np.diff(rows.offsets[:: rows.features]))
    entries = zip(row_E.tolist(), rows.columns_E.tolist(), rows.weights_E.tolist(), strict=True)
    return sorted((row, *values[column], round(weight, 5)) for row, column, weight in entries)


def test_rows_mean_the_same_in_another_encoding(prepared: Prepared, current: bundle.Folder) -> None:
    ours = BundleNets.load(current)
    theirs = replace(ours, encoding=otherwise(prepared.encoding))
    rows = np.arange(0, len(prepared.profiles), 7)
    versions = np.arange(0, len(prepared.encoded_versions), 11)
    for mine, other in (
        (ours.profiles(prepared, rows), theirs.profiles(prepared, rows)),
        (ours.items(prepared, versions), theirs.items(prepared, versions)),
    ):
        assert meanings(mine, ours.encoding) == meanings(other, theirs.encoding)
        assert not np.array_equal(mine.columns_E, other.columns_E)
        np.testing.assert_allclose(mine.continuous_NC, 2 * other.continuous_NC, atol=1e-5)


def test_a_current_bundle_of_another_encoding_is_compared(
    world: RunFolder, prepared: Prepared, current: bundle.Folder, tmp_path: Path
) -> None:
    """Its networks are ours with the columns and scales of the other encoding, so it is as good."""
    encoding = otherwise(prepared.encoding)
    shutil.copytree(world.trained / "refit", tmp_path / "nets")
    weights = load_file(tmp_path / "nets" / NETS)
    space = prepared.encoding.space
    turned = np.concatenate(
        [
            np.arange(start, start + size)[::-1]
            for start, size in zip(space.starts_F, space.sizes_F, strict=False)
        ]
    )
    for net in ("user_net", "item_net"):
        for name in ("table", "wide"):
            weights[f"{net}.{name}"] = weights[f"{net}.{name}"][turned]
        weights[f"{net}.continuous.weight"] = 2 * weights[f"{net}.continuous.weight"]
    save_file(weights, tmp_path / "nets" / NETS)
    until = micros(prepared.recipe.marketplace.split.test_until)
    versions_A = prepared.catalog.alive_at(until)
    (tmp_path / "content").mkdir()
    write_content(
        tmp_path / "content",
        nets_folder=tmp_path / "nets",
        recipe=prepared.recipe,
        encoding=encoding,
        items=prepared.versions.take(versions_A),
        versions=encoding.encode_items(prepared.versions.take(versions_A)),
    )
    other = bundle.publish(
        tmp_path / "other", tmp_path / "content", facts={"watermark": "2017-05-01T00:00:00Z"}
    )
    found = rehearse(prepared, current, Published.load(current), other).relevance
    assert found is not None
    assert found.precision == pytest.approx(found.current_precision, abs=1e-3)
    assert found.precision > 0


def test_other_features_are_not_compared(
    prepared: Prepared, current: bundle.Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = prepared.encoding.items.features
    fewer = features.model_copy(update={"categorical": features.categorical[1:]})
    table = replace(prepared.encoding.items, features=fewer)
    load = BundleNets.load

    def other(folder: bundle.Folder) -> BundleNets:
        nets = load(folder)
        return replace(nets, encoding=replace(nets.encoding, items=table)) if folder is elsewhere else nets

    elsewhere = replace(current, path=current.path.parent / "elsewhere")
    monkeypatch.setattr(BundleNets, "load", lambda folder: other(folder))
    monkeypatch.setattr(rehearsing, "_precision", lambda *_: pytest.fail("compared"))
    shutil.copytree(current.path, elsewhere.path)
    found = rehearse(prepared, current, Published.load(current), elsewhere)
    assert found.relevance is None
    assert found.not_compared == "the current bundle knows other features"


def test_golden_lists_hold_and_damage_shows(current: bundle.Folder) -> None:
    published = Published.load(current)
    assert golden.check_golden(current, published) == golden.ASKERS
    file = current / golden.GOLDEN
    kept = json.loads(file.read_text())
    assert all(len(one["ids"]) == golden.PLACES and one["item"] not in one["ids"] for one in kept)

    recommender = copy.copy(published.recommender)
    recommender.halves = replace(recommender.halves, wide_N=recommender.halves.wide_N[::-1] + 1)
    with pytest.raises(ArtifactError, match="expected the lists"):
        golden.check_golden(current, replace(published, recommender=recommender))
    fewer = replace(published, items=published.items.slice(0, 5))
    with pytest.raises(ArtifactError, match="not in its catalogue"):
        golden.check_golden(current, fewer)
    file.unlink()
    assert golden.check_golden(current, published) == 0


@pytest.mark.parametrize(
    ("again", "logits", "same"),
    [
        ("abcd", [3, 2, 1.00001, 1], True),
        ("abdc", [3, 2, 1.00001, 1], True),  # as good as equal
        ("abce", [3, 2, 1.00001, 1], True),  # the next one may have been as good
        ("bacd", [3, 2, 1.00001, 1], False),
        ("abcd", [3, 2.01, 1.00001, 1], False),
        ("abc", [3, 2, 1], False),
    ],
)
def test_lists_are_the_same_but_for_rounding(again: str, logits: list[float], same: bool) -> None:
    kept = np.array([3, 2, 1.00001, 1])
    assert golden._same([*"abcd"], kept, [*again], np.array(logits)) is same


def test_users_with_features_of_their_own_are_asked_too() -> None:
    space = golden.FeatureSpace(("price",), ("make",), (4,), ("age",), ("job",), (3,))
    item = EncodedRows(
        np.array([[0.5]], dtype=np.float32),
        np.array([0, 1]),
        np.array([2], dtype=np.int32),
        np.ones(1, dtype=np.float32),
    )
    profile = golden.as_profiles(item, space)
    assert profile.continuous_NC.tolist() == [[0.5, 0, 0]]
    assert profile.offsets.tolist() == [0, 1, 1]
    assert profile.columns_E.tolist() == [2]
