"""The thesis's own figures, to stand beside a data set's [T §5.1, method §7].

Keys are the fields of `statistics.Stretch` and `Spread`. It judges 100,000 registered users; its test
counts the pairs that are new.
"""

from __future__ import annotations

from collections.abc import Mapping

TRAIN: Mapping[str, int] = {
    "interactions": 14_133_620,
    "pairs": 6_474_853,
    "users": 100_000,
    "items": 1_711_190,
}
TEST: Mapping[str, int] = {
    "interactions": 3_159_619,
    "new_pairs": 1_374_153,
    "users": 65_870,
    "cold_users": 142,
    "items": 684_319,
    "cold_items": 196_029,
}
SPREADS: Mapping[str, Mapping[str, float]] = {
    "pairs_per_user": {"mean": 65, "median": 30, "most": 5235},
    "pairs_per_item": {"mean": 4.3, "median": 2, "most": 768},
}
TOP_SHARES = ((0.01, 0.10), (0.10, 0.43))
"""(share of the items, share of the interactions that they draw)."""

ACCURACY = (0.79, 0.82)
"""Of its networks, on balanced labels at p̂ > 0.5."""
