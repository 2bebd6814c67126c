"""The next bundle, and the way back, while clients ask without a pause."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from dlrs import pipeline
from dlrs.folders import RunFolder
from dlrs.publishing.publications import rollback
from service.resilience.running import Services, apart, eventually, ids, together

WAYS: dict[str, Callable[[Path, Path], AbstractContextManager[Services]]] = {
    "workers": lambda registry, state: together(registry, state, "--workers", "2", "--deadline", "5"),
    "apart": lambda registry, state: apart(registry, state, "--deadline", "5"),
}


def ask(services: Services) -> dict[str, Any]:
    return services.ranking.recommendations("ada", 20)


def settled(services: Services, bundle: str) -> dict[str, Any]:
    """Return a list of a bundle once nothing else comes."""

    def is_so() -> bool:
        return {ask(services)["bundle_id"] for _ in range(20)} == {bundle}

    assert eventually(is_so)
    return ask(services)


@pytest.mark.parametrize("way", WAYS)
def test_no_list_fails_or_mixes_bundles(way: str, registry: Path, second: RunFolder, tmp_path: Path) -> None:
    with WAYS[way](registry, tmp_path / "state") as services:
        first, gone, *_ = ids(services.ranking.recommendations("nobody", 5))
        services.profiles.events([{"id": "e", "user_id": "ada", "item_id": first, "type": "view"}])
        best = ids(ask(services))[0]
        services.candidates.put_item("new", services.candidates.item(best)["features"])
        services.candidates.delete_item(gone)
        one = ask(services)
        stop, answers = threading.Event(), []

        def keep_asking() -> None:
            while not stop.is_set():
                answers.append(ask(services))

        with ThreadPoolExecutor(3) as pool:
            asking = [pool.submit(keep_asking) for _ in range(3)]
            try:
                name = pipeline.publish(second.prepared, second.trained, registry, force=True).path.name
                two = settled(services, name)
                assert "new" in ids(services.ranking.recommendations("ada", 500))
                assert gone not in ids(services.ranking.recommendations("ada", 500))
                assert rollback(registry).path.name == one["bundle_id"]
                settled(services, one["bundle_id"])
            finally:
                stop.set()
            for done in asking:
                done.result()
    alone = {answer["bundle_id"]: scores(answer) for answer in (one, two)}
    assert alone[one["bundle_id"]] != pytest.approx(alone[name])
    assert "new" in alone[one["bundle_id"]]
    assert {answer["bundle_id"] for answer in answers} == set(alone)
    for answer in answers:
        assert answer["degraded"] is None
        assert scores(answer) == pytest.approx(alone[answer["bundle_id"]], abs=1e-4)


def scores(answer: dict[str, Any]) -> dict[str, float]:
    return {item["id"]: item["score"] for item in answer["items"]}
