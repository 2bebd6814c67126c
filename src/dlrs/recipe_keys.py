"""The keys of a recipe, as its classes describe them: for docs/recipe.md, and for keys that are none."""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo

from dlrs.schema import Description, written

NAME = "NAME"
"""Stands for the name of a column where a table has a table for each."""

HEAD = """# The recipe

<!-- Written by `dlrs.recipe_keys.page` from the classes of the recipe; a test says how to write it anew. -->

All keys of a recipe (TOML), table by table; [your own marketplace](your-own-marketplace.md) shows where one
comes from, [recipes/](../recipes) has examples. A duration is a whole number of days, hours or minutes:
`"30d"`, `"12h"`, `"15m"`. A time has its zone: `2017-10-14T03:00:00Z`. `NAME` is the name of a column.
"""

WORDS: dict[Any, str] = {
    str: "text", int: "whole number", float: "number", bool: "true or false", timedelta: "duration",
    datetime: "time",
}  # fmt: skip
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "a multiple of"}


def unknown_key(recipe: type[Description], place: Sequence[str | int]) -> str:
    """Return what is wrong with a key that its table does not have.

    Args:
        recipe: the class of the whole.
        place: the key behind the names of the tables around it.
    """
    *path, key = map(str, place)
    tables = {name: table for name, table, _ in _tables(recipe)}
    around = next((table for name, table in tables.items() if _is_at(name, path)), recipe)
    near = difflib.get_close_matches(key, around.model_fields, n=1)
    elsewhere = [f"[{name}]" for name, table in tables.items() if name and key in table.model_fields]
    says = f"unknown key; did you mean '{near[0]}'?" if near else "unknown key."
    if elsewhere:
        says += f" There is one of that name in {', '.join(elsewhere[:3])}."
    return f"{says} The keys here: {', '.join(around.model_fields)}"


def page(recipe: type[Description]) -> str:
    """Return the page of all keys, in Markdown."""
    parts, shown = [HEAD], dict[type[Description], str]()
    for name, table, part in _tables(recipe):
        parts.append(f"## [{name}]\n" if name else "## At the top\n")
        first = shown.setdefault(table, name)
        if first != name:
            parts.append(f"As [{first}].\n")
            continue
        parts.append((inspect.getdoc(table) or "").split("\n\n")[0] + "\n")
        if part is not None and part.description:
            parts.append(f"(Of this table: {part.description}.)\n")
        rows = [_row(key, field) for key, field in table.model_fields.items() if not _tables_of(field)]
        if rows:
            parts.append(
                "\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *rows]) + "\n"
            )
    return "\n".join(parts)


def _tables(
    table: type[Description], name: str = "", part: FieldInfo | None = None
) -> Iterator[tuple[str, type[Description], FieldInfo | None]]:
    """Yield the name of each table of a recipe, its class, and the key that holds it; in their order."""
    yield name, table, part
    for key, field in table.model_fields.items():
        for inner, step in _tables_of(field):
            yield from _tables(inner, f"{name}.{key}{step}".removeprefix("."), field)


def _tables_of(field: FieldInfo) -> list[tuple[type[Description], str]]:
    """Return the class of a table that a key holds, and what follows the key in its name."""
    found = []
    for part in _alternatives(field.annotation):
        if isinstance(part, type) and issubclass(part, Description):
            found.append((part, ""))
        elif get_origin(part) is dict:
            found.append((get_args(part)[1], f".{NAME}"))
    return found


def _is_at(name: str, path: Sequence[str]) -> bool:
    parts = name.split(".") if name else []
    return len(parts) == len(path) and all(
        ours in (NAME, theirs) for ours, theirs in zip(parts, path, strict=True)
    )


def _row(key: str, field: FieldInfo) -> str:
    cells = (f"`{key}`", _value(field), _default(field), _meaning(field))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(field: FieldInfo) -> str:
    bounds = [
        f"{sign} {bound:g}"
        for limit in field.metadata
        if isinstance(limit, annotated_types.BaseMetadata)
        for name, sign in BOUNDS.items()
        if isinstance(bound := getattr(limit, name, None), int | float)
    ]
    return ", ".join([_in_words(field.annotation), *bounds])


def _in_words(annotation: Any) -> str:
    """Say what kind of value a type is."""
    parts = _alternatives(annotation)
    if len(parts) > 1:
        return " or ".join(map(_in_words, parts))
    plain = parts[0]
    if get_origin(plain) is Literal:
        return ", ".join(f'`"{value}"`' for value in get_args(plain))
    if get_origin(plain) is tuple:
        return f"list: {_in_words(get_args(plain)[0])}"
    return WORDS[plain]


def _alternatives(annotation: Any) -> list[Any]:
    """Return the types that a value may have, without what is annotated to them; nothing is none."""
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [part for inner in get_args(annotation) for part in _alternatives(inner)]
    return [] if annotation is type(None) else [annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return ""
    return f"`{json.dumps(value, ensure_ascii=False, default=lambda v: written(v))}`"


def _meaning(field: FieldInfo) -> str:
    """Return a key's description, or that of its type."""
    if field.description:
        return field.description
    pending, found = [field.annotation], ""
    while pending and not found:
        part = pending.pop()
        found = next((m.description for m in getattr(part, "__metadata__", ()) if _describes(m)), "")
        pending += get_args(part)
    return found


def _describes(metadata: object) -> bool:
    return isinstance(metadata, FieldInfo) and bool(metadata.description)
