"""The RecSys Challenge 2018 from slices to a ranking of submissions, on playlists that were made up."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dlrs import pipeline
from dlrs.cli import app
from dlrs.contenders.at_cut import Known, Offer, build_ours
from dlrs.errors import DataError
from dlrs.judging.at_cut import headline_test
from dlrs.model.nets import open_nets
from dlrs.prepared import Prepared, open_prepared
from dlrs.recsys2018.answering import answer, seeds_of, with_playlists
from dlrs.recsys2018.challenge import Challenge
from dlrs.recsys2018.scoring import LocalChallenge
from playlist_files import MOODS, OF_A_MOOD, playlists_of_moods, told, uri, write_challenge_set, write_slice

RECIPE = Path(__file__).parents[1] / "recipes" / "recsys2018.toml"
SMALLER = {
    "users = 100_000": "users = 400\nwidth = 16\nnegatives = 256",
    "length = 100": "length = 60",
    "epochs = 10": "epochs = 6",
}
TEAM = ("--team", "we", "--contact", "we@example.org")


def verb(*arguments: object) -> str:
    """Run a verb and return what it says."""
    done = CliRunner().invoke(app, ["recsys2018", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return re.sub(r"\s+", " ", done.output)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with slices, what was loaded of them, a local challenge in recsys2018, and a run."""
    folder = tmp_path_factory.mktemp("recsys2018")
    playlists = playlists_of_moods(900)
    for first in (0, 500):
        write_slice(folder / "mpd", first, playlists[first : first + 500], last=first + 499)
    verb("load", folder / "mpd", "--out", folder / "loaded")
    verb("cut", folder / "loaded", "--out", folder / "recsys2018", "--playlists", 60)
    text = RECIPE.read_text(encoding="utf-8").replace("$DLRS_DATA", str(folder))
    for whole, smaller in SMALLER.items():
        assert whole in text
        text = text.replace(whole, smaller)
    (folder / "recipe.toml").write_text(text, encoding="utf-8")
    (folder / "recsys2018.sql").write_text(
        RECIPE.with_suffix(".sql").read_text(encoding="utf-8"), encoding="utf-8"
    )
    pipeline.prepare(folder / "recipe.toml", folder / "run" / "prepared")
    pipeline.train(folder / "run" / "prepared", folder / "run" / "trained")
    return folder


@pytest.fixture(scope="module")
def prepared(folder: Path) -> Prepared:
    return open_prepared(folder / "run" / "prepared")


def test_submissions_are_written_checked_scored_and_ranked(folder: Path) -> None:
    local, run = folder / "recsys2018", folder / "run"
    told = local / "challenge_set.json"
    said = verb("submit", run, told, "--out", folder / "ours.csv.gz", *TEAM)
    assert "Wrote and checked" in said
    for model in ("most popular", "item-kNN"):
        verb("submit", run, told, "--out", folder / f"{model}.csv", "--model", model, *TEAM)
    assert "500 new tracks for each of 60 playlists" in verb("check", told, folder / "ours.csv.gz")
    assert "title, 100 at random" in verb("score", local, folder / "ours.csv.gz")
    ranked = verb("rank", local, folder / "most popular.csv", folder / "item-kNN.csv", folder / "ours.csv.gz")
    assert ranked.index("ours.csv.gz") < ranked.index("most popular.csv")

    known = LocalChallenge.open(local)
    ours, popular = (known.score(folder / name) for name in ("ours.csv.gz", "most popular.csv"))
    for name in ("R-precision", "NDCG", "NDCG, usual"):
        assert ours[name].mean() > 1.5 * popular[name].mean()
    # nothing but a title is told of these: what most popular cannot use
    title_only = known.challenge.group_U == 0
    assert ours["R-precision"][title_only].mean() > 2 * popular["R-precision"][title_only].mean()


