"""Infer: from the files of a marketplace to a recipe that a newcomer can read and mend."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from dlrs.data import engine
from dlrs.data.sources import Source
from dlrs.errors import DataError
from dlrs.inference.columns import SeenTable, look_at
from dlrs.inference.cuts import guess_cuts
from dlrs.inference.features import Guesses, guess_features
from dlrs.inference.recency import HourlyCounts, choose_recent
from dlrs.inference.roles import Roles, find_roles
from dlrs.inference.windows import MINIMUM_EVENTS, choose_window
from dlrs.schema import RESERVED, written

MANY_IDS = 200_000
"""Items that are too many to have an embedding each."""

MANY_EVENTS = 1_000_000
"""From so many on the batches of the thesis are small enough to learn from."""

SHARE_OF_CANDIDATES = 0.1
"""Of the items: ranking more than these hardly changes the list."""


def infer_recipe(files: Sequence[Path], recipe_file: Path) -> str:
    """Return the text of a recipe for these tables, as `recipe_file` would hold it.

    Args:
        files: the item table and the log, in any order; a table of users as a third one.
        recipe_file: where it will stand: `data` is relative to its folder.

    Raises:
        DataError: a table cannot be read, or the tables are no items and events of them.
    """
    folders = {file.parent.absolute() for file in files}
    if len(files) < 2 or len(folders) > 1:
        shown = ", ".join(map(str, files))
        raise DataError(
            "schema infer: expected two or three files in one folder, the items and the events, "
            f"received {shown or 'none'}."
        )
    folder = folders.pop()
    with engine.connect() as connection:
        tables = [
            look_at(connection, Source(folder, file.name), f"table_{i}") for i, file in enumerate(files)
        ]
        roles = find_roles(tables)
        return _rendered(roles, folder, recipe_file)


def _rendered(roles: Roles, folder: Path, recipe_file: Path) -> str:
    events, items = roles.events, roles.items
    log_time = events[roles.event_time].times
    assert log_time is not None  # or it would not be the time of the log
    features = guess_features(items.columns, _taken(roles))
    user_features = _user_features(roles)
    count = items[roles.item_id].distinct
    cuts = guess_cuts(log_time.since.astimezone(UTC), log_time.until.astimezone(UTC))
    cuts, why_window = choose_window(cuts, events, roles.event_user, roles.event_time)
    recent, why_recent = choose_recent(cuts, HourlyCounts.of(events, roles.event_item, roles.event_time))
    text = _environment().get_template("recipe.toml.jinja").render(
        files=" and ".join(t.source.table for t in (items, events, *([roles.users] if roles.users else []))),
        recipe_name=recipe_file.name,
        data=os.path.relpath(folder, recipe_file.absolute().parent),
        name=folder.name,
        roles=roles,
        types=_types(roles),
        negatives_by=_negatives_by(features, items, count),
        item_time_format=_format_of(items, roles.valid_from or roles.valid_to),
        event_time_format=log_time.format,
        first_event=f"{log_time.since:%Y-%m-%d %H:%M}",
        last_event=f"{log_time.until:%Y-%m-%d %H:%M}",
        item_features=_with_id(features, roles, count),
        user_features=user_features,
        cuts=cuts,
        why_window=why_window,
        recent=recent,
        why_recent=why_recent,
        minimum_events=MINIMUM_EVENTS,
        is_small=events.rows < MANY_EVENTS,
        candidates=int(min(1000, max(100, SHARE_OF_CANDIDATES * count))),
        item_count=count,
    )  # fmt: skip
    return text.strip() + "\n"


def _with_id(features: Guesses, roles: Roles, count: int) -> Guesses:
    """Return the features and the item's id, which is one like any other where there are not too many."""
    if count > MANY_IDS:
        return features
    known = {roles.item_id: "the item itself: one that many met is told by more than its features"}
    left_out = {name: why for name, why in features.left_out.items() if name != roles.item_id}
    return replace(features, categorical=known | features.categorical, left_out=left_out)


def _taken(roles: Roles) -> dict[str, str]:
    parts = ["item_id", "valid_to", "version", "operation"]
    if not roles.items[roles.item_id].is_unique or roles.valid_from in RESERVED:
        parts.append("valid_from")  # else it tells an item's age
    return {column: part for part in parts if (column := getattr(roles, part)) is not None}


def _user_features(roles: Roles) -> Guesses | None:
    if roles.users is None or roles.user_id is None:
        return None
    return guess_features(roles.users.columns, {roles.user_id: "id"})


def _types(roles: Roles) -> list[str]:
    if roles.event_type is None:
        return ["view"]
    return list(roles.events[roles.event_type].common)


def _negatives_by(features: Guesses, items: SeenTable, count: int) -> str | None:
    """Return the category with the most values that still come often: as plausible as can be."""
    usable = [items[name] for name in features.categorical if items[name].filled >= 0.9 * items.rows]
    usable = usable or [items[name] for name in features.categorical]
    often = [column for column in usable if column.distinct * 20 <= count] or usable
    return max(often, key=lambda column: column.distinct).name if often else None


def _format_of(table: SeenTable, column: str | None) -> str | None:
    times = table[column].times if column else None
    return times.format if times else None


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dlrs", "inference"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["toml"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.filters["time"] = lambda time: time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    environment.filters["duration"] = lambda value: f'"{written(value)}"'
    return environment
