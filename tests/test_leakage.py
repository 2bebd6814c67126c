"""Nothing that happens after the cut reaches features, vocabularies, normalisation or negatives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dlrs.fitting.history import fit_history
from dlrs.prepared import Prepared
from dlrs.preparing import prepare
from dlrs.recipe import read_recipe
from dlrs.simulator.marketplace import Simulation, simulate
from dlrs.training.retrieval import TrainedHistory
from dlrs.training.workers import ALONE

NUMBERS = ("consumption", "latitude", "longitude", "mileage", "price")


@pytest.fixture(scope="module", params=["domain", "user", "user-item"])
def two_futures(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Prepared, Prepared]:
    """One past, prepared twice: with the future that was simulated, and with another one."""
    folder = tmp_path_factory.mktemp("leakage")
    simulate(Simulation(users=60, items=600, weeks=3, seed=3), folder)
    text = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(text.replace('weights = "domain"', f'weights = "{request.param}"'))
    recipe = read_recipe(folder / "recipe.toml")
    every_kind = recipe.samples.model_copy(update={"popularity": 1})
    recipe = recipe.model_copy(update={"samples": every_kind})
    cut = recipe.marketplace.split.test_from
    before = prepare(recipe, folder, _made(folder / "before"))
    items = pq.read_table(folder / "items.parquet")
    pq.write_table(
        _other_versions(items, pc.greater_equal(items["valid_from"], cut)), folder / "items.parquet"
    )
    events = pq.read_table(folder / "events.parquet")
    pq.write_table(_other_events(events, pc.greater_equal(events["time"], cut)), folder / "events.parquet")
    return before, prepare(recipe, folder, _made(folder / "after"))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _other_versions(items: pa.Table, later: pa.Array) -> pa.Table:
    """Give every version after the cut values and numbers that no earlier one has."""
    for name in items.column_names:
        column = items[name]
        if name in NUMBERS:
            other = pc.if_else(later, pc.add(pc.multiply(column, 0.5), 3), column)
        elif pa.types.is_string(column.type) and name not in ("item_id", "operation"):
            other = pc.if_else(later, "from the future", column)
        else:
            continue
        items = items.set_column(items.column_names.index(name), name, other.cast(column.type))
    return items


def _other_events(events: pa.Table, later: pa.Array) -> pa.Table:
    """Turn every event after the cut into a contact with the item and version of another one."""
    rows = np.flatnonzero(later.to_numpy())
    order = np.arange(len(events))
    order[rows] = np.roll(rows, 7)
    for name in ("item_id", "version"):
        events = events.set_column(events.column_names.index(name), name, events[name].take(order))
    kind = pc.if_else(later, "contact", events["type"])
    return events.set_column(events.column_names.index("type"), "type", kind)


def test_the_futures_differ(two_futures: tuple[Prepared, Prepared]) -> None:
    one, other = two_futures
    assert not np.array_equal(one.encoded_versions.columns_E, other.encoded_versions.columns_E)
    assert one.interactions.type_E.sum() < other.interactions.type_E.sum()


def test_vocabularies_scalers_and_weights_are_the_same(two_futures: tuple[Prepared, Prepared]) -> None:
    one, other = (prepared.encoding for prepared in two_futures)
    for name in one.vocabularies:
        assert one.vocabularies[name].to_pylist() == other.vocabularies[name].to_pylist()
    for scaler, same in (
        (one.items.scaler, other.items.scaler),
        (one.profile_scaler, other.profile_scaler),
    ):
        _assert_close(scaler.mean_C, same.mean_C)
        _assert_close(scaler.std_C, same.std_C)
    for name in ("interaction_weights", "weight_strengths"):
        assert two_futures[0].facts[name] == two_futures[1].facts[name]


def test_positives_and_negatives_are_the_same(two_futures: tuple[Prepared, Prepared]) -> None:
    one, other = two_futures
    assert len(one.pairs) > 100
    assert _versions(one) == _versions(other)
    for name in ("profile_P", "label_P", "period_P"):
        np.testing.assert_array_equal(getattr(one.pairs, name), getattr(other.pairs, name), err_msg=name)


def test_profiles_up_to_the_cut_are_the_same(two_futures: tuple[Prepared, Prepared]) -> None:
    one = two_futures[0]
    until = int((one.profile_facts.period_P <= one.cut_period).sum())
    assert until > 100
    mine, theirs = (prepared.profiles.take(np.arange(until)) for prepared in two_futures)
    for name in ("offsets", "columns_E"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name), err_msg=name)
    _assert_close(mine.weights_E, theirs.weights_E)
    _assert_close(mine.continuous_NC, theirs.continuous_NC)


def test_history_networks_are_the_same(two_futures: tuple[Prepared, Prepared], tmp_path: Path) -> None:
    """The start of their embeddings included, which looks at every item that was met."""
    validated, refit = zip(*map(_trained, two_futures, (tmp_path / "one", tmp_path / "other")), strict=True)
    for one, other in (validated, refit):
        for name, tensor in one.network.state_dict().items():
            _assert_close(tensor.numpy(), other.network.state_dict()[name].numpy())


def _trained(prepared: Prepared, folder: Path) -> tuple[TrainedHistory, TrainedHistory]:
    history = prepared.recipe.history.model_copy(update={"reading": "set", "epochs": 1, "low_pass": True})
    training = prepared.recipe.training.model_copy(update={"network": "history"})
    recipe = prepared.recipe.model_copy(update={"history": history, "training": training})
    prepared = replace(prepared, recipe=recipe)
    validated = fit_history(prepared, folder / "validated", ALONE, until=prepared.validation_period)
    return validated, fit_history(
        prepared, folder / "refit", ALONE, until=prepared.cut_period, like=validated
    )


def _versions(prepared: Prepared) -> list[tuple[str, object]]:
    """Item and start of each pair's version: the future may give the same versions other rows."""
    rows = prepared.versions.take(prepared.pairs.version_P)
    return list(zip(rows["item_id"].to_pylist(), rows["valid_from"].to_pylist(), strict=True))


def _assert_close(one: np.ndarray, other: np.ndarray) -> None:
    # sums come in another order when there are other rows beside: equal up to rounding
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
