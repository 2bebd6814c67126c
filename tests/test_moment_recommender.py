"""The ranker of a moment as a recommender: the contract, leakage, and what it learns."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ranking.small_past import WINDOWS, items_of, log_of, past_of

from contracts.recommender import Case, RecommenderContract
from dlrs.arrays import NO_ITEM, Ints
from dlrs.data.catalog import FOREVER
from dlrs.errors import ArtifactError, DataError
from dlrs.model.moment_net import WEIGHTS, MomentNet
from dlrs.ranking.moments import features, names_of
from dlrs.ranking.past import Past
from dlrs.ranking.requests import Requests, interactions_as_requests
from dlrs.ranking.shortlist import Sizes
from dlrs.recommenders.moment import AtCut, MomentRecommender
from dlrs.recommenders.recommender import Recommender
from dlrs.training.ranking import Settings, lists_of, train_ranker

USERS, ITEMS, CUT = 8, 15, 500
TWINS = 6, 10
STRANGER = USERS - 1


def world(seed: int = 0) -> Past:
    """Return a busy log of all users but one, and of all items but the last five and twins."""
    rng = np.random.default_rng(seed)
    met = np.setdiff1d(np.arange(ITEMS - 3), TWINS)
    events = [
        (int(time), int(rng.integers(STRANGER)), int(rng.choice(met)))
        for time in np.sort(rng.integers(CUT, size=80))
    ]
    begins = rng.integers(0, 300, ITEMS)
    begins[list(TWINS)] = 50
    categories = np.arange(ITEMS) % 3
    categories[list(TWINS)] = 1
    return past_of(events, items_of(begins.tolist(), categories.tolist()))


def random_net(seed: int = 3, hidden: int = 4) -> MomentNet:
    rng, inputs = np.random.default_rng(seed), len(names_of(WINDOWS).all)
    shapes = {"linear.weight": (1, inputs), "first.weight": (hidden, inputs), "first.bias": (hidden,)}
    shapes |= {"second.weight": (hidden, hidden), "second.bias": (hidden,), "last.weight": (1, hidden)}
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return MomentNet({"mean": np.zeros(inputs, np.float32), "scale": np.ones(inputs, np.float32)} | weights)


class TestMomentRecommender(RecommenderContract):
    @pytest.fixture(params=[Sizes(20, 20, 20), Sizes(2, 1, 1, 1)], ids=["all", "few"])
    def case(self, request: pytest.FixtureRequest) -> Case:
        recommender = MomentRecommender(world(), random_net(), request.param)

        def build(items_A: Ints) -> Recommender:
            return AtCut(recommender, CUT, items_A)

        return Case(build, USERS, ITEMS, TWINS, STRANGER)


def test_what_comes_at_the_cut_or_later_changes_nothing() -> None:
    past = world()
    events = list(
        zip(past.log.time_E.tolist(), past.log.user_E.tolist(), past.log.item_E.tolist(), strict=True)
    )
    later = past_of([*events, *((CUT + n, n % USERS, n % ITEMS) for n in range(40))], past.items)
    users_U, items_A = np.arange(USERS), np.arange(ITEMS)
    known = Case(lambda _: None, USERS, ITEMS, TWINS, STRANGER).some_known()  # type: ignore[arg-type,return-value]
    one, other = (
        MomentRecommender(log, random_net(), Sizes(3, 2, 2)).recommend(
            CUT, users_U, items_A, 5, known_RN=known
        )
        for log in (past, later)
    )
    assert one.items_UK.tobytes() == other.items_UK.tobytes()
    assert one.scores_UK.tobytes() == other.scores_UK.tobytes()


@pytest.fixture(scope="module")
def habits() -> Past:
    """Return a log in which item n + 1 follows item n, and items 0 to 4 are as popular as one another."""
    rng, events = np.random.default_rng(5), []
    for user in range(60):
        start, first = int(rng.integers(5)), 10 * user
        events += [(first + 3 * step, user, (start + step) % 5) for step in range(3)]
    return Past(log_of(events), items_of([0] * 6, [0] * 6), windows=(200, 50))


SETTINGS = Settings(sizes=Sizes(10, 10, 10), negatives=5, hidden=8, epochs=20, batch=8, learning_rate=0.02)


def test_it_learns_what_follows(habits: Past) -> None:
    asked = interactions_as_requests(
        habits.log, since=100, until=500, step=1, delay=0, items=6, most=999, seed=0
    )
    net = train_ranker(lists_of(habits, asked, SETTINGS), SETTINGS)
    # a user of those to come stands at item 0, another at 3: what follows is 1 and 4
    events = [(599, 70, 0), (599, 71, 3)]
    log = habits.log
    before = list(zip(log.time_E.tolist(), log.user_E.tolist(), log.item_E.tolist(), strict=True))
    past = Past(
        log_of([event for event in before if event[0] < 599] + events), habits.items, windows=(200, 50)
    )
    asks = Requests(np.array([70, 71]), np.array([600, 600]))
    scores = net.scores(features(past, asks, np.tile(np.arange(5), (2, 1))))
    scores[[0, 1], [0, 3]] = -np.inf  # met
    assert scores.argmax(axis=1).tolist() == [1, 4]


def test_training_again_gives_the_same_bits(habits: Past) -> None:
    asked = interactions_as_requests(
        habits.log, since=100, until=500, step=1, delay=0, items=6, most=50, seed=0
    )
    one, again = (train_ranker(lists_of(habits, asked, SETTINGS), SETTINGS) for _ in range(2))
    assert all(one.weights[name].tobytes() == again.weights[name].tobytes() for name in WEIGHTS)


def test_numpy_scores_as_by_hand() -> None:
    weights = {
        "mean": np.array([1, 0]),
        "scale": np.array([2, 1]),
        "linear.weight": np.array([[0, 1]]),
        "first.weight": np.array([[1, 0]]),
        "first.bias": np.array([0]),
        "second.weight": np.array([[1]]),
        "second.bias": np.array([-0.5]),
        "last.weight": np.array([[2]]),
    }
    net = MomentNet({name: value.astype(np.float32) for name, value in weights.items()})
    found = net.scores(np.array([[[3, 5], [-1, 9]]], dtype=np.float32))
    # ((3 − 1) / 2, 5) → 1 → .5 → 5 + 1; (−1, 9 cut to 6) → e⁻¹ − 1 → e^(−1.132) − 1 → 6 − 1.355
    second = np.expm1(np.expm1(-1) - 0.5)
    assert found.tolist() == [[pytest.approx(6), pytest.approx(6 + 2 * second)]]
    with pytest.raises(ValueError, match="expected 2 features"):
        net.scores(np.zeros((1, 1, 3), dtype=np.float32))


def test_weights_are_saved_and_anything_else_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    net = random_net()
    net.save(tmp_path / "net.safetensors")
    again = MomentNet.load(tmp_path / "net.safetensors")
    assert all(again.weights[name].tobytes() == net.weights[name].tobytes() for name in WEIGHTS)
    (tmp_path / "other").write_text("no network")
    with pytest.raises(ArtifactError, match="expected the weights of a ranker"):
        MomentNet.load(tmp_path / "other")


def test_requests_whose_shortlists_miss_are_left_out(habits: Past) -> None:
    asked = interactions_as_requests(
        habits.log, since=100, until=500, step=1, delay=0, items=6, most=50, seed=0
    )
    lists = lists_of(habits, asked, SETTINGS)
    assert lists.sought_RC.any(axis=1).all()
    assert not (lists.sought_RC & ~lists.there_RC).any()
    with pytest.raises(DataError, match="expected a request"):
        lists_of(habits, asked, Settings(sizes=Sizes(0, 0, 0)))


def test_an_empty_shortlist_is_filled_from_the_catalogue() -> None:
    past = Past(log_of([]), items_of([0, FOREVER - 1], [0, 0]), windows=WINDOWS)
    recommender = MomentRecommender(past, random_net(), Sizes(0, 0, 0))
    nothing = Case(lambda _: None, 1, 2, (0, 1), 0).nothing_known()  # type: ignore[arg-type,return-value]
    ranking = recommender.recommend(5, np.array([0]), np.array([0, 1]), 3, known_RN=nothing)
    assert sorted(ranking.items_UK[0].tolist()) == [NO_ITEM, 0, 1]
