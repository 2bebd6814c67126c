"""The history network: what it sees, what it must not, and that numpy gives the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.model.bags import sum_bags
from dlrs.model.history_forward import HistoryNets, Tokens
from dlrs.model.history_net import Bags, Events, HistoryNet, Sets
from dlrs.model.tower import row_tensors
from dlrs.settings.training import History

SPACE = FeatureSpace(("price",), ("id", "tags"), (5, 3), ("age",), ("role",), (2,))
SETTINGS = History(width=8, length=4, blocks=2, heads=2, field_dropout=0.3, dropout=0.2)


def items() -> EncodedRows:
    """Return four items with an id and up to two tags, and a fifth about which nothing is known."""
    return EncodedRows(
        continuous_NC=np.array([[0.5], [-1.0], [0.0], [2.0], [0.0]], dtype=np.float32),
        offsets=np.array([0, 1, 2, 3, 5, 6, 6, 7, 8, 8, 8]),
        columns_E=np.array([0, 5, 1, 5, 6, 2, 3, 7], dtype=np.int32),
        weights_E=np.array([1, 1, 1, 0.5, 0.5, 1, 1, 1], dtype=np.float32),
    )


def users(count: int) -> EncodedRows:
    """Return profiles of which only the features of the users' own are known: an age and a role."""
    return EncodedRows(
        continuous_NC=np.column_stack([np.zeros((count, 2)), np.arange(count)]).astype(np.float32),
        offsets=np.repeat(np.arange(count + 1), 3)[2:],
        columns_E=np.full(count, 8, dtype=np.int32),
        weights_E=np.ones(count, dtype=np.float32),
    )


@pytest.fixture
def network() -> HistoryNet:
    return reading("both")


def reading(way: str, length: int = 4) -> HistoryNet:
    """Return a network with random weights that reads so many events of a history in such a way."""
    torch.manual_seed(3)
    settings = SETTINGS.model_copy(update={"reading": way, "length": length})
    network = HistoryNet(SPACE, settings, torch.ones(8), types=2)
    for parameter in network.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return network.eval()


def in_numpy(network: HistoryNet) -> HistoryNets:
    weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    return HistoryNets(SPACE, network.settings, weights)


def own(rows: EncodedRows) -> Bags:
    matrix = rows.own_matrix(SPACE)
    return Bags(
        torch.from_numpy(matrix.indices).int(),
        torch.from_numpy(matrix.data),
        torch.from_numpy(matrix.indptr).int(),
    )


@pytest.mark.parametrize("way", ["attention", "mean", "both", "set"])
def test_numpy_gives_the_same_representations(way: str) -> None:
    network = reading(way)
    nets = in_numpy(network)
    with torch.no_grad():
        items_SD = network.items(row_tensors(items()))
        events = Events(torch.tensor([[-1, 0, 3], [2, 1, 4]]), torch.tensor([[0, 1, 0], [1, 1, 0]]))
        users_BLD = functional.normalize(network.users(items_SD, events, own(users(2))), dim=-1)
        units_SD = network.unit_items(items_SD)
    place_E, type_E = np.array([0, 3, 2, 1, 4]), np.array([1, 0, 1, 1, 0])
    tokens = Tokens(np.array([0, 2, 5]), place_E, type_E, nets.item_vectors(items()))
    np.testing.assert_allclose(nets.embed_items(items()).embedding_ND, units_SD, atol=1e-6)
    np.testing.assert_allclose(nets.embed_users(users(2), tokens).embedding_ND, users_BLD[:, -1], atol=1e-5)
    alone = Tokens(tokens.offsets_U1[:2], tokens.place_E[:2], tokens.type_E[:2], tokens.vectors_SJ)
    np.testing.assert_allclose(nets.embed_users(users(1), alone).embedding_ND[0], users_BLD[0, -1], atol=1e-5)


