"""What a column's name says."""

from __future__ import annotations

import re

from dlrs.inference.columns import Seen


def speaks_of(column: Seen, word: str) -> bool:
    """Tell whether a column's name has the word as one of its own: lastSeen and last_seen have "seen"."""
    name = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column.name).lower())
    return f"_{word}_" in f"_{name}_" or (len(word) > 4 and word in name)
