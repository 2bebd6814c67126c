from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from dlrs.arrays import NO_ITEM, Floats, Ints, stores
from dlrs.errors import ArtifactError
from dlrs.evaluation import gold_standard
from dlrs.evaluation.gold_standard import AllPairs, GoldStandard, best_of_all, write_gold
from dlrs.model.forward import ItemHalves
from dlrs.ranking.top import top_k
from scored_pairs import FIRST, some_pairs

KEEP = 10


def brute_force(pairs: AllPairs, keep: int) -> tuple[Ints, Floats]:
    A = len(pairs.items_A)
    rows_UA = np.broadcast_to(np.arange(A), (len(pairs.users_U), A))
    logits_UA = pairs.nets.logits(pairs.users, pairs.items, rows_UA)
    logits_UA[stores(pairs.known_UA, rows_UA)] = -np.inf
    return top_k(logits_UA, keep)


def best(pairs: AllPairs, keep: int) -> tuple[Ints, Floats]:
    return best_of_all(pairs.nets, pairs.users, pairs.items, pairs.known_UA, keep)


@settings(deadline=None)
@given(seed=st.integers(0, 99), items=st.integers(0, 70), block=st.integers(1, 80), keep=st.integers(1, 80))
def test_it_is_the_head_of_all_pairs_whatever_the_blocks(
    seed: int, items: int, block: int, keep: int
) -> None:
    pairs = some_pairs(4, items, seed=seed, known=0.3)
    positions_UA, logits_UA = brute_force(pairs, items)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gold_standard, "ITEMS", block)
        positions_UK, logits_UK = best(pairs, keep)
    expected_UK = np.full((4, keep), -np.inf, dtype=np.float32)
    expected_UK[:, :items] = logits_UA[:, :keep]
    np.testing.assert_allclose(logits_UK, expected_UK, atol=1e-5)
    for user in range(4):  # items nearer than the rounding of float32 may change places
        where = {position: place for place, position in enumerate(positions_UA[user]) if position >= 0}
        mine = [where[position] for position in positions_UK[user] if position >= 0]
        assert len(set(mine)) == len(mine) == min(keep, len(where))
        np.testing.assert_allclose(logits_UA[user, mine], logits_UK[user, : len(mine)], atol=1e-5)


def test_on_distinct_logits_every_place_is_the_same() -> None:
    pairs = some_pairs(7, 3000)
    expected_UK, logits_UK = brute_force(pairs, KEEP)
    assert (np.diff(logits_UK) < -1e-5).all()
    assert np.array_equal(best(pairs, KEEP)[0], expected_UK)


def test_equal_logits_come_by_position(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gold_standard, "ITEMS", 64)
    pairs = some_pairs(2, 200)
    same = ItemHalves(np.ones((200, FIRST), np.float32), np.ones(200, np.float32))
    known_UA = sparse.csr_array(np.arange(200) < np.array([[0], [3]]))
    positions_UK, _ = best_of_all(pairs.nets, pairs.users, same, known_UA, KEEP)
    assert positions_UK.tolist() == [list(range(10)), list(range(3, 13))]


def test_what_is_known_is_missing_and_the_rest_is_padded() -> None:
    pairs = some_pairs(3, 12, known=0.5)
    positions_UK, logits_UK = best(pairs, 20)
    unknown_U = 12 - np.diff(pairs.known_UA.indptr)
    assert ((positions_UK >= 0).sum(axis=1) == unknown_U).all()
    assert not stores(pairs.known_UA, positions_UK).any()
    assert np.array_equal(positions_UK == NO_ITEM, np.isneginf(logits_UK))


def test_a_network_gone_wrong_is_noticed() -> None:
    pairs = some_pairs(1, 4)
    pairs.items.half_NL[2, 0] = np.nan
    with pytest.raises(ValueError, match="received NaN"):
        best(pairs, 2)


def test_written_and_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gold_standard, "USERS", 3)
    pairs = some_pairs(7, 40)
    folder = write_gold(pairs, KEEP, tmp_path / "gold", facts={"mine": 1})
    gold = GoldStandard.open(tmp_path / "gold")
    positions_UK, logits_UK = best(pairs, KEEP)
    assert np.array_equal(gold.users_U, pairs.users_U)
    assert np.array_equal(gold.items_UK, pairs.items_A[positions_UK])
    np.testing.assert_allclose(gold.logits_UK, logits_UK, atol=1e-5)
    assert folder.facts["mine"] == 1
    assert folder.facts["pairs"] == folder.facts["last_run"]["pairs"] == 280
    assert folder.facts["flops_a_pair"] == 2 * (16 * 8 + 8 * 4 + 5)
    assert [path.name for path in tmp_path.iterdir()] == ["gold"]


def stopped_in_the_third_block(pairs: AllPairs, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = AllPairs.best
    blocks: list[slice] = []

    def best_or_stop(self: AllPairs, some: slice, keep: int) -> GoldStandard:
        blocks.append(some)
        if len(blocks) == 3:
            raise KeyboardInterrupt
        return whole(self, some, keep)

    with monkeypatch.context() as patch:
        patch.setattr(AllPairs, "best", best_or_stop)
        with pytest.raises(KeyboardInterrupt):
            write_gold(pairs, KEEP, out, facts={})


def test_stopped_it_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gold_standard, "USERS", 2)
    pairs = some_pairs(8, 40)
    stopped_in_the_third_block(pairs, tmp_path / "gold", monkeypatch)
    with pytest.raises(ArtifactError):
        GoldStandard.open(tmp_path / "gold")
    facts = write_gold(pairs, KEEP, tmp_path / "gold", facts={}).facts
    assert facts["last_run"]["pairs"] == 4 * 40
    gold = GoldStandard.open(tmp_path / "gold")
    assert np.array_equal(gold.items_UK, pairs.items_A[best(pairs, KEEP)[0]])


@pytest.mark.parametrize("other", ["more kept", "another item", "another network"])
def test_nothing_of_another_run_is_used(other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gold_standard, "USERS", 2)
    pairs, keep = some_pairs(8, 40), KEEP
    stopped_in_the_third_block(pairs, tmp_path / "gold", monkeypatch)
    match other:
        case "more kept":
            keep += 1
        case "another item":
            pairs.items.wide_N[7] += 1
        case _:
            bias = pairs.nets.weights["rank_net.output.bias"]
            bias += 1
    facts = write_gold(pairs, keep, tmp_path / "gold", facts={}).facts
    assert facts["last_run"]["pairs"] == 8 * 40