def test_what_comes_later_changes_nothing_before_it(network: HistoryNet) -> None:
    with torch.no_grad():
        items_SD = network.items(row_tensors(items()))
        types = torch.zeros(1, 3, dtype=torch.long)
        one = network.users(items_SD, Events(torch.tensor([[0, 1, 2]]), types), None)
        other = network.users(items_SD, Events(torch.tensor([[0, 1, 3]]), types), None)
    assert torch.equal(one[:, :2], other[:, :2])
    assert not torch.equal(one[:, 2], other[:, 2])


def test_in_a_set_an_event_is_told_from_all_that_is_not_its_item() -> None:
    """User 0 met 0, 1 (a contact), 2 and 1 again, and 1 and 2 are told; user 1 met 3 and 4, and 4 is told."""
    network = reading("set")
    sets = Sets(
        place_E=torch.tensor([0, 1, 2, 1, 3, 4]),
        type_E=torch.tensor([0, 1, 0, 0, 0, 0]),
        row_E=torch.tensor([0, 0, 0, 0, 1, 1]),
        row_P=torch.tensor([0, 0, 1]),
        same_X=torch.tensor([1, 3, 2, 5]),
        asked_X=torch.tensor([0, 0, 1, 2]),
    )
    with torch.no_grad():
        items_SD = network.items(row_tensors(items()))
        found_PD = network.users_by_others(items_SD, sets, own(users(2)))
        view, contact = torch.exp(network.type_weights)
        without_1 = (items_SD[0] + items_SD[2]) / 2
        both = items_SD[1] * (view + contact)
        without_2 = (items_SD[0] * view + both) / (2 * view + contact)
        mean_PD = torch.stack([without_1, without_2, items_SD[3]])
        own_UD = sum_bags(network.own_table, *own(users(2)))
        expected_PD = mean_PD @ network.pooled * torch.sigmoid(network.shares[1]) + network.anybody
    torch.testing.assert_close(found_PD, expected_PD + own_UD[[0, 0, 1]])


def test_only_the_last_events_count(network: HistoryNet) -> None:
    nets, place_E = in_numpy(network), np.array([4, 3, 0, 1, 2, 3])
    types_E, vectors_SD = np.zeros(6, dtype=np.int64), nets.item_vectors(items())
    long = nets.embed_users(users(1), Tokens(np.array([0, 6]), place_E, types_E, vectors_SD))
    short = nets.embed_users(users(1), Tokens(np.array([0, 4]), place_E[2:], types_E[2:], vectors_SD))
    np.testing.assert_array_equal(long.embedding_ND, short.embedding_ND)


def test_who_met_nothing_is_what_he_has_of_his_own(network: HistoryNet) -> None:
    nets, nobody = in_numpy(network), np.empty(0, dtype=np.int64)
    nothing = Tokens(np.zeros(3, dtype=np.int64), nobody, nobody, np.empty((0, 8), dtype=np.float32))
    found, alone = nets.embed_users(users(2), nothing), nets.embed_users(users(2))
    np.testing.assert_array_equal(found.embedding_ND, alone.embedding_ND)
    some = Tokens(np.array([0, 0, 1]), np.array([2]), np.array([0]), nets.item_vectors(items()))
    beside = nets.embed_users(users(2), some).embedding_ND
    np.testing.assert_allclose(beside[0], alone.embedding_ND[0], atol=1e-6)
    assert not np.allclose(beside[1], alone.embedding_ND[1])


def test_who_tells_what_he_likes_is_like_who_met_it(network: HistoryNet) -> None:
    """A profile stands for a mean of items: of those of one feature value each, but for attention."""
    network.shares.data[0] = -50  # no attention
    network.numbers.data.zero_()
    nets = in_numpy(network)
    told = EncodedRows(
        continuous_NC=np.zeros((1, 3), dtype=np.float32),
        offsets=np.array([0, 2, 3, 4]),
        columns_E=np.array([0, 1, 5, 8], dtype=np.int32),
        weights_E=np.array([0.5, 0.5, 1, 1], dtype=np.float32),
    )
    types_E = np.zeros(2, dtype=np.int64)
    met = Tokens(np.array([0, 2]), np.array([0, 1]), types_E, nets.item_vectors(without_second_tag(items())))
    np.testing.assert_allclose(
        nets.embed_users(told).embedding_ND, nets.embed_users(users(1), met).embedding_ND, atol=1e-6
    )