def test_a_title_alone_brings_the_tracks_of_its_mood(folder: Path, tmp_path: Path) -> None:
    titles = [told(mood, [], length=9, name=f"MOOD{mood}!") for mood in range(MOODS)]
    challenge = Challenge.read(write_challenge_set(tmp_path / "c.json", titles))
    lists = list(answer(folder / "run" / "prepared", folder / "run" / "trained", challenge))
    found = []
    for mood, listed in enumerate(lists):
        of_it = {uri(track) for track in range(OF_A_MOOD * mood, OF_A_MOOD * (mood + 1))}
        found.append(len(of_it & set(listed[:48])))
    # by chance it were a sixth: 8 of 48
    assert min(found) >= 16
    assert np.mean(found) >= 24


def test_the_networks_need_no_more_of_the_log_than_is_looked_back_to(
    folder: Path, prepared: Prepared
) -> None:
    """`answer` leaves the whole playlists out: the lists are those that the whole log gives."""
    challenge = Challenge.read(folder / "recsys2018" / "challenge_set.json")
    whole = with_playlists(prepared, challenge)
    stood = Known(prepared, prepared.cut_period).standing  # the challenge's seeds make no track popular
    nets = open_nets(folder / "run" / "trained" / "refit")
    ours = build_ours(nets, Known(whole, prepared.cut_period), stood)
    recommender = ours(Offer(whole, whole.catalog.alive_at(int(prepared.starts_Q[-1]))))
    users_U = len(prepared.user_ids) + np.arange(len(challenge))
    known_UN = seeds_of(prepared, challenge)
    wanted_UK = recommender.recommend(users_U, 500, known_UN=known_UN).items_UK
    wanted = [prepared.item_ids.take(pa.array(items_K)).to_pylist() for items_K in wanted_UK]
    assert list(answer(folder / "run" / "prepared", folder / "run" / "trained", challenge)) == wanted


def test_a_playlist_of_the_log_is_answered_as_a_challenge_is(
    folder: Path, prepared: Prepared, tmp_path: Path
) -> None:
    """The first parts of the test's playlists are told as a challenge tells them."""
    users_U = headline_test(prepared).users_U
    playlists = _as_told(prepared, users_U, folder)
    challenge = Challenge.read(write_challenge_set(tmp_path / "c.json", playlists))
    joined = with_playlists(prepared, challenge)
    added_U = len(prepared.user_ids) + np.arange(len(users_U))
    cut = prepared.cut_period
    rows, added = (joined.profiles.take(joined.profile_of_QU[cut, some]) for some in (users_U, added_U))
    assert np.array_equal(rows.columns_E, added.columns_E)
    np.testing.assert_allclose(rows.weights_E, added.weights_E, rtol=1e-6)
    np.testing.assert_allclose(rows.continuous_NC, added.continuous_NC, rtol=1e-5)

    ours = build_ours(open_nets(folder / "run" / "trained" / "refit"), Known(joined, cut))
    recommender = ours(Offer(joined, joined.catalog.alive_at(int(joined.starts_Q[cut]))))
    known_UN = seeds_of(prepared, challenge)
    lists = [recommender.recommend(some, 20, known_UN=known_UN) for some in (users_U, added_U)]
    assert np.array_equal(lists[0].items_UK, lists[1].items_UK)
    np.testing.assert_allclose(lists[0].scores_UK, lists[1].scores_UK, rtol=1e-5)


def _as_told(prepared: Prepared, users_U: np.ndarray, folder: Path) -> list[dict[str, object]]:
    names = pq.read_table(folder / "recsys2018" / "playlists.parquet")
    name_of = dict(zip(names["pid"].to_pylist(), names["name"].to_pylist(), strict=True))
    cut = int(prepared.starts_Q[prepared.cut_period])
    log = prepared.interactions.between(0, cut)
    playlists = []
    for user in users_U.tolist():
        pid = int(prepared.user_ids[user].as_py())
        tracks = prepared.item_ids.take(pa.array(log.item_E[log.user_E == user])).to_pylist()
        seeds = [(pos, int(track[-22:])) for pos, track in enumerate(tracks)]
        playlists.append(told(pid, seeds, length=len(seeds) + 1, name=name_of[pid]))
    return playlists


