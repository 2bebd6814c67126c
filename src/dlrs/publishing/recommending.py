"""Recommending to everybody: one file with the lists of all users who have a profile to serve with.

The users are cut into blocks. On this machine the blocks are answered one after the other, on Spark by
whichever worker is free: the code and the blocks are the same, and so are the answers. A worker opens the
bundle and the prepared data set by their paths; it needs dlrs installed, and no torch.

    P users with a profile, by user row    A items of the bundle's catalogue, in its order
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as dataset
import pyarrow.parquet as pq
from scipy import sparse

from dlrs import bundle
from dlrs.arrays import NO_ITEM, AnyArray, Ints, StoredArrays, distinct
from dlrs.atomic import hidden_folder, locked, sync
from dlrs.candidates.histories import Histories, serving_histories
from dlrs.data.engine import DUCKDB, require
from dlrs.errors import ArtifactError, DataError
from dlrs.prepared import Prepared, open_prepared
from dlrs.progress import stage, track
from dlrs.publishing.moment import AtWatermark
from dlrs.publishing.published import Published, open_current
from dlrs.recommenders.recommender import Ranking
from dlrs.schema import ITEM, USER

RANK = "rank"
SCORE = "score"
SCHEMA = pa.schema([(USER, pa.string()), (ITEM, pa.string()), (RANK, pa.int32()), (SCORE, pa.float32())])
ON_SPARK = f"{USER} string, {ITEM} string, {RANK} int, {SCORE} float"
BUNDLE = b"dlrs_bundle"
"""The key in the file's metadata under which the bundle stands."""

REQUESTS = "requests"
BLOCK = 1024
"""Users answered together."""


@dataclass(frozen=True)
class Requests(StoredArrays):
    """Whom to recommend to, and where in the catalogue the items stand that each has met."""

    profile_P: Ints
    user_P: Ints
    offsets: Ints  # where each user's known items begin, and their number at the end
    known_E: AnyArray

    @classmethod
    def of(cls, prepared: Prepared, items: pa.Array) -> Requests:
        """Collect the users with a profile of the serving period; `items` are the catalogue's ids."""
        profile_U = prepared.profile_of_QU[prepared.serving_period]
        user_P = np.flatnonzero(profile_U >= 0)
        place_U = np.cumsum(profile_U >= 0) - 1
        position_N: AnyArray = pc.index_in(prepared.item_ids, value_set=items).fill_null(-1).to_numpy()
        log = prepared.interactions.beside(prepared.refused)
        met_E = (profile_U[log.user_E] >= 0) & (position_N[log.item_E] >= 0)
        keys = place_U[log.user_E[met_E]] * len(items) + position_N[log.item_E[met_E]]
        place_E, known_E = np.divmod(distinct(keys), max(1, len(items)))
        offsets = np.searchsorted(place_E, np.arange(len(user_P) + 1))
        return cls(profile_U[user_P], user_P, offsets, known_E.astype(np.int32))

    def __len__(self) -> int:
        return len(self.user_P)

    def known(self, first: int, last: int, items: int) -> sparse.csr_array:
        """Return what some of the users know: (last − first, A)."""
        offsets = self.offsets[first : last + 1]
        known_E = self.known_E[offsets[0] : offsets[-1]]
        entries = (np.ones(len(known_E), dtype=np.float32), known_E, offsets - offsets[0])
        return sparse.csr_array(entries, shape=(last - first, items))


@dataclass(frozen=True)
class Answers:
    """A bundle and those who ask it."""

    published: Published
    prepared: Prepared
    requests: Requests
    k: int
    block: int

    @cached_property
    def moment(self) -> AtWatermark | None:
        """The bundle's ranker of the moment, if it has one."""
        return AtWatermark.of(self.prepared, self.published)

    @cached_property
    def histories(self) -> Histories | None:
        """What every user row did before serving, if the strategy asks for it."""
        return serving_histories(self.prepared, self.published.recipe)

    def of_block(self, number: int) -> pa.Table:
        """Return the best k items of one block of users, a row for each; see SCHEMA."""
        first, last = number * self.block, min((number + 1) * self.block, len(self.requests))
        ranking = self._ranked(first, last)
        user_R, place_R = np.nonzero(ranking.items_UK != NO_ITEM)
        columns = {
            USER: self.prepared.user_ids.take(pa.array(self.requests.user_P[first:last][user_R])),
            ITEM: self.published.items[ITEM].take(pa.array(ranking.items_UK[user_R, place_R])),
            RANK: place_R + 1,
            SCORE: ranking.scores_UK[user_R, place_R],
        }
        return pa.table(columns).cast(SCHEMA)

    def _ranked(self, first: int, last: int) -> Ranking:
        users = self.requests.user_P[first:last]
        known_UN = self.requests.known(first, last, self.published.items.num_rows)
        if self.moment is not None:
            return self.moment.recommend(users, self.k, known_RA=known_UN)
        profiles = self.prepared.profiles.take(self.requests.profile_P[first:last])
        everybody = self.histories
        histories = None if everybody is None else everybody.take(users)
        return self.published.recommender.recommend_to(
            profiles, self.k, known_UN=known_UN, histories=histories
        )