def test_without_a_mean_who_tells_is_like_who_met_one_such_item() -> None:
    network = reading("attention")
    network.numbers.data.zero_()
    network.types.data.zero_()
    nets = in_numpy(network)
    told = EncodedRows(
        continuous_NC=np.zeros((1, 3), dtype=np.float32),
        offsets=np.array([0, 1, 2, 3]),
        columns_E=np.array([0, 5, 8], dtype=np.int32),
        weights_E=np.ones(3, dtype=np.float32),
    )
    vectors_SD = nets.item_vectors(without_second_tag(items()))
    met = Tokens(np.array([0, 1]), np.array([0]), np.array([0]), vectors_SD)
    np.testing.assert_allclose(
        nets.embed_users(told).embedding_ND, nets.embed_users(users(1), met).embedding_ND, atol=1e-6
    )


def without_second_tag(rows: EncodedRows) -> EncodedRows:
    """Return items 0 and 1 with the tag 5 alone."""
    both = rows.take(np.array([0, 1]))
    return EncodedRows(
        both.continuous_NC,
        np.array([0, 1, 2, 3, 4]),
        np.array([0, 5, 1, 5], dtype=np.int32),
        np.ones(4, dtype=np.float32),
    )


def test_a_logit_is_the_cosine_over_the_temperature(network: HistoryNet) -> None:
    nets = in_numpy(network)
    e_u, e_v = nets.embed_users(users(1)), nets.embed_items(items())
    np.testing.assert_allclose(np.linalg.norm(e_v.embedding_ND[:4], axis=1), 1, rtol=1e-6)
    logits = nets.logits(e_u, nets.item_halves(e_v), np.array([[2, -1]]))
    assert logits[0, 0] == pytest.approx(
        e_u.embedding_ND[0] @ e_v.embedding_ND[2] / SETTINGS.temperature, rel=1e-5
    )
    assert logits[0, 1] == -np.inf


def test_how_long_a_sum_is_counts_beside_what_all_items_share(network: HistoryNet) -> None:
    network.start_from(torch.zeros(1, 7), torch.zeros(8, 7))
    nets = in_numpy(network)
    along = np.zeros((3, 8), dtype=np.float32)
    along[:, 0] = [0, 1, 3]
    expected = [[0, 1], [0.5**0.5, 0.5**0.5], [0.9**0.5, 0.1**0.5]]
    np.testing.assert_allclose(nets.unit_items(along)[:, [0, 7]], expected, rtol=1e-6)


def test_weights_of_before_had_no_vector_that_all_share(network: HistoryNet) -> None:
    nets = in_numpy(network)
    before = HistoryNets(
        SPACE, network.settings, {name: w for name, w in nets.weights.items() if name != "base"}
    )
    vectors_ND = before.item_vectors(items())
    lengths_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    np.testing.assert_allclose(before.embed_items(items()).embedding_ND * lengths_N1, vectors_ND, atol=1e-5)


def test_a_column_that_training_hardly_saw_says_nothing() -> None:
    torch.manual_seed(0)
    unused = torch.ones(8)
    unused[3] = 0
    nets = in_numpy(HistoryNet(SPACE, SETTINGS, unused, types=1).eval())
    rows = items().take(np.array([3, 3]))
    rows.columns_E[2] = 4  # the second one has another id, which counts
    first, second = nets.embed_items(rows).embedding_ND
    without = items().take(np.array([3]))
    without.weights_E[0] = 0  # the id
    np.testing.assert_array_equal(first, nets.embed_items(without).embedding_ND[0])
    assert not np.array_equal(first, second)
