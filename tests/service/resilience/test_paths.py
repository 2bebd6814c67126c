"""The whole path over real HTTP: one suite for each way in which the services may run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dlrs import pipeline
from dlrs.errors import RequestError
from dlrs.folders import RunFolder
from service.database.conftest import postgresql
from service.resilience.running import Services, apart, eventually, ids, together


@pytest.fixture(scope="module", params=["together", "apart", "workers", "postgresql"])
def services(
    request: pytest.FixtureRequest, world: RunFolder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("paths")
    registry = Path(shutil.copytree(world.registry, folder / "registry"))
    state, slow = folder / "state", ("--deadline", "5")  # what is tested is not how fast it is
    with ExitStack() as stack:
        if request.param == "apart":
            yield stack.enter_context(apart(registry, state, *slow))
        elif request.param == "postgresql":
            url = stack.enter_context(postgresql())
            yield stack.enter_context(together(registry, state, *slow, "--database", url))
        else:
            workers = ("--workers", "2") if request.param == "workers" else ()
            yield stack.enter_context(together(registry, state, *slow, *workers))


def view(user: str, item: str, number: int = 0) -> dict[str, str]:
    return {"id": f"{user}-{number}", "user_id": user, "item_id": item, "type": "view"}


def test_the_very_next_list_knows_of_an_event(services: Services) -> None:
    ranking = services.ranking
    item = ids(ranking.recommendations("nobody", 1))[0]
    assert ranking.recommendations("ada", 5)["basis"] == "popular"
    for number in range(5):
        services.profiles.events([view("ada", item, number)])
        listed = ranking.recommendations("ada", 5)
        assert (listed["basis"], listed["degraded"]) == ("profile", None)
        assert item not in ids(listed)
        assert services.profiles.profile("ada")["events"] == number + 1
        item = ids(listed)[0]
    assert services.profiles.events([view("ada", item, 4)]) == {"new": 0, "repeated": 1, "refused": []}
    assert item in ids(ranking.recommendations("ada", 5))


def test_a_new_item_is_recommended_and_a_deleted_one_never_again(services: Services) -> None:
    ranking, candidates = services.ranking, services.candidates
    services.profiles.events([view("bob", ids(ranking.recommendations("nobody", 1))[0])])
    for number in range(5):
        best = ids(ranking.recommendations("bob", 5))[0]
        new = f"new/{number}"
        candidates.put_item(new, candidates.item(best)["features"])
        assert new in ids(ranking.recommendations("bob", 5))
        candidates.delete_item(best)
        listed = ids(ranking.recommendations("bob", 500))
        assert new in listed
        assert best not in listed


def test_a_guest_a_similar_item_and_a_given_list(services: Services) -> None:
    ranking = services.ranking
    first, *others = ids(ranking.recommendations("nobody", 10))
    guest = ranking.guest([{"item_id": first, "type": "view"}], k=5)
    assert (guest["basis"], guest["user_id"], len(guest["items"])) == ("profile", None, 5)
    near = ranking.similar(first, 5)
    assert len(near["items"]) == 5
    assert first not in ids(near)
    ranked = ranking.rank([*others, "none"], events=[{"item_id": first, "type": "view"}])
    assert sorted(ids(ranked)) == sorted(others)
    assert ranked["missing"] == ["none"]
    with pytest.raises(RequestError):
        ranking.similar("none")


def test_zz_the_next_bundle_is_followed(services: Services, second: RunFolder) -> None:
    before = services.ranking.recommendations("carl", 5)["bundle_id"]
    published = pipeline.publish(second.prepared, second.trained, services.registry, force=True)
    assert published.path.name != before

    def follows() -> bool:
        answers = [services.ranking.recommendations("carl", 5) for _ in range(10)]
        assert all(answer["degraded"] is None for answer in answers)
        return {answer["bundle_id"] for answer in answers} == {published.path.name}

    assert eventually(follows)
