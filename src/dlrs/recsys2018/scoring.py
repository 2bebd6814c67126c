"""Scoring: submissions for a local challenge against its answers, by group and ranked among themselves.

S submissions, earliest first    U challenge playlists    K = 500 tracks    M measures
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.table import Table

from dlrs import bundle
from dlrs.arrays import AnyArray, Doubles, Ints
from dlrs.errors import DataError
from dlrs.recsys2018.challenge import GROUPS, LIST, Challenge
from dlrs.recsys2018.cutting import ANSWERS, CHALLENGE_SET
from dlrs.recsys2018.loading import KIND, TRACK_TABLE
from dlrs.recsys2018.measures import Truth, borda, clicks, ndcg_by_rules, ndcg_usual, r_precision
from dlrs.recsys2018.playlists import ARTIST_URI, PID, TRACK_URI
from dlrs.recsys2018.submission import read_submission

R_PRECISION, NDCG, CLICKS, NDCG_USUAL = "R-precision", "NDCG", "clicks", "NDCG, usual"
RANKED = {R_PRECISION: True, NDCG: True, CLICKS: False}
"""The measures that the rules rank by, and whether more is better."""


@dataclass(frozen=True)
class LocalChallenge:
    """A challenge whose answers are known, and the tracks and artists that there are."""

    challenge: Challenge
    truth: Truth
    uris: pa.Array  # of each track; its number is where it stands
    artist_T: Ints  # number of each track's artist

    @classmethod
    def open(cls, folder: Path) -> LocalChallenge:
        """Open what `cutting.cut` wrote.

        Raises:
            ArtifactError: it is no folder of the kind.
            DataError: there is no challenge in it.
        """
        opened = bundle.open_folder(folder, KIND)
        if not (opened / CHALLENGE_SET).is_file():
            raise DataError(
                f"{folder}: expected a challenge with its answers, received only what was loaded. Write one "
                "with `dlrs recsys2018 cut`."
            )
        challenge = Challenge.read(opened / CHALLENGE_SET)
        tracks = pq.read_table(opened / TRACK_TABLE, columns=[TRACK_URI, ARTIST_URI]).combine_chunks()
        uris = tracks[TRACK_URI].combine_chunks()
        artists = tracks[ARTIST_URI].combine_chunks().dictionary_encode()
        artist_T = artists.indices.to_numpy().astype(np.int64)
        return cls(
            challenge, _truth(pq.read_table(opened / ANSWERS), challenge, uris, artist_T), uris, artist_T
        )

    def score(self, submission: Path) -> Mapping[str, Doubles]:
        """Check a submission and return each measure of each playlist: (U,).

        Raises:
            DataError: it breaks a rule.
        """
        listed = read_submission(submission, self.challenge)
        tracks_UK = _numbers(listed, self.uris).reshape(len(self.challenge), LIST)
        # a track that is in no slice has an artist that nobody knows
        artists_UK = np.append(self.artist_T, -1)[tracks_UK]
        hits_UK = self.truth.has_tracks(tracks_UK)
        return {
            R_PRECISION: r_precision(self.truth, tracks_UK, artists_UK),
            NDCG: ndcg_by_rules(hits_UK),
            CLICKS: clicks(hits_UK).astype(np.float64),
            NDCG_USUAL: ndcg_usual(hits_UK, self.truth.sizes_U),
        }


def _truth(answers: pa.Table, challenge: Challenge, uris: pa.Array, artist_T: Ints) -> Truth:
    order = np.argsort(challenge.pid_U, kind="stable")
    row_A = order[np.searchsorted(challenge.pid_U, answers[PID].to_numpy(), sorter=order)]
    track_A = _numbers(answers[TRACK_URI], uris)
    by_row = np.argsort(row_A, kind="stable")
    offsets_U1 = np.concatenate(([0], np.cumsum(np.bincount(row_A, minlength=len(challenge)))))
    return Truth(offsets_U1, track_A[by_row], artist_T[track_A[by_row]])


def _numbers(listed: pa.Array | pa.ChunkedArray, uris: pa.Array) -> Ints:
    numbers: AnyArray = pc.index_in(listed, value_set=uris).fill_null(-1).to_numpy()
    return numbers.astype(np.int64)


def score_table(scores: Mapping[str, Doubles], group_U: Ints) -> Table:
    """Return the means of all playlists and of each group, for a terminal."""
    table = Table()
    for column in ("group", "lists", *scores):
        table.add_column(column, justify="left" if column == "group" else "right")
    for number, group in enumerate(GROUPS):
        _add_row(table, str(group), scores, group_U == number)
    _add_row(table, "none of these", scores, group_U < 0)
    _add_row(table, "all", scores, np.ones(len(group_U), dtype=np.bool_))
    return table


def _add_row(table: Table, name: str, scores: Mapping[str, Doubles], chosen_U: AnyArray) -> None:
    if chosen_U.any():
        means = (f"{values_U[chosen_U].mean():.4f}" for values_U in scores.values())
        table.add_row(name, f"{chosen_U.sum():,}", *means)


def rank_table(names: Sequence[str], scores: Sequence[Mapping[str, Doubles]]) -> Table:
    """Return the submissions by their points, best first, for a terminal; they are given earliest first."""
    values_SM = np.array([[score[name].mean() for name in RANKED] for score in scores])
    points_S, order_S = borda(values_SM, list(RANKED.values()))
    table = Table()
    for column in ("", "submission", "points", *RANKED):
        table.add_column(column, justify="left" if column == "submission" else "right")
    for place, row in enumerate(order_S.tolist(), 1):
        table.add_row(
            str(place), names[row], str(points_S[row]), *(f"{value:.4f}" for value in values_SM[row])
        )
    return table
