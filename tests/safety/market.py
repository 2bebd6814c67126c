"""A market as plain columns, small enough to bend at any place, and its files."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from conftest import marketplace_content

START = datetime(2019, 12, 23, tzinfo=UTC)
TRAIN_FROM, CUT = datetime(2020, 1, 6, tzinfo=UTC), datetime(2020, 1, 27, tzinfo=UTC)
DAYS = 42
SETTINGS: dict[str, dict[str, Any]] = {
    "samples": {"uniform": 1},
    "training": {"epochs": 1, "batch_size": 64},
    "baselines": {"hybrid_epochs": 1, "cf_iterations": 1},
    "evaluation": {"resamples": 10},
}

Columns = Mapping[str, Sequence[Any] | pa.Array]


@dataclass(frozen=True)
class Market:
    """Two tables by column, and the recipe's content."""

    items: Columns
    events: Columns
    content: dict[str, Any]

    def with_items(self, **columns: Sequence[Any] | pa.Array) -> Market:
        return replace(self, items={**self.items, **columns})

    def with_events(self, **columns: Sequence[Any] | pa.Array) -> Market:
        return replace(self, events={**self.events, **columns})

    def with_settings(self, section: str, **settings: Any) -> Market:
        """Change keys of one section of the recipe; dots lead into it."""
        content: dict[str, Any] = json.loads(json.dumps(self.content))
        inner = content
        for part in section.split("."):
            inner = inner.setdefault(part, {})
        inner |= settings
        return replace(self, content=content)

    def events_where(self, kept: Sequence[bool]) -> Market:
        return replace(
            self,
            events={n: [v for v, k in zip(c, kept, strict=True) if k] for n, c in self.events.items()},
        )

    def unmet_by(self, user: object) -> list[str]:
        """Return the ids of the items that a user never met."""
        pairs = zip(self.events["who"], self.events["which"], strict=True)
        met = {item for who, item in pairs if who == user}
        return sorted({str(item) for item in self.items["id"] if item not in met})

    def write(self, folder: Path) -> Path:
        """Write both tables and the recipe; return the recipe's file."""
        tables = self.content["marketplace"]
        for name, columns in (("items", self.items), ("events", self.events)):
            _write(columns, folder / tables[name]["table"])
        recipe = folder / "recipe.toml"
        recipe.write_text(_toml(self.content), encoding="utf-8")
        return recipe


def market(users: int = 6, items: int = 30) -> Market:
    """Each user looks at some item every other day, in two weeks of warm-up and four of the split."""
    rng = np.random.default_rng(0)
    events = [
        (f"u{user}", f"i{rng.integers(items)}", START + timedelta(days=day, minutes=user), did)
        for user in range(users)
        for day in range(0, DAYS, 2)
        for did in [rng.choice(["view", "contact"], p=[0.8, 0.2])]
    ]
    content = marketplace_content() | SETTINGS
    content["marketplace"] |= {
        "items": {"table": "items.parquet", "id": "id"},
        "events": {"table": "events.parquet", "user": "who", "item": "which", "time": "when", "type": "did"},
        "features": {"continuous": {"price": {}, "size": {}}, "categorical": ["colour", "kind"]},
    }
    return Market(
        items={
            "id": [f"i{n}" for n in range(items)],
            "price": [10.0 * n + 1 for n in range(items)],
            "size": [float(n % 5) for n in range(items)],
            "colour": [("red", "blue")[n % 2] for n in range(items)],
            "kind": [("car", "bus")[n // 2 % 2] for n in range(items)],
        },
        events=dict(zip(("who", "which", "when", "did"), map(list, zip(*events, strict=True)), strict=True)),
        content=content,
    )


def _write(columns: Columns, file: Path) -> None:
    if file.suffix == ".csv":
        with file.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([columns, *zip(*columns.values(), strict=True)])
    else:
        pq.write_table(pa.table(dict(columns)), file)


def _toml(content: Mapping[str, Any], name: str = "") -> str:
    """Return nested mappings as TOML: JSON spells values and names as TOML does. None is left out."""
    values = {
        key: value for key, value in content.items() if not isinstance(value, dict) and value is not None
    }
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    lines = [f"[{name}]"] if name else []
    lines += [f"{json.dumps(key, ensure_ascii=False)} = {json.dumps(value)}" for key, value in values.items()]
    for key, table in tables.items():
        inner = json.dumps(key, ensure_ascii=False)
        lines.append(_toml(table, f"{name}.{inner}" if name else inner))
    return "\n".join(lines)
