"""A catalogue follows the item storage, whoever writes, whatever comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from dlrs.bundle import current_bundle
from dlrs.data.interactions import micros
from dlrs.errors import ArtifactError, Unavailable
from dlrs.folders import RunFolder
from dlrs.service.bundle import ServingBundle
from dlrs.service.candidates import history
from dlrs.service.candidates.catalogue import Catalogue, sweep
from dlrs.service.metrics import Metrics
from dlrs.service.stores import ItemChange
from older_bundle import as_before
from service.candidates.conftest import Market


def _ids(catalogue: Catalogue) -> list[str]:
    view = catalogue.live.view()
    return [id.decode() for id in view.take(view.in_order()).ids_N.tolist()]


def test_it_starts_with_the_bundle_and_what_came_since(market: Market) -> None:
    first, second = _ids(market.catalogue)[:2]
    raw = market.service.items([first])[first].features
    market.store.put({"before": raw}, market.catalogue.items_as_of - 1)  # of which the bundle knows
    market.store.put({"since": raw, second: None}, market.catalogue.items_as_of)
    market.catalogue.catch_up()
    assert {"since", first} <= set(_ids(market.catalogue))
    assert not {"before", second} & set(_ids(market.catalogue))
    assert market.catalogue.live.mark == 3


def test_what_came_after_the_items_were_read_is_not_undone_by_a_bundle(
    market: Market, bundle: ServingBundle
) -> None:
    """Its events may reach to the end of the day, its table was written at noon."""
    noon = bundle.watermark - timedelta(hours=12)
    first, second = _ids(market.catalogue)[:2]
    raw = market.service.items([first])[first].features
    market.store.put({second: None, "before": raw}, micros(noon) - 1)
    market.store.put({first: None, "since": raw}, micros(noon))
    following = Catalogue.open(
        replace(bundle, id="following", items_as_of=noon), market.state, market.store, Metrics()
    )
    assert {"since", second} <= set(_ids(following))
    assert not {"before", first} & set(_ids(following))
    held = history.items_now(market.store, [following], [first, second, "since", "before"])
    assert {id for id, item in held.items() if not item.gone} == {second, "since"}
    following.close()


def test_what_cannot_be_indexed_does_not_stop_the_line(market: Market) -> None:
    first, second = _ids(market.catalogue)[:2]
    raw = market.service.items([first])[first].features
    late = market.catalogue.items_as_of
    market.store.put({"good": raw, second: {**raw, "price": "much"}, "x" * 2000: raw, "better": raw}, late)
    market.catalogue.catch_up()
    ids = _ids(market.catalogue)
    assert {"good", "better"} <= set(ids)
    assert second not in ids  # its old version is not true any more
    assert market.catalogue.live.mark == 4


def test_who_follows_finds_it_too_and_takes_over(market: Market, bundle: ServingBundle) -> None:
    other = Catalogue.open(bundle, market.state, market.store, Metrics())
    other.start()
    assert not other.writes
    first = _ids(other)[0]
    market.service.delete([first])
    assert first not in _ids(other)
    market.catalogue.close()
    until = time.monotonic() + 30
    while not other.writes and time.monotonic() < until:
        time.sleep(0.01)
    second = _ids(other)[0]
    seq = market.store.put({second: None}, other.items_as_of)
    other.wait_for(seq)
    assert second not in _ids(other)
    sweep(market.state, [])
    assert other.folder.is_dir()  # somebody works there
    other.close()
    sweep(market.state, [])
    assert not other.folder.exists()


def test_who_follows_is_not_open_before_the_writer_has_caught_up(
    market: Market, bundle: ServingBundle
) -> None:
    first = _ids(market.catalogue)[0]
    market.store.put({first: None}, market.catalogue.items_as_of)
    assert first in _ids(market.catalogue)  # the writer has not looked yet
    later = threading.Timer(0.2, market.catalogue.catch_up)
    later.start()
    other = Catalogue.open(bundle, market.state, market.store, Metrics())
    assert first not in _ids(other)
    later.join()
    other.close()


def test_who_finds_the_writer_ended_before_it_caught_up_does_it_himself(
    market: Market, bundle: ServingBundle
) -> None:
    first = _ids(market.catalogue)[0]
    market.store.put({first: None}, market.catalogue.items_as_of)
    threading.Timer(0.2, market.catalogue.close).start()
    other = Catalogue.open(bundle, market.state, market.store, Metrics())
    assert other.writes
    assert first not in _ids(other)
    other.close()


def test_what_could_not_be_opened_lets_the_writers_lock_go(
    market: Market, bundle: ServingBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.catalogue.close()

    def down(seq: int, most: int) -> Sequence[ItemChange]:
        raise Unavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(market.store, "after", down)
        with pytest.raises(Unavailable, match="down"):
            Catalogue.open(bundle, market.state, market.store, Metrics())
    again = Catalogue.open(bundle, market.state, market.store, Metrics())
    assert again.writes
    again.close()


def test_a_change_that_the_index_has_no_room_for_is_safe_and_found_later(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _ids(market.catalogue)[0]

    def full(*_: object) -> None:
        raise ArtifactError("no room")

    with monkeypatch.context() as patch:
        patch.setattr("dlrs.candidates.live.changes.Log.append", full)
        with pytest.raises(Unavailable, match="safe in the item storage"):
            market.service.delete([first])
    market.catalogue.catch_up()
    assert first not in _ids(market.catalogue)


def test_a_fold_that_fails_is_logged_and_counted(
    market: Market, bundle: ServingBundle, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    first = _ids(market.catalogue)[0]
    metrics = Metrics()
    monkeypatch.setattr("dlrs.candidates.live.live_index.fold", full)
    other = Catalogue.open(replace(bundle, id="folding"), market.state, market.store, metrics, fold_at=1)
    market.store.put({first: None}, other.items_as_of)
    other.catch_up()
    assert first not in _ids(other)
    other.close()  # waits for the fold
    assert "dlrs_index_folds_failed_total 1.0" in metrics.text().decode()
    assert "No space left on device" in "".join(capfd.readouterr())


def test_nobody_waits_for_what_is_closed(market: Market, bundle: ServingBundle) -> None:
    other = Catalogue.open(bundle, market.state, market.store, Metrics())
    other.close()
    other.wait_for(market.store.put({"x": None}, other.items_as_of))  # a bundle that is served no more
    assert _ids(other)  # and who searched in it is not disturbed


def test_a_bundle_of_the_layout_before_is_served(world: RunFolder, market: Market, tmp_path: Path) -> None:
    bundle = ServingBundle.load(as_before(current_bundle(world.registry), tmp_path / "older"))
    older = Catalogue.open(bundle, market.state, market.store, Metrics())
    assert _ids(older) == _ids(market.catalogue)
    view = market.catalogue.live.view()
    query_1D = view.snapshot.items.embedding_ND[:1]
    np.testing.assert_array_equal(older.live.view().propose(query_1D, 50), view.propose(query_1D, 50))
    id = _ids(older)[3]
    assert older.items.features([id, "nobody"]) == market.catalogue.items.features([id])
    older.close()
