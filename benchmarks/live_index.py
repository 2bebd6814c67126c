"""A live index under way: latency in peace, under writes and during a fold; freshness; recall.

    python benchmarks/live_index.py PREPARED NETS FOLDER [--items 1705751] [--turnovers 0]

NETS is a folder with nets.safetensors (as TRAINED/validated). The catalogue is the first version of each
item, in FOLDER/live (made if need be). One thread searches, one user at a time; another writes 110 times a
second: versions of other items under ids that are there, or, one in three, new ones, and, one in ten, it
deletes an item.

Three figures for each search, for the machine may have other work. *wall*; *own*: less the time in which the
thread was ready to run and had no processor (Linux's schedstat); *cpu*: the thread's processor time. On an
idle machine all but the waits for locks, the interpreter and the disk, which *cpu* leaves out, are one.
While other programs have the processors, *own* also grows where the holder of the interpreter has none.

With --turnovers n, all items are replaced n times, folds every 20,000 changes as they come, and recall of the
exact index's 1,000 is measured before and after.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from dlrs.arrays import Floats, Ints
from dlrs.candidates.exact import ExactIndex
from dlrs.candidates.live.live_index import LiveIndex
from dlrs.candidates.vectors import ItemVectors
from dlrs.model.forward import Representations, load_nets
from dlrs.prepared import open_prepared
from dlrs.settings.candidates import Candidates

COUNT = 1000
WRITES = 110
SEARCHES, ROUNDS = 8000, 40
JUDGED = 200


@dataclass
class Material:
    """Items as they are at first, other versions of them, and users."""

    ids: list[str]
    items: Representations
    others: Representations
    queries_UD: Floats

    @classmethod
    def of(cls, prepared_folder: Path, nets_folder: Path, count: int) -> Material:
        prepared, nets = open_prepared(prepared_folder), load_nets(nets_folder)
        rng = np.random.default_rng(0)
        first = prepared.catalog.first_N[:-1][:count]
        others = np.sort(rng.choice(len(prepared.encoded_versions), 60_000, replace=False))
        users = np.sort(rng.choice(len(prepared.profiles), 2000, replace=False))
        profiles = prepared.profiles.take(users)
        return cls(
            [str(id) for id in prepared.item_ids[: len(first)]],
            nets.embed_items(prepared.encoded_versions.take(first)),
            nets.embed_items(prepared.encoded_versions.take(others)).take(rng.permutation(len(others))),
            nets.embed_users(profiles).embedding_ND[rng.permutation(len(users))],
        )


@dataclass
class Times:
    """Milliseconds of each search or write."""

    wall: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def take(self, work: Callable[[], object]) -> None:
        waited, cpu, wall = _waited(), time.thread_time(), time.perf_counter()
        work()
        spent = time.perf_counter() - wall
        self.wall.append(1e3 * spent)
        self.cpu.append(1e3 * (time.thread_time() - cpu))
        self.own.append(1e3 * (spent - (_waited() - waited)))

    def __str__(self) -> str:
        parts = [
            f"{name} {np.percentile(values, 50):6.2f} {np.percentile(values, 99):6.2f}"
            for name, values in (("wall", self.wall), ("own", self.own), ("cpu", self.cpu))
        ]
        return f"{len(self.wall):6,} times, ms p50 p99: " + "   ".join(parts)


class Writer:
    """A thread that writes 110 times a second while it may, until it is told to stop."""

    def __init__(self, live: LiveIndex, material: Material) -> None:
        self.times = Times()
        self.writes = threading.Event()
        self._live, self._items = live, _ones(material)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        due, written = time.perf_counter(), 0
        while not self._over.is_set():
            if not self.writes.wait(0.1):
                due = time.perf_counter()
                continue
            self.times.take(partial(self._write, written))
            written += 1
            due += 1 / WRITES
            time.sleep(max(0.0, due - time.perf_counter()))

    def _write(self, number: int) -> None:
        id, item = self._items[number % len(self._items)]
        if number % 10 == 9:
            self._live.delete([id])
        else:
            self._live.upsert([f"new-{number}" if number % 3 == 0 else id], item)


def _ones(material: Material) -> list[tuple[str, Representations]]:
    """Return items to write one by one, made beforehand: else making them would hold up the searches."""
    rng = np.random.default_rng(1)
    ids = rng.integers(len(material.ids), size=len(material.others))
    rows = rng.permutation(len(material.others))[:, None]
    return [(material.ids[id], material.others.take(row)) for id, row in zip(ids, rows, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("nets", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=1_705_751)
    parser.add_argument("--turnovers", type=int, default=0)
    options = parser.parse_args()
    material = Material.of(options.prepared, options.nets, options.items)
    folder = options.folder / "live"
    if not folder.exists():
        cpu = time.process_time()
        LiveIndex.create(folder, material.ids, material.items, Candidates(index="ivf"))
        print(f"created: {time.process_time() - cpu:.1f} processor seconds")
    _report_opening(folder)
    if options.turnovers:
        with LiveIndex.open(folder) as live:
            turn_over(live, material, options.turnovers)
    else:
        with LiveIndex.open(folder, fold_at=10**9) as live:
            measure(live, material)


def measure(live: LiveIndex, material: Material) -> None:
    print(
        f"{len(live):,} items, {material.queries_UD.shape[1]} coordinates, T = {COUNT}; "
        f"load {os.getloadavg()[0]:.1f}"
    )
    search_for(live, material, 300, Times())
    with Writer(live, material) as writer:
        peace, writes = Times(), Times()
        for _ in range(ROUNDS):  # in turn, for whatever else the machine does comes and goes
            writer.writes.clear()
            search_for(live, material, SEARCHES // ROUNDS, peace)
            writer.writes.set()
            search_for(live, material, SEARCHES // ROUNDS, writes)
        print(
            f"in peace            {peace}\nunder writes        {writes}\n  the writes        {writer.times}"
        )
        writer.times = Times()
        print("during a fold      ", search_during(live, material, live.fold))
        print("  the writes       ", writer.times)
    _fill(live, material, 20_000)
    print("delta of 20,000    ", search_for(live, material, SEARCHES // 2, Times()))
    print("until found        ", freshness(live, material))
    live.fold()
    print(
        "in peace           ", search_for(live, material, SEARCHES, Times()), f"load {os.getloadavg()[0]:.1f}"
    )


def search_for(live: LiveIndex, material: Material, searches: int, times: Times) -> Times:
    queries_UD = material.queries_UD
    for _ in range(searches):
        user = len(times.wall) % len(queries_UD)
        times.take(partial(live.search, queries_UD[user : user + 1], COUNT))
    return times


def search_during(live: LiveIndex, material: Material, work: Callable[[], None]) -> Times:
    over = threading.Event()

    def run() -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        print(
            f"  it took {time.perf_counter() - wall:.1f} s; "
            f"processor seconds of all: {time.process_time() - cpu:.1f}"
        )
        over.set()

    thread = threading.Thread(target=run)
    thread.start()
    times, queries_UD = Times(), material.queries_UD
    while not over.is_set():
        user = len(times.wall) % len(queries_UD)
        times.take(partial(live.search, queries_UD[user : user + 1], COUNT))
    thread.join()
    return times


def freshness(live: LiveIndex, material: Material) -> Times:
    """Measure from the call of upsert to the answer that has the item first."""
    times = Times()
    for number in range(JUDGED):
        item = material.others.take(np.array([number]))

        def until_found(number: int = number, item: Representations = item) -> None:
            live.upsert([f"fresh-{number}"], item)
            found = live.search(item.embedding_ND, COUNT)
            assert f"fresh-{number}" in found.ids(0)

        times.take(until_found)
    return times


def turn_over(live: LiveIndex, material: Material, turnovers: int) -> None:
    rng = np.random.default_rng(2)
    order = np.arange(len(material.ids))
    ids = np.array(material.ids, dtype=object)
    live.fold()
    print(f"recall before: {recall(live, material, order, ids):.4f}", flush=True)
    for turn in range(1, turnovers + 1):
        order = rng.permutation(len(ids))
        for start in range(0, len(ids), 5000):
            some = slice(start, start + 5000)
            live.upsert(ids[some].tolist(), material.items.take(order[some]))
        live.fold()
        print(f"after {turn}: {recall(live, material, order, ids):.4f}", flush=True)


def recall(live: LiveIndex, material: Material, order: Ints, ids: np.ndarray) -> float:
    """Of the exact index's 1,000; `order` says which item's vector each id has."""
    queries_UD = material.queries_UD[:JUDGED]
    best_UK, _ = ExactIndex.build(ItemVectors(material.items.embedding_ND, "cosine")).propose(
        queries_UD, COUNT
    )
    id_of = np.empty_like(ids)
    id_of[order] = ids
    found = live.search(queries_UD, COUNT)
    shares = [len(set(id_of[row]) & set(found.ids(user))) / COUNT for user, row in enumerate(best_UK)]
    return float(np.mean(shares))


def _fill(live: LiveIndex, material: Material, changes: int) -> None:
    rng = np.random.default_rng(3)
    while live._view.seq - live._view.snapshot.seq < changes:
        rows = rng.choice(len(material.ids), 500, replace=False)
        live.upsert([material.ids[row] for row in rows], material.others.take(rng.choice(60_000, 500)))


def _report_opening(folder: Path) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    LiveIndex.open(folder, fold_at=10**9).close()
    print(
        f"opened and closed: {time.perf_counter() - wall:.2f} s, "
        f"{time.process_time() - cpu:.2f} processor seconds"
    )


def _waited() -> float:
    """Return how long this thread was ready to run and did not, in seconds."""
    status = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text(encoding="ascii")
    return int(status.split()[1]) / 1e9


if __name__ == "__main__":
    main()
