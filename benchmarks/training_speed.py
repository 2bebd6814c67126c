"""How fast the networks train, what the parts of a step cost beside RankNet alone, and scoring.

    OMP_NUM_THREADS=1 python benchmarks/training_speed.py [--pairs 400000] [--rounds 15]

The network is the thesis's: 6 continuous and 15 categorical features with 3,271 values, here
with about 100 entries a user, batches of 2,048 pairs. Data are synthetic. All parts are timed in
turn in every round, in processor time, so that the ratios hold though a shared machine is slower at
times; the figures are medians over the rounds. Without the variable, OpenMP threads spin while they
wait, and a second busy program makes training 20 times slower.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from dlrs.arrays import Ints
from dlrs.features.rows import EncodedRows, FeatureSpace
from dlrs.model.bags import sum_bags
from dlrs.model.forward import Nets
from dlrs.model.network import Network, without_torch
from dlrs.model.objectives import single
from dlrs.model.tower import Representation, row_tensors
from dlrs.samples.batches import Batch, Batches
from dlrs.samples.pairs import Pairs
from dlrs.settings.training import Training
from dlrs.training.loop import batch_losses, train
from dlrs.training.run import Run

SIZES_F = (2, 6, 5, 12, 4, 20, 4, 7, 60, 2700, 5, 9, 210, 224, 3)  # 3,271 values
ENTRIES_F = (2, 5, 4, 8, 3, 8, 3, 5, 12, 24, 4, 6, 8, 7, 2)  # of a user: 101
SPACE = FeatureSpace(tuple("abcdef"), tuple(map(str, range(15))), SIZES_F)
USERS, ITEMS = 10_000, 50_000
SETTINGS = Training(objective="multi-cos", epochs=1)


def synthetic_rows(
    count: int, entries_F: tuple[int, ...], numbers: int, rng: np.random.Generator
) -> EncodedRows:
    """Return rows with so many entries of each feature, in consecutive columns from a random one."""
    F = len(SIZES_F)
    lengths: Ints = np.tile(np.array(entries_F), count)
    bag_E = np.repeat(np.arange(count * F), lengths)
    within_E = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    first = rng.integers(0, np.array(SIZES_F) - entries_F + 1, (count, F)).ravel()
    columns_E = SPACE.starts_F[bag_E % F] + first[bag_E] + within_E
    return EncodedRows(
        continuous_NC=rng.normal(size=(count, numbers)).astype(np.float32),
        offsets=np.concatenate(([0], np.cumsum(lengths))),
        columns_E=columns_E.astype(np.int32),
        weights_E=(1 / np.repeat(lengths, lengths)).astype(np.float32),
    )


def torch_bags(
    table: torch.Tensor, columns: torch.Tensor, weights: torch.Tensor, offsets: torch.Tensor
) -> torch.Tensor:
    return functional.embedding_bag(
        columns, table, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True
    )


def parts(batches: Batches) -> dict[str, Callable[[Ints, Batch], object]]:
    """Return the parts of a step, each as a function of a batch and of the rows of its pairs."""
    network = Network(SPACE).train()
    run = Run.begin(network, SETTINGS)
    embedding_BD, wide_B = torch.randn(batches.size, SPACE.width), torch.zeros(batches.size)
    users = items = Representation(embedding_BD, wide_B)
    labels_B = torch.ones(batches.size)

    def rank_net(_: Ints, __: Batch) -> None:
        single(network.rank_net(users, items), labels_B).total.backward()

    def towers(_: Ints, batch: Batch) -> None:
        outputs = *network.user_net(row_tensors(batch.users)), *network.item_net(row_tensors(batch.items))
        torch.stack([output.sum() for output in outputs]).sum().backward()

    def bags(of: Callable[..., torch.Tensor]) -> Callable[[Ints, Batch], None]:
        def both(_: Ints, batch: Batch) -> None:
            _, offsets, columns_E, weights_E = row_tensors(batch.users)
            of(network.user_net.table, columns_E, weights_E, offsets).sum().backward()

        return both

    def step(rows_B: Ints, _: Batch) -> None:
        run.descend(batch_losses(network, batches.at(rows_B), SETTINGS))

    return {
        "RankNet alone": rank_net,
        "both towers": towers,
        "gather the batch": lambda rows_B, _: batches.at(rows_B),
        "whole step": step,
        "a bag's sums and gradient, torch's": bags(torch_bags),
        "a bag's sums and gradient, ours": bags(sum_bags),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    profiles = synthetic_rows(USERS, ENTRIES_F, 12, rng)
    versions = synthetic_rows(ITEMS, (1,) * 15, 6, rng)
    P = options.pairs
    labels_P = (rng.random(P) < 0.5).astype(np.float32)
    pairs = Pairs(rng.integers(0, USERS, P), rng.integers(0, ITEMS, P), labels_P, np.zeros(P, dtype=np.int64))
    batches = Batches(pairs, profiles, versions, SETTINGS.batch_size, 0)
    print(
        f"{os.cpu_count()} cores, torch on {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}"
    )
    print(
        f"{len(profiles.columns_E) / USERS:.0f} entries a user, |e| = {SPACE.width}, {SETTINGS.objective}\n"
    )

    functions = parts(batches)
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for round_ in range(options.rounds + 1):
        rows_B = rng.integers(0, P, batches.size)
        batch = batches.at(rows_B)
        for name, function in functions.items():
            started = time.process_time()
            function(rows_B, batch)
            seconds[name].append(time.process_time() - started)
        if round_ == 0:  # the first one warms up
            seconds = {name: [] for name in functions}

    alone = np.array(seconds["RankNet alone"])
    print(f"{'part (forward and backward)':38}{'ms':>8}{'pairs/s':>12}{'× RankNet alone':>18}")
    for name, times in seconds.items():
        median, ratio = np.median(times), np.median(np.array(times) / alone)
        print(f"{name:38}{median * 1e3:8.1f}{batches.size / median:12,.0f}{ratio:18.2f}")

    with tempfile.TemporaryDirectory() as folder:
        wall, processor = time.perf_counter(), time.process_time()
        train(pairs, profiles, versions, SPACE, SETTINGS, folder=Path(folder))
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"\ntrain(), one epoch of {P:,} pairs, all included: {wall:.1f} s, {P / wall:,.0f} pairs/s;")
    print(f"of processor time {processor:.1f} s, {P / processor:,.0f} pairs/s")
    scoring(without_torch(Network(SPACE)), profiles, versions, rng)


def scoring(nets: Nets, profiles: EncodedRows, versions: EncodedRows, rng: np.random.Generator) -> None:
    """Print what the same networks cost without torch: many users at once, and one."""
    users, halves = nets.embed_users(profiles), nets.item_halves(nets.embed_items(versions))
    rows_UT = rng.integers(0, ITEMS, (2000, 1000))
    started = time.perf_counter()
    nets.logits(users.take(np.arange(2000)), halves, rows_UT)
    took = time.perf_counter() - started
    print(
        f"\nwithout torch, 2,000 users × 1,000 candidates: {took:.1f} s, {rows_UT.size / took:,.0f} pairs/s"
    )
    times = []
    for user in range(200):
        started = time.perf_counter()
        one = nets.embed_users(profiles.take(np.array([user])))
        nets.logits(one, halves, rows_UT[user : user + 1])
        times.append(time.perf_counter() - started)
    print(f"one user from his profile to 1,000 logits: median {np.median(times) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
