"""The challenge's five files in little, as they were distributed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

DAY = 86_400
START = 1_483_228_800  # 2017-01-01, UTC

USER_ROWS = [
    # as official.USERS: id, jobroles, career level, discipline, industry, …, wtcj, premium
    (1, "12,7", 3, 5, 9, "de", 4, 1, 2, 3, 1, "4,6", 0, 0),
    (2, "0", 0, 0, 0, "non_dach", 0, 0, 0, 0, 0, "", 1, 1),
    (3, "7", 3, 5, 9, "at", 2, "NULL", "", "NULL", 2, "6", 0, 0),
]
ITEM_ROWS = [
    # as official.ITEMS: id, title, career level, discipline, industry, country, is_payed, …, tags, created_at
    (10, "100,200", 3, 5, 9, "de", 1, 4, 48.1, 11.6, 1, "1,2,3", START),
    (11, "200", 2, 5, 9, "de", 0, 4, "NULL", "", 2, "0", START + 40 * DAY),
    (12, "", 1, 4, 8, "ch", 1, 0, 47.4, 8.5, 1, "", "NULL"),
    (13, "300", 1, 4, 8, "at", 0, 1, 48.2, 16.4, 1, "9", START + 90 * DAY),
]
EVENT_ROWS = [
    (1, 10, 0, START + DAY),
    (1, 10, 0, START + 2 * DAY),
    (1, 10, 1, START + 2 * DAY + 5),
    (1, 10, 1, START + 2 * DAY + 5),
    (1, 10, 1, START + 3 * DAY),
    (2, 10, 0, START + DAY),
    (2, 10, 4, START + 4 * DAY),
    (2, 11, 2, START + 5 * DAY),
    (3, 11, 5, START + 45 * DAY),
    (3, 12, 3, START + 46 * DAY),
]

Write = Callable[..., Path]


def table(name: str, columns: Mapping[str, str] | Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    prefix = f"recsyschallenge_v2017_{name}_final_anonym_training_export."
    lines = ["\t".join(prefix + column for column in columns)]
    lines += ["\t".join(map(str, row)) for row in rows]
    return "\n".join(lines) + "\n"
