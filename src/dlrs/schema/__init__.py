"""The description of a marketplace: its tables, features, rules and cuts, in one TOML.

Everything that names a column of the user's data names it here and nowhere else. The tables inside
dlrs use the constants of `columns`, so that no later stage knows what the user called things.
"""

from dlrs.schema.columns import (
    DELETE,
    EVENT,
    ITEM,
    LONGEST_ID,
    OPERATION,
    OPERATIONS,
    RESERVED,
    TIME,
    TYPE,
    USER,
    VALID_FROM,
    VALID_TO,
    VERSION,
)
from dlrs.schema.description import Description, Duration, Instant, written
from dlrs.schema.features import Continuous, Date, Features, MultiValued, Text
from dlrs.schema.marketplace import Marketplace, Profiles, Split
from dlrs.schema.tables import EventTable, ItemTable, UserTable

__all__ = [
    "DELETE",
    "EVENT",
    "ITEM",
    "LONGEST_ID",
    "OPERATION",
    "OPERATIONS",
    "RESERVED",
    "TIME",
    "TYPE",
    "USER",
    "VALID_FROM",
    "VALID_TO",
    "VERSION",
    "Continuous",
    "Date",
    "Description",
    "Duration",
    "EventTable",
    "Features",
    "Instant",
    "ItemTable",
    "Marketplace",
    "MultiValued",
    "Profiles",
    "Split",
    "Text",
    "UserTable",
    "written",
]
