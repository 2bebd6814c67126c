"""Partners: two networks as one, whose cosine is the weighted mean of both."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dlrs.arrays import Floats
from dlrs.model.history_forward import SHAPE, HistoryNets, Tokens, load_history, save_history
from dlrs.model.low_pass import LowPass
from dlrs.model.partner import Partner
from model.test_history_net import in_numpy, items, reading, users
from model.test_low_pass import low_pass, tokens

__all__ = ["low_pass"]  # a fixture

SHARE = 0.3


def pair(first: str = "attention", second: str = "set") -> HistoryNets:
    one = in_numpy(reading(first))
    return HistoryNets(
        one.space, one.settings, one.weights, partner=Partner(in_numpy(reading(second)), SHARE)
    )


def cosines(nets: HistoryNets, met: Tokens | None) -> Floats:
    found: Floats = nets.embed_users(users(2), met).embedding_ND @ nets.embed_items(items()).embedding_ND.T
    return found


def some_met(nets: HistoryNets) -> Tokens:
    """Return two users, of whom only the second met something."""
    return Tokens(np.array([0, 0, 2]), np.array([2, 1]), np.array([0, 1]), nets.item_vectors(items()))


@pytest.mark.parametrize("first", ["attention", "both"])
@pytest.mark.parametrize("second", ["set", "attention"])
def test_the_cosine_is_the_weighted_mean_of_both(first: str, second: str) -> None:
    both, one, other = pair(first, second), in_numpy(reading(first)), in_numpy(reading(second))
    for met in (tokens, some_met, lambda _: None):
        expected_UN = (1 - SHARE) * cosines(one, met(one)) + SHARE * cosines(other, met(other))
        np.testing.assert_allclose(cosines(both, met(both)), expected_UN, atol=1e-6)


@pytest.mark.parametrize(("first", "second"), [(2, 3), (3, 2)])
def test_each_looks_back_as_far_as_it_does_alone(first: int, second: int) -> None:
    one, other = in_numpy(reading("attention", first)), in_numpy(reading("set", second))
    both = HistoryNets(one.space, one.settings, one.weights, partner=Partner(other, SHARE))
    assert (both.length, both.events) == (3, 6)
    met_E, type_E = np.array([0, 1, 3, 2]), np.array([0, 1, 0, 1])

    def last(nets: HistoryNets, count: int) -> Tokens:
        offsets_U1 = np.array([0, count, 2 * count])
        vectors_SJ = nets.item_vectors(items())
        return Tokens(offsets_U1, np.tile(met_E[-count:], 2), np.tile(type_E[-count:], 2), vectors_SJ)

    expected_UN = (1 - SHARE) * cosines(one, last(one, first)) + SHARE * cosines(other, last(other, second))
    np.testing.assert_allclose(cosines(both, last(both, both.length)), expected_UN, atol=1e-6)
    shorter_UN = (1 - SHARE) * cosines(one, last(one, 2)) + SHARE * cosines(other, last(other, 2))
    assert np.abs(shorter_UN - expected_UN).max() > 0.001


def test_vectors_keep_their_length() -> None:
    nets = pair()
    assert nets.width == 16
    for vectors in (nets.embed_items(items()), nets.embed_users(users(2), tokens(nets))):
        assert vectors.embedding_ND.shape[1] == nets.width
        np.testing.assert_allclose(np.linalg.norm(vectors.embedding_ND, axis=1), 1, rtol=1e-6)


def test_a_second_opinion_adds_to_both_what_it_adds_to_one(low_pass: LowPass) -> None:
    one, both = in_numpy(reading("attention")), pair()
    gains = []
    for nets in (one, both):
        more = nets.with_low_pass(low_pass)
        gains.append(cosines(more, tokens(more)) - cosines(nets, tokens(nets)))
    np.testing.assert_allclose(*gains, atol=1e-6)
    assert np.abs(gains[0]).max() > 0.001


def test_it_is_read_as_it_was_written(tmp_path: Path, low_pass: LowPass) -> None:
    nets = pair().with_low_pass(low_pass)
    save_history(nets, tmp_path)
    again = load_history(tmp_path)
    assert again.partner is not None
    assert again.partner.share == SHARE
    assert again.partner.nets.settings.reading == "set"
    np.testing.assert_array_equal(cosines(again, tokens(again)), cosines(nets, tokens(nets)))


def test_one_of_before_there_were_partners_has_none(tmp_path: Path) -> None:
    save_history(in_numpy(reading("set")), tmp_path)
    shape = json.loads((tmp_path / SHAPE).read_text())
    del shape["partner"]
    (tmp_path / SHAPE).write_text(json.dumps(shape))
    assert load_history(tmp_path).partner is None
