from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dlrs.bundle import publish
from dlrs.errors import ArtifactError, RequestError, Unavailable
from dlrs.folders import RunFolder
from dlrs.service.ranking import whole_path
from dlrs.service.ranking.encoded import decode, from_bytes, to_bytes
from dlrs.service.replaying import as_text, replay, replay_text
from dlrs.service.stores import ItemChange
from service.ranking.conftest import User
from service.ranking.fakes import FakeItemStore, Stage


def test_the_same_list_again(stage: Stage, users: list[User], world: RunFolder) -> None:
    for user in users:
        answer = stage.service.recommend(user.id, 10)
        found = replay(stage.decisions.kept[answer.decision_id], world.registry, FakeItemStore())
        assert found.equal
        assert [id for id, _ in found.again] == [item.id for item in answer.items]
    text = replay_text(stage.decisions, answer.decision_id, world.registry, FakeItemStore())
    assert "gives the same 10 items in the same order" in text


def test_items_as_they_were_at_the_decisions_change(
    stage: Stage, users: list[User], world: RunFolder
) -> None:
    """A change that the index had seen counts; one behind it, or of before the watermark, does not."""
    stage.candidates.seq = 5
    answer = stage.service.recommend(users[0].id, 10)
    decision = stage.decisions.kept[answer.decision_id]
    watermark = int(stage.bundle.watermark.timestamp() * 1e6)
    first, second, third, fourth = (item.id for item in answer.items[:4])
    same = {item.id: item.features for item in answer.items}
    store = FakeItemStore(
        [
            ItemChange(1, first, {}, watermark - 1),
            ItemChange(4, second, None, watermark + 1),
            ItemChange(5, third, same[third], watermark + 2),
            ItemChange(6, third, {}, decision.time),
            ItemChange(7, fourth, None, decision.time - 1),
        ]
    )
    found = replay(decision, world.registry, store)
    assert (found.went, found.equal) == ([second], False)
    assert found.moved[0] == (third, 3, 2)
    scores = dict(found.again)
    assert scores[third] == pytest.approx(answer.items[2].score, abs=1e-4)
    assert scores[fourth] == pytest.approx(answer.items[3].score, abs=1e-4)


