"""Assignment of users to items: the linear program and the auction, by size.

    python benchmarks/assignment.py

Values are heavy-tailed, users' items drawn by popularity (Pareto), 100 places an item unless said otherwise.
"""

from __future__ import annotations

import time

import numpy as np

from dlrs.recsys2017.assignment import assign

SIZES = [  # users, items, pairs a user, places, whether the program is solved, too
    (500, 100, 20, 5, True),
    (2_500, 500, 20, 5, True),
    (10_000, 2_000, 20, 5, True),
    (75_000, 17_000, 50, 100, False),
    (75_000, 17_000, 100, 100, False),
    (75_000, 17_000, 100, 5, False),
]


def offered(users: int, items: int, each: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distinct pairs and what they are worth."""
    rng = np.random.default_rng(0)
    popularity = rng.pareto(1.2, items) + 0.1
    item = rng.choice(items, users * each, p=popularity / popularity.sum())
    keys = np.unique(np.repeat(np.arange(users), each) * items + item)
    user, item = np.divmod(keys, items)
    liking = rng.random(items)[item]
    return user, item, np.exp(2 * liking + rng.normal(size=len(user)))


def main() -> None:
    """Print a line for each size."""
    for users, items, each, places, both in SIZES:
        user, item, value = offered(users, items, each)
        for exact in (len(user), 0) if both else (0,):
            began = time.process_time()
            found = assign(user, item, value, places, exact=exact)
            spent = time.process_time() - began
            how = "program" if exact else "auction"
            print(
                f"{users:,} users, {items:,} items, {places} places, {len(user):,} pairs, {how}: "
                f"{found.value:,.1f} of at most {found.bound:,.1f}, {spent:.2f} s of processor",
                flush=True,
            )


if __name__ == "__main__":
    main()
