"""How fast every pair is scored: rows gathered, as for candidates, against all items in a row.

    python benchmarks/gold_speed.py PREPARED TRAINED [--users 64] [--items 20000]

Prints pairs per CPU second of `Nets.logits`, of `Nets.every_logit`, and of the gold standard, which also
keeps the best 1,000. Each is timed twice, and the faster one counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import sparse

from dlrs.comparing.gold import all_pairs, embed_catalogue, some_users
from dlrs.evaluation.gold_standard import AllPairs, best_of_all
from dlrs.judging.at_cut import headline_test
from dlrs.model.forward import ItemHalves, load_nets
from dlrs.prepared import open_prepared

KEEP = 1000


def some_pairs(prepared_folder: Path, trained: Path, users: int, items: int) -> AllPairs:
    prepared = open_prepared(prepared_folder)
    test = some_users(headline_test(prepared), users, prepared.recipe.evaluation.seed)
    nets = load_nets(trained / "validated")
    pairs = all_pairs(prepared, test, nets, embed_catalogue(prepared, test, nets))
    return AllPairs(
        pairs.nets,
        pairs.users_U,
        pairs.users,
        pairs.items_A[:items],
        ItemHalves(pairs.items.half_NL[:items], pairs.items.wide_N[:items]),
        sparse.csr_array(pairs.known_UA[:, :items]),
    )


def rate(pairs: AllPairs, run: Callable[[], object]) -> float:
    """Return pairs per CPU second."""
    seconds = []
    for _ in range(2):
        started = time.process_time()
        run()
        seconds.append(time.process_time() - started)
    return len(pairs.users_U) * len(pairs.items_A) / min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("trained", type=Path)
    parser.add_argument("--users", type=int, default=64)
    parser.add_argument("--items", type=int, default=20_000)
    options = parser.parse_args()
    pairs = some_pairs(options.prepared, options.trained, options.users, options.items)
    nets, users, items = pairs.nets, pairs.users, pairs.items
    rows_UA = np.tile(np.arange(len(pairs.items_A)), (len(pairs.users_U), 1))
    ways: dict[str, Callable[[], object]] = {
        "Nets.logits, rows gathered": lambda: nets.logits(users, items, rows_UA),
        "Nets.every_logit": lambda: nets.every_logit(users, items),
        f"the best {KEEP:,} kept": lambda: best_of_all(nets, users, items, pairs.known_UA, KEEP),
    }
    print(f"{len(pairs.users_U)} users × {len(pairs.items_A):,} items, {pairs.flops_a_pair:,} FLOP a pair")
    for name, run in ways.items():
        print(f"{name}: {rate(pairs, run) / 1e6:.2f} million pairs per CPU second")


if __name__ == "__main__":
    main()
