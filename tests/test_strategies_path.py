"""Every strategy along the whole path: in the evaluation, in a bundle, and for all users at once."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from dlrs import pipeline
from dlrs.bundle import current_bundle
from dlrs.candidates.histories import histories_before
from dlrs.candidates.retrieval import Retrieval
from dlrs.candidates.vectors import ItemVectors
from dlrs.contenders.at_cut import fit_contenders
from dlrs.data.interactions import micros
from dlrs.evaluation.protocol import lists_of
from dlrs.judging.at_cut import headline_test
from dlrs.model.forward import load_nets
from dlrs.prepared import Prepared, open_prepared
from dlrs.publishing.published import open_current
from dlrs.publishing.showcase import active_user
from dlrs.recommenders.recommender import Audience, TwoStageRecommender
from dlrs.schema import ITEM
from dlrs.settings.baselines import Baselines
from dlrs.settings.candidates import Candidates
from dlrs.simulator.settings import Simulation
from dlrs.standing import prepared_standing
from older_bundle import as_before

SMALL = Simulation(users=60, items=600, weeks=3, seed=2)
STRATEGIES = ("direct", "pseudo-user", "cluster", "mixed")
INDEXES = get_args(Candidates.model_fields["index"].annotation)
COUNT = 40  # few enough for the strategies to differ
K = 10


@dataclass(frozen=True)
class Run:
    """A data set that was prepared for one strategy, the shared networks, and a registry."""

    strategy: str
    prepared: Path
    trained: Path
    registry: Path


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = pipeline.simulate(tmp_path_factory.mktemp("strategies") / "data", SMALL) / "recipe.toml"
    file.write_text(file.read_text().replace("epochs = 6", "epochs = 1"))
    return file


@pytest.fixture(scope="module")
def trained(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    pipeline.prepare(recipe, folder / "prepared")
    return pipeline.train(folder / "prepared", folder / "trained").path


@pytest.fixture(
    scope="module",
    params=[(name, "exact") for name in STRATEGIES]
    + [("cluster", "ivf")]
    + [("direct", index) for index in INDEXES if index != "exact"],
)
def run(
    request: pytest.FixtureRequest, recipe: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    strategy, index = request.param
    if index == "annoy":
        pytest.importorskip("annoy", reason="the extra annoy is not installed")
    folder = tmp_path_factory.mktemp(f"{strategy}-{index}")
    chosen = f'[candidates]\nindex = "{index}"\nstrategy = "{strategy}"\ncount = {COUNT}\n'
    text, sections = re.subn(r"\[candidates\][^[]*", chosen, recipe.read_text())
    assert sections == 1
    changed = recipe.with_name(f"{strategy}-{index}.toml")
    changed.write_text(text)
    pipeline.prepare(changed, folder / "prepared")
    pipeline.publish(folder / "prepared", trained, folder / "bundles")
    return Run(strategy, folder / "prepared", trained, folder / "bundles")


def _measured(prepared: Prepared, trained: Path) -> TwoStageRecommender:
    """Return the evaluation's object as it would be at the end of the log."""
    end = micros(SMALL.test_until)
    versions_A, settings = prepared.catalog.alive_at(end), prepared.recipe.candidates
    items_A, nets = prepared.catalog.item_V[versions_A], load_nets(trained / "refit")
    items = nets.embed_items(prepared.encoded_versions.take(versions_A))
    vectors = ItemVectors(items.embedding_ND, settings.metric)
    retrieval = Retrieval.build(vectors, settings, prepared_standing(prepared, end).recent_N[items_A])
    profile_of_U = prepared.profile_of_QU[prepared.serving_period]
    histories = histories_before(prepared, end)
    audience = Audience(prepared.profiles, profile_of_U, prepared.encoding.space, histories=histories)
    return TwoStageRecommender(nets, items, items_A, audience, settings, retrieval)


def test_what_is_served_is_what_was_measured(run: Run, tmp_path: Path) -> None:
    """One user's list and that of all users at once are those of the evaluation's object."""
    prepared = open_prepared(run.prepared)
    user_id = active_user(prepared)
    user = np.array([prepared.user_ids.to_pylist().index(user_id)])
    known_UN = prepared.interactions.matrix(len(prepared.user_ids), prepared.catalog.items)[user]
    ranking = _measured(prepared, run.trained).recommend(user, K, known_UN=known_UN)
    expected = prepared.item_ids.take(ranking.items_UK[0]).to_pylist()

    served = pipeline.recommend(run.prepared, run.registry, user_id, k=K)
    assert [item[ITEM] for item in served.items] == expected
    pipeline.recommend_all(run.prepared, run.registry, tmp_path / "all.parquet", k=K)
    everybody = pq.read_table(tmp_path / "all.parquet", filters=[("user_id", "=", user_id)])
    assert everybody["item_id"].to_pylist() == expected