def test_against_another_bundle(stage: Stage, users: list[User], world: RunFolder, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(world.registry, tmp_path / "registry")
    content = tmp_path / "content"
    shutil.copytree(stage.bundle.folder, content)
    nets = load_file(content / "nets.safetensors")
    nets["rank_net.output.weight"] = -nets["rank_net.output.weight"]  # the worst come first
    save_file(nets, content / "nets.safetensors")
    from dlrs.bundle import open_folder

    facts = {k: v for k, v in open_folder(stage.bundle.folder, "bundle").facts.items() if k != "bundle_id"}
    other = publish(tmp_path / "registry", content, facts=facts).facts["bundle_id"]
    answer = stage.service.recommend(users[0].id, 5)
    decision = stage.decisions.kept[answer.decision_id]
    found = replay(decision, tmp_path / "registry", FakeItemStore(), against=other)
    assert found.bundle_id == other
    assert len(found.came) == len(found.went) == 5
    assert "  came   " in as_text(found)
    assert replay(decision, tmp_path / "registry", FakeItemStore(), against=stage.bundle.id).equal
    with pytest.raises(ArtifactError):
        replay(decision, tmp_path / "registry", FakeItemStore(), against="nowhere")


def test_the_order_of_similarity_again(stage: Stage, users: list[User], world: RunFolder) -> None:
    """A list that RankNet had no time for, and one of similar items."""
    with mock.patch.object(whole_path, "_scores", side_effect=ValueError("no")):
        unranked = stage.service.recommend(users[0].id, 10)
    assert unranked.degraded == "cosine"
    near = stage.service.similar(unranked.items[0].id, 7)
    assert near is not None
    for answer in (unranked, near):
        decision = stage.decisions.kept[answer.decision_id]
        found = replay(decision, world.registry, FakeItemStore())
        assert found.equal
        assert [id for id, _ in found.again] == [item.id for item in answer.items]
        assert dict(found.again) == pytest.approx({item.id: item.score for item in answer.items}, abs=1e-5)
        raised = [(id, score + 0.01) for id, score in decision.answer]
        assert not replay(replace(decision, answer=raised), world.registry, FakeItemStore()).equal


def test_similar_items_as_the_item_was(stage: Stage, users: list[User], world: RunFolder) -> None:
    """With the features of another item it has that one's neighbours."""
    first, second = stage.service.recommend(users[0].id, 2).items
    stage.candidates.seq = 3
    answer = stage.service.similar(first.id, 5)
    assert answer is not None
    decision = stage.decisions.kept[answer.decision_id]
    watermark = int(stage.bundle.watermark.timestamp() * 1e6)
    seen, unseen = (
        FakeItemStore([ItemChange(seq, first.id, second.features, watermark + 1)]) for seq in (3, 4)
    )
    assert replay(decision, world.registry, unseen).equal
    assert not replay(decision, world.registry, seen).equal
    gone = FakeItemStore([ItemChange(2, answer.items[1].id, None, watermark + 1)])
    assert replay(decision, world.registry, gone).went == [answer.items[1].id]


def test_popular_items_again_and_what_fills_up_behind_them(stage: Stage, world: RunFolder) -> None:
    popular = stage.candidates.popular(stage.bundle.id, 10_000)
    for k in (5, len(popular) + 30):
        answer = stage.service.recommend("never seen", k)
        assert (answer.basis, len(answer.items)) == ("popular", k)
        decision = stage.decisions.kept[answer.decision_id]
        found = replay(decision, world.registry, FakeItemStore())
        assert [id for id, _ in found.again] == [item.id for item in answer.items]
        assert found.equal
        swapped = [decision.answer[1], decision.answer[0], *decision.answer[2:]]
        again = replay(replace(decision, answer=swapped), world.registry, FakeItemStore())
        assert [name for name, _, _ in again.moved] == [id for id, _ in swapped[:2]]


def test_a_list_of_before_names_the_decision_to_replay(
    stage: Stage, users: list[User], world: RunFolder
) -> None:
    good = stage.service.recommend(users[0].id, 10)
    stage.candidates.weather.error = Unavailable("down")
    cached = stage.service.recommend(users[0].id, 10)
    assert cached.degraded == "cached"
    with pytest.raises(RequestError, match=f"replay {good.decision_id}"):
        replay(stage.decisions.kept[cached.decision_id], world.registry, FakeItemStore())
    assert replay(stage.decisions.kept[good.decision_id], world.registry, FakeItemStore()).equal


def test_a_stale_profile_gives_the_same_list(stage: Stage, users: list[User], world: RunFolder) -> None:
    stage.service.recommend(users[0].id, 10)
    stage.profiles.weather.error = Unavailable("down")
    stale = stage.service.recommend(users[0].id, 10)
    assert stale.degraded == "stale"
    assert replay(stage.decisions.kept[stale.decision_id], world.registry, FakeItemStore()).equal


def test_what_is_not_kept_is_said(stage: Stage, users: list[User], world: RunFolder) -> None:
    stage.service.refresh()
    stage.candidates.weather.error = Unavailable("down")
    board = stage.service.recommend("never seen", 5)
    assert board.degraded == "popular"
    with pytest.raises(RequestError, match="counted and not kept"):
        replay(stage.decisions.kept[board.decision_id], world.registry, FakeItemStore())
    stage.candidates.weather.error = None
    decision = stage.decisions.kept[stage.service.recommend("never seen", 5).decision_id]
    with pytest.raises(RequestError, match="older dlrs"):
        replay(replace(decision, candidates=()), world.registry, FakeItemStore())
    with mock.patch.object(whole_path, "_scores", side_effect=ValueError("no")):
        unranked = stage.service.recommend(users[0].id, 10, page="wishlist")
    with pytest.raises(RequestError, match="pseudo-user"):
        replay(stage.decisions.kept[unranked.decision_id], world.registry, FakeItemStore())
    with pytest.raises(RequestError, match="nothing"):
        replay_text(stage.decisions, "nothing", world.registry, FakeItemStore())


def test_a_decoded_profile_encodes_to_the_same(stage: Stage, users: list[User]) -> None:
    bundle = stage.bundle
    for user in users:
        rows, _ = from_bytes(to_bytes(user.encoded))
        known = decode(rows, bundle.encoding)
        again = bundle.single.profile(known.values, known.numbers)
        np.testing.assert_array_equal(again.columns_E, user.encoded.columns_E)
        np.testing.assert_allclose(again.weights_E, user.encoded.weights_E, rtol=1e-5)
        np.testing.assert_allclose(again.continuous_NC, user.encoded.continuous_NC, rtol=1e-4, atol=1e-5)


def test_scores_that_differ_are_not_equal(stage: Stage, users: list[User], world: RunFolder) -> None:
    decision = stage.decisions.kept[stage.service.recommend(users[0].id, 5).decision_id]
    raised = [(id, score + 0.01) for id, score in decision.answer]
    assert not replay(replace(decision, answer=raised), world.registry, FakeItemStore()).equal
