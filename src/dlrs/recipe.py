"""Recipe: a marketplace and how to learn from it, in one TOML that maps 1:1 to these classes."""

from __future__ import annotations

import os
import string
import tomllib
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from dlrs.errors import SchemaError
from dlrs.recipe_keys import unknown_key
from dlrs.schema import USER, Description, Features, Marketplace
from dlrs.settings.baselines import Baselines
from dlrs.settings.candidates import Candidates
from dlrs.settings.evaluation import Evaluation, Prequential
from dlrs.settings.training import History, Samples, Training

DATA_VARIABLE = "DLRS_DATA"
SQL_SUFFIX = ".sql"


class Recipe(Description):
    """A whole run."""

    data: str = Field(description="data folder, relative to the recipe's; $DLRS_DATA is expanded")
    sql: str | None = Field(
        default=None,
        description="file beside the recipe (.sql), or statements. DuckDB runs them in the data folder "
        "before it reads; what tables and views they make can be named as `table`",
    )
    marketplace: Marketplace
    samples: Samples = Samples()
    training: Training = Training()
    history: History = History()
    candidates: Candidates = Candidates()
    baselines: Baselines = Baselines()
    evaluation: Evaluation = Evaluation()
    prequential: Prequential = Prequential()

    @model_validator(mode="after")
    def _negatives_are_there(self) -> Self:
        asked = {
            "samples.passed_by": self.samples.passed_by,
            "history.passed_negatives": self.history.passed_negatives,
        }
        for name, count in asked.items():
            if count and not self.marketplace.negative_types:
                raise ValueError(
                    f"{name}: expected negative_types in the marketplace to draw from, received none"
                )
        return self

    @model_validator(mode="after")
    def _ids_are_asked_for(self) -> Self:
        if self.lists_user_ids and self.training.network == "history" and not self.history.wants_ids:
            raise ValueError(
                f"users.features: expected no {USER} for a history network without ids of users, received "
                "it. Set user_ids = true under [history], or leave the feature out."
            )
        return self

    @property
    def needs_histories(self) -> bool:
        """Whether candidates or networks ask what users met."""
        return self.candidates.needs_histories or self.training.network == "history"

    @property
    def lists_user_ids(self) -> bool:
        """Whether the ids of users are among the features of their table."""
        users = self.marketplace.users
        return users is not None and USER in users.features.names

    @property
    def user_features(self) -> Features | None:
        """What users have of their own: features of their table, and their ids for the history network."""
        table = self.marketplace.users
        described = None if table is None else table.features
        if not (self.training.network == "history" and self.history.wants_ids):
            return described
        if described is None:
            return Features(categorical=(USER,))
        if USER in described.names:
            return described
        return described.model_copy(update={"categorical": (*described.categorical, USER)})

    @property
    def model(self) -> str:
        """What reports call the networks."""
        return "history" if self.training.network == "history" else self.training.objective


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        SchemaError: the file is missing, is no TOML, or holds a key or value that does not fit.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SchemaError(f"{path}: expected a recipe (TOML), received no such file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError) as error:
        raise SchemaError(f"{path}: expected a TOML file, received: {error}.") from error
    sql = content.get("sql")
    if isinstance(sql, str) and sql.endswith(SQL_SUFFIX):
        content["sql"] = _read_sql(path.parent / sql)
    return parse_recipe(content, source=str(path))


def _read_sql(file: Path) -> str:
    """Return the statements: a recipe that is kept somewhere else has no file beside it."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(f'sql = "{file.name}": expected the file {file}, received: {error}.') from error


def parse_recipe(content: dict[str, object], *, source: str) -> Recipe:
    """Check a recipe that was read already; `source` names it in errors."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        lines = [f"{source}: the recipe does not fit its schema."]
        for problem in error.errors():
            key = ".".join(str(part) for part in problem["loc"]) or "(whole file)"
            says = problem["msg"]
            if problem["type"] == "extra_forbidden":
                says = unknown_key(Recipe, problem["loc"])
            received = (
                "" if problem["type"] in ("missing", "value_error") else f", received {problem['input']!r}"
            )
            lines.append(f"  {key}: {says}{received}")
        raise SchemaError("\n".join(lines)) from error


def data_folder(recipe: Recipe, recipe_folder: Path) -> Path:
    """Return the folder that `data` names, after expanding environment variables in it.

    What begins with a variable is named by whoever runs the recipe: relative to where he runs it.
    """
    named = Path(expand_variables(recipe.data, key="data")).expanduser()
    return named.absolute() if recipe.data.startswith("$") else recipe_folder / named


def expand_variables(text: str, *, key: str) -> str:
    """Replace $NAME by the environment's value; `key` is what the recipe calls the text.

    Raises:
        SchemaError: a variable is not set, or a dollar sign does not begin a name.
    """
    try:
        return string.Template(text).substitute(os.environ)
    except KeyError as error:
        raise SchemaError(
            f'{key} = "{text}": the environment variable {error.args[0]} is not set. '
            f"Set it, for example: export {error.args[0]}=…"
        ) from error
    except ValueError as error:
        raise SchemaError(f'{key} = "{text}": write a dollar sign as $$ ({error}).') from error