def test_histories_and_popularity_end_at_the_cut(run: Run) -> None:
    """Both are events of the log before the cut, weighed by type, and of no earlier than their window."""
    prepared = open_prepared(run.prepared)
    log, cut, day = prepared.interactions, int(prepared.starts_Q[-1]), 86_400_000_000
    rules, settings = prepared.recipe.marketplace, prepared.recipe.candidates
    weight_T = np.array([prepared.facts["interaction_weights"][name] for name in rules.interaction_types])
    before_E = log.time_E < cut
    assert not before_E.all()  # or it could not fail
    for days, window in ((30, rules.profiles.window.days), (7, settings.recent_window.days)):
        assert days == window
    lately_E = before_E & (log.time_E >= cut - 30 * day)
    histories = histories_before(prepared, cut)
    assert len(histories) == len(prepared.user_ids)
    for user in np.unique(log.user_E)[::7]:
        theirs = lately_E & (log.user_E == user)
        one = histories.take(np.array([user]))
        assert one.version_E.tolist() == log.version_E[theirs].tolist()
        np.testing.assert_allclose(one.weight_E, weight_T[log.type_E[theirs]], rtol=1e-6)
    recent = log.item_E[before_E & (log.time_E >= cut - 7 * day)]
    counts_N = np.bincount(recent, minlength=prepared.catalog.items)
    assert prepared_standing(prepared, cut).recent_N.tolist() == counts_N.tolist()


def test_the_evaluation_judges_the_strategy(run: Run) -> None:
    """Its lists are those of the recipe's strategy, which before RankNet are T items in another choice."""
    prepared = open_prepared(run.prepared)
    assert prepared.recipe.candidates.strategy == run.strategy
    quiet = prepared.recipe.model_copy(update={"baselines": Baselines(models=("most popular",))})
    contenders = fit_contenders(replace(prepared, recipe=quiet), {"ours": run.trained / "validated"})
    test = headline_test(prepared)
    ours = contenders.recommenders(test.versions_A)["ours"]
    assert isinstance(ours, TwoStageRecommender)
    lists_UK = lists_of("ours", ours, test, COUNT)  # raises where it breaks the protocol

    cut = int(prepared.starts_Q[-1])
    histories = histories_before(prepared, cut).take(test.users_U)
    assert histories.any_U.all()  # all of them have a profile, made of the same window
    askers = ours.askers(ours.audience.take(test.users_U), histories)
    candidates = ours.candidates(askers, COUNT, known_UN=test.known_UN)
    found_UT = np.sort(test.items_A[candidates.positions_UT], axis=1)
    np.testing.assert_array_equal(np.sort(lists_UK, axis=1), found_UT)
    direct_UT = _direct(ours, test.users_U, test.known_UN)
    assert (run.strategy == "direct") == bool((found_UT == direct_UT).all())


def _direct(ours: TwoStageRecommender, users_U: np.ndarray, known_UN: sparse.csr_array) -> np.ndarray:
    queries_UD = ours.nets.embed_users(ours.audience.take(users_U)).embedding_ND
    near_UN = ours.index.propose(queries_UD, len(ours.items_A))[0]
    known_UA = known_UN[:, ours.items_A].toarray() > 0
    new = [row[~known[row]][:COUNT] for row, known in zip(near_UN, known_UA, strict=True)]
    return np.sort(ours.items_A[np.array(new)], axis=1)


def test_the_bundle_holds_its_index(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Loading builds nothing; a bundle from before there was one in it gets it built, with the same lists."""
    prepared = open_prepared(run.prepared)
    served = pipeline.recommend(run.prepared, run.registry, active_user(prepared), k=K)
    older, oldest = tmp_path / "older", tmp_path / "oldest"
    as_before(current_bundle(run.registry), older)
    as_before(current_bundle(run.registry), oldest, retrieval=False, attributes=False)

    def refuse(*_: object) -> None:
        raise AssertionError("a bundle's index was built anew")

    with monkeypatch.context() as patched:
        patched.setattr("dlrs.candidates.retrieval.build_index", refuse)
        for registry in (run.registry, older):
            published = open_current(registry, prepared.encoding)
            assert len(published.recommender.index) == published.items.num_rows
            again = pipeline.recommend(run.prepared, registry, served.user_id, k=K)
            assert again.items == served.items
        with pytest.raises(AssertionError, match="built anew"):
            open_current(oldest, prepared.encoding)
    again = pipeline.recommend(run.prepared, oldest, served.user_id, k=K)
    assert again.items == served.items or run.strategy == "mixed"  # which then knows nothing of popularity


def test_a_registry_may_be_copied_and_the_old_one_removed(run: Run, tmp_path: Path) -> None:
    """No index remembers where its files were."""
    user_id = active_user(open_prepared(run.prepared))
    served = pipeline.recommend(run.prepared, run.registry, user_id, k=K)
    moved = shutil.copytree(run.registry, tmp_path / "moved", symlinks=True)
    away = run.registry.rename(run.registry.with_name("away"))
    try:
        assert pipeline.recommend(run.prepared, moved, user_id, k=K) == served
    finally:
        away.rename(run.registry)
