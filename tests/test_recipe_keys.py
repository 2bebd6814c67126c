"""The page of all keys says what the classes of the recipe say."""

from __future__ import annotations

from pathlib import Path

from dlrs.recipe import Recipe
from dlrs.recipe_keys import page

PAGE = Path(__file__).parents[1] / "docs" / "recipe.md"
WRITE = "from dlrs.recipe import Recipe; from dlrs.recipe_keys import page; print(page(Recipe), end='')"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(Recipe), f'write it anew: python -c "{WRITE}" > {PAGE}'


def test_each_key_stands_there_with_its_value_its_default_and_its_meaning() -> None:
    written = page(Recipe)
    tables = {part.partition("\n")[0]: part for part in written.split("## ")[1:]}
    assert '| `refresh` | duration | `"7d"` | from one profile' in tables["[marketplace.profiles]"]
    assert "| `id` | text | required | column with the item's id |" in tables["[marketplace.items]"]
    assert '| `index` | `"annoy"`, `"exact"`,' in tables["[candidates]"]
    assert "| `dropout` | number, ≥ 0, < 1 | `0.5` |" in tables["[training]"]
    assert (
        "| `database` | text |  | SQLite file" in tables["[marketplace.events]"]
    )  # its type has the meaning
    assert "if users have features of their own" in tables["[marketplace.users]"]
    assert "| `min` | number or time |" in tables["[marketplace.users.features.continuous.NAME]"]
    assert tables["[marketplace.features.text.NAME]"].endswith(
        "As [marketplace.users.features.text.NAME].\n\n"
    )
    assert "|  |\n" not in written  # no key without its meaning
