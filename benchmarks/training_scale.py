"""Training at a marketplace's full size: what an epoch costs, its memory, its share of the machine's peak.

    OMP_NUM_THREADS=1 python benchmarks/training_scale.py PREPARED --times 10 [--work DIR] [--together 4]

PREPARED is a prepared data set at a fraction of the size. Its user-weeks, item versions and pairs are laid
out so many times, each copy with rows of its own: the arrays are as large, and as far apart in memory, as
the real ones, only the values repeat. They are mapped from the disk as those of `dlrs train` are. Memory
is what the process holds for itself (RssAnon); pages of mapped files belong to the system's cache.
With `torchrun --nproc-per-node 2` in the place of `python` there is no table, and two workers train.
"""

from __future__ import annotations

import argparse
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from dlrs.arrays import AnyArray
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.model.network import Network
from dlrs.model.threads import one_thread
from dlrs.prepared import Prepared, open_prepared
from dlrs.samples.batches import Batches
from dlrs.samples.pairs import Pairs
from dlrs.settings.training import Training
from dlrs.training.loop import batch_losses, train
from dlrs.training.run import Run
from dlrs.training.workers import joined

GRID = ((1, 2048), (4, 2048), (8, 2048), (16, 2048), (4, 1024), (4, 4096), (4, 8192))
"""Pairs of a profile kept together, and batch sizes."""


def lay_out(prepared: Prepared, times: int, work: Path) -> tuple[Pairs, EncodedRows, EncodedRows]:
    """Write the arrays so many times, and map them."""
    if not (work / "done").exists():
        shutil.rmtree(work, ignore_errors=True)
        for name, rows in (("profiles", prepared.profiles), ("versions", prepared.encoded_versions)):
            for field in fields(rows):
                values = getattr(rows, field.name)
                shift = int(values[-1]) if field.name == "offsets" else 0
                # each copy's first offset is the last one of the copy before it
                copies = [values if copy == 0 or not shift else values[1:] for copy in range(times)]
                _write(work / name / f"{field.name}.npy", copies, shift)
        steps = {"profile_P": len(prepared.profiles), "version_P": len(prepared.encoded_versions)}
        for field in fields(prepared.pairs):
            copies = [getattr(prepared.pairs, field.name)] * times
            _write(work / "pairs" / f"{field.name}.npy", copies, steps.get(field.name, 0))
        (work / "done").touch()
    return (
        Pairs.load(work / "pairs"),
        EncodedRows.load(work / "profiles"),
        EncodedRows.load(work / "versions"),
    )


def _write(file: Path, copies: list[AnyArray], shift: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    shape = (sum(map(len, copies)), *copies[0].shape[1:])
    whole = np.lib.format.open_memmap(file, mode="w+", dtype=copies[0].dtype, shape=shape)
    start = 0
    for number, copy in enumerate(copies):
        whole[start : start + len(copy)] = copy
        if shift:
            whole[start : start + len(copy)] += number * shift
        start += len(copy)
    whole.flush()


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """Give a list whose one number is the most that the process held for itself, in GB."""
    peak, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            status = Path("/proc/self/status").read_text(encoding="ascii")
            held = int(status.split("RssAnon:")[1].split()[0]) * 1024 / 1e9
            peak[0] = max(peak[0], held)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def matrix_peak(size: int = 1024) -> float:
    """Return the most operations a second, in 1e9, that float32 matrix products reach on one thread."""
    one, other = torch.randn(size, size), torch.randn(size, size)
    best = 0.0
    for _ in range(20):
        started = time.thread_time()
        one @ other
        best = max(best, 2 * size**3 / (time.thread_time() - started) / 1e9)
    return best


def step_costs(batches: Batches, space: FeatureSpace, settings: Training, steps: int) -> dict[str, float]:
    """Return processor µs a pair of the parts of a step, distinct users a batch, and operations a pair."""
    network = Network(space, dropout=settings.dropout, bias_init=settings.bias_init).train()
    run = Run.begin(network, settings)
    epoch = batches.epoch(0)
    with FlopCounterMode(display=False) as counter:
        batch = next(epoch)
        run.descend(batch_losses(network, batch, settings))
    operations = counter.get_total_flops() / len(batch)
    spent = np.zeros((steps, 3))
    users = []
    for step in range(steps):
        times = [time.process_time()]
        batch = next(epoch)
        times.append(time.process_time())
        losses = batch_losses(network, batch, settings)
        times.append(time.process_time())
        run.descend(losses)
        times.append(time.process_time())
        spent[step] = np.diff(times)
        users.append(len(batch.users))
    gather, forward, backward = np.median(spent, axis=0) / batches.size * 1e6
    return {
        "users": float(np.mean(users)),
        "gather": gather,
        "forward": forward,
        "backward": backward,
        "operations": operations,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--work", type=Path, default=Path("runs/training-scale"))
    parser.add_argument("--together", type=int, default=4)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=100, help="of each row of the table")
    options = parser.parse_args()
    prepared = open_prepared(options.prepared)
    pairs, profiles, versions = lay_out(prepared, options.times, options.work)
    space = prepared.encoding.space
    settings = prepared.recipe.training.model_copy(
        update={"batch_size": options.batch, "together": options.together, "epochs": 1}
    )
    print(f"\n{len(pairs):,} pairs of {len(profiles):,} user-weeks and {len(versions):,} item versions")
    print(f"{len(profiles.columns_E) / len(profiles):.0f} entries a user-week, {space.columns:,} columns")

    with joined() as workers:
        if workers.count == 1:
            show_steps(pairs, profiles, versions, space, settings, options.steps)
        folder = options.work / "training"
        if workers.leads:
            shutil.rmtree(folder, ignore_errors=True)
        workers.wait()
        wall, processor = time.perf_counter(), time.process_time()
        with peak_memory() as held:
            train(pairs, profiles, versions, space, settings, folder=folder, workers=workers)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        print(
            f"\n{workers}: train(), one epoch of {len(pairs):,} pairs, batches of {options.batch:,}, "
            f"together {options.together}, all included:\n{wall:.0f} s, of processor time {processor:.0f} s: "
            f"{len(pairs) / processor:,.0f} pairs/s; held at most {held[0]:.2f} GB beside the mapped arrays"
        )


def show_steps(
    pairs: Pairs,
    profiles: EncodedRows,
    versions: EncodedRows,
    space: FeatureSpace,
    settings: Training,
    steps: int,
) -> None:
    with one_thread():
        peak = matrix_peak()
        print(f"float32 matrix products reach {peak:.0f} GFLOP/s on one thread\n")
        print(
            "together   batch   users   µs a pair: gather  forward  backward + step   pairs/s   share of peak"
        )
        for together, size in GRID:
            batches = Batches(pairs, profiles, versions, size, 0, together)
            cost = step_costs(batches, space, settings, max(1, steps * 2048 // size))
            total = cost["gather"] + cost["forward"] + cost["backward"]
            share = cost["operations"] / total * 1e6 / 1e9 / peak
            print(
                f"{together:8} {size:7,} {cost['users']:7,.0f} {cost['gather']:18.2f} {cost['forward']:8.2f} "
                f"{cost['backward']:16.2f} {1e6 / total:9,.0f} {share:15.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