def test_no_playlist_of_the_challenge_is_in_the_log(folder: Path, prepared: Prepared) -> None:
    challenge = Challenge.read(folder / "recsys2018" / "challenge_set.json")
    assert not set(map(str, challenge.pid_U.tolist())) & set(prepared.user_ids.to_pylist())
    assert len(prepared.user_ids) == 900 - 60


def test_playlists_that_are_cut_in_two_keep_their_order(folder: Path, prepared: Prepared) -> None:
    """The recipe's days: what is told lies before its cut, the rest behind it, whole playlists far before."""
    log, first = prepared.interactions, prepared.recipe.marketplace.split.train_from.timestamp() * 1e6
    day_E = (log.time_E - int(first)) // 86_400_000_000
    entries = pq.read_table(folder / "recsys2018" / "entries.parquet").to_pydict()
    length = {pid: entries["pid"].count(pid) for pid in set(entries["pid"])}
    kinds = []
    for user, pid in enumerate(prepared.user_ids.to_pylist()):
        of_user = day_E[log.user_E == user]
        assert len(of_user) == length[int(pid)]
        days = tuple(np.unique(of_user).tolist())
        told = int((of_user == of_user.min()).sum())
        if len(days) == 2:
            assert told in (1, 5, 10, 25, 100)
            assert days[1] == days[0] + 1
        elif days != (-11,):
            assert told == len(of_user) <= 100  # too short for what would be told
        kinds.append(days[0])
    counts = {day: kinds.count(day) for day in set(kinds)}
    assert set(counts) == {-11, -1, 0, 1}
    assert all(counts[day] == pytest.approx(84, abs=12) for day in (-1, 0, 1))


def test_what_cannot_be_answered_is_said(folder: Path, prepared: Prepared, tmp_path: Path) -> None:
    challenge_set = write_challenge_set(tmp_path / "c.json", [told(1, [], length=9)])
    arguments = ["recsys2018", "submit", folder / "run", challenge_set, "--out", tmp_path / "s.csv", *TEAM]
    done = CliRunner().invoke(app, [*map(str, arguments), "--model", "magic"])
    assert done.exit_code == 2
    assert not (tmp_path / "s.csv").exists()
    with pytest.raises(DataError, match="expected a data set whose users have a text 'name'"):
        with_playlists(replace(prepared, own_features=None), Challenge.read(challenge_set))


def test_a_seed_that_the_data_lacks_is_left_out(folder: Path, prepared: Prepared, tmp_path: Path) -> None:
    playlists = [told(1, [(0, 3), (1, 999_999)], length=9), told(2, [(0, 3)], length=9)]
    challenge = Challenge.read(write_challenge_set(tmp_path / "c.json", playlists))
    seeds = seeds_of(prepared, challenge)
    assert np.diff(seeds.indptr).tolist() == [1, 1]
    assert prepared.item_ids.take(pa.array(seeds.indices)).to_pylist() == [uri(3), uri(3)]
    lists = list(answer(folder / "run" / "prepared", folder / "run" / "trained", challenge, "most popular"))
    assert lists[0] == lists[1]
    assert uri(3) not in lists[0]


def test_a_title_alone_gets_the_popular_tracks_from_a_baseline(folder: Path, tmp_path: Path) -> None:
    playlists = [told(1, [], length=9, name="MOOD0"), told(2, [(0, 3)], length=9), told(3, [], length=9)]
    challenge = Challenge.read(write_challenge_set(tmp_path / "c.json", playlists))
    knn, popular = (
        list(answer(folder / "run" / "prepared", folder / "run" / "trained", challenge, model))
        for model in ("item-kNN", "most popular")
    )
    assert knn[0] == knn[2] == popular[0]
    assert knn[1] != popular[1]
