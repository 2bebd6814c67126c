"""The tables: where they are and which of their columns plays which part."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from dlrs.schema.description import Description, TimeFormat
from dlrs.schema.features import Features

TableName = Annotated[
    str,
    Field(
        description="file in the data folder (.parquet, .csv, .tsv, .jsonl), what the recipe's `sql` made, "
        "or table of the database"
    ),
]
Database = Annotated[
    str,
    Field(
        description="SQLite file (sqlite:///shop.db) or PostgreSQL URL; environment variables are expanded"
    ),
]
Missing = Annotated[
    tuple[str, ...],
    Field(
        description="what stands in a cell that is as good as empty: 'N/A', '-1', '0000-00-00'. Any other "
        "cell that cannot be read stays an error, so that a wrong format never passes for missing values"
    ),
]


class ItemTable(Description):
    """Where the item ads are: one row per item, or one per version of an item."""

    table: TableName
    database: Database | None = None
    missing: Missing = ()
    id: str = Field(description="column with the item's id")
    valid_from: str | None = Field(
        default=None,
        description="column: from when the row holds; none, or an empty cell: from always. Where ads have "
        "versions no cell may be empty",
    )
    valid_to: str | None = Field(
        default=None, description="column: until when it holds; none, or an empty cell: until the next row"
    )
    time_format: TimeFormat | None = None
    version: str | None = Field(default=None, description="column with the version's name, if ads change")
    operation: str | None = Field(
        default=None,
        description="column with what was done to the item: create (or insert), update, delete; delete ends "
        "its life, anything else is an error",
    )

    @property
    def has_versions(self) -> bool:
        """Whether the table names the versions of its ads, or what was done to them."""
        return self.version is not None or self.operation is not None

    @model_validator(mode="after")
    def _versions_need_time(self) -> Self:
        if self.valid_from is None and self.has_versions:
            raise ValueError("'version' and 'operation' need 'valid_from': from when does a row hold?")
        return self


class EventTable(Description):
    """Where the log of interactions is."""

    table: TableName
    database: Database | None = None
    missing: Missing = ()
    user: str = Field(description="column with the user's id")
    item: str = Field(description="column with the item's id")
    time: str = Field(description="column with the time; without a zone it is read as UTC")
    time_format: TimeFormat | None = None
    type: str | None = Field(default=None, description="column with the interaction type")
    version: str | None = Field(
        default=None, description="column with the item version that the user saw; else joined by time"
    )
    id: str | None = Field(
        default=None, description="column with the event's id, unique for ever: a repeated one is left out"
    )


class UserTable(Description):
    """Where users are described by features of their own, one row a user. Most marketplaces have none."""

    table: TableName
    database: Database | None = None
    missing: Missing = ()
    id: str = Field(description="column with the user's id")
    features: Features