def recommend_to_all(
    prepared_folder: Path, registry: Path, out: Path, k: int, *, engine: str = DUCKDB, block: int = BLOCK
) -> dict[str, Any]:
    """Write the best k items of every user with a profile at the end of the log, from the current bundle.

    `out` becomes a Parquet file, whole or not there: user_id, item_id, rank from 1, score (RankNet's logit),
    by user and rank. Returns the bundle's id and how many users and rows there are.

    Args:
        prepared_folder: the data set whose profiles and log are used.
        registry: where the bundle is.
        out: the file; an older one of the kind is replaced.
        k: items a user.
        engine: a Spark master to share the blocks between its workers; 'duckdb' for this process alone.
        block: users answered together.

    Raises:
        DataError: nobody has a profile, there is no such engine, or its workers cannot answer.
        ArtifactError: nothing was published, or under another schema; something else is at `out`.
    """
    require(engine)
    prepared_folder, registry, out = (path.resolve() for path in (prepared_folder, registry, out))
    prepared = open_prepared(prepared_folder)
    published = open_current(registry, prepared.encoding)
    requests = Requests.of(prepared, published.items[ITEM].combine_chunks())
    if len(requests) == 0:
        raise DataError(
            "recommend: expected a user with a profile at the end of the log, received none. "
            "Move test_until to where the log ends, or widen profiles.window, and prepare again."
        )
    blocks = -(-len(requests) // block)

    def tables(scratch: Path) -> Iterator[pa.Table]:
        if engine == DUCKDB:
            answers = Answers(published, prepared, requests, k, block)
            return (answers.of_block(number) for number in track(range(blocks), "Recommend to everybody"))
        requests.save(scratch / REQUESTS)
        task = Task(str(registry / published.bundle_id), str(prepared_folder), str(scratch), k, block)
        return _on_spark(engine, task, blocks)

    rows = write_lists(tables, out, published.bundle_id)
    return {"bundle_id": published.bundle_id, "users": len(requests), "rows": rows}


def write_lists(tables: Callable[[Path], Iterator[pa.Table]], out: Path, bundle_id: str) -> int:
    """Write tables of SCHEMA one behind the other as the file `out`, whole or not there; return its rows.

    `tables` is given a folder that is gone afterwards.

    Raises:
        ArtifactError: something else is at `out`, or it cannot be written.
    """
    _require_replaceable(out)
    with bundle.writable(out), hidden_folder(out) as scratch:
        rows = _write(tables(scratch), scratch / "whole", bundle_id)
        with locked(out.parent):
            (scratch / "whole").replace(out)
            sync(out.parent)
    return rows


def _write(tables: Iterator[pa.Table], file: Path, bundle_id: str) -> int:
    """Write the tables one behind the other; return how many rows they have."""
    rows = 0
    with pq.ParquetWriter(file, SCHEMA.with_metadata({BUNDLE: bundle_id}), compression="zstd") as writer:
        for table in tables:
            writer.write_table(table.replace_schema_metadata({BUNDLE: bundle_id}))
            rows += table.num_rows
    sync(file)
    return rows


@dataclass(frozen=True)
class Task:
    """What a worker needs to know, besides the number of a block."""

    bundle_folder: str
    prepared_folder: str
    scratch: str
    k: int
    block: int

    def __call__(self, frames: Any) -> Iterator[Any]:
        """Answer the blocks whose numbers come in frames of pandas, a frame a block."""
        answers = _opened(self)
        for frame in frames:
            for number in frame["id"]:
                yield answers.of_block(int(number)).to_pandas()


@cache
def _opened(task: Task) -> Answers:
    """Open everything once in the life of a worker's process, which answers many blocks."""
    published = Published.load(bundle.open_folder(Path(task.bundle_folder), "bundle"))
    requests = Requests.load(Path(task.scratch) / REQUESTS)
    return Answers(published, open_prepared(Path(task.prepared_folder)), requests, task.k, task.block)


def _on_spark(master: str, task: Task, blocks: int) -> Iterator[pa.Table]:
    """Let the workers answer, each block in a task, and yield the answers in the order of the blocks."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    from dlrs.data.spark_session import session

    parts = Path(task.scratch) / "parts"
    with stage("Recommend to everybody, on Spark"), session(master) as spark:
        # a plain function: Spark looks at its arguments
        answered = spark.range(0, blocks, 1, blocks).mapInPandas(lambda frames: task(frames), ON_SPARK)
        try:
            answered.write.parquet(f"file://{parts}")
        except (PySparkException, Py4JError) as error:  # what Java throws is not always wrapped
            lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [repr(error)]
            raise DataError(
                f"--engine {master}: expected workers that have this version of dlrs and reach "
                f"{task.prepared_folder}, {task.bundle_folder} and {parts.parent}, received: {lines[-1]}."
            ) from error
    for file in sorted(parts.glob("part-*.parquet")):  # one a task, numbered as the tasks are
        for batch in dataset.dataset(file).to_batches():
            yield pa.Table.from_batches([batch]).cast(SCHEMA)


def _require_replaceable(out: Path) -> None:
    if not out.exists():
        return
    try:
        if BUNDLE in (pq.read_schema(out).metadata or {}):
            return
    except (OSError, pa.ArrowInvalid):
        pass
    raise ArtifactError(
        f"{out}: expected a new place or an older file of recommendations, received something else. "
        "It was left as it is; choose another place, or delete it."
    )
