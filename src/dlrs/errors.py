"""Every error that dlrs raises on purpose.

DlrsError
├── SchemaError     the description of the marketplace or of the run is wrong
├── DataError       a table does not hold what the schema promises
├── ArtifactError   a folder written by dlrs is missing, damaged or of another kind
├── RequestError    what was asked of a recommender cannot be understood
├── WrongBundle     a service does not hold the bundle that a request is about
├── Unavailable     a service or a database does not answer now
├── StorageFull     a database has no room for a write; reads go on
└── MissingExtra    an optional dependency is not installed

Each message says where, what was expected, what came, and how to mend it. The command line
prints it without a traceback and exits with 2.
"""

from __future__ import annotations

from collections.abc import Sequence


class DlrsError(Exception):
    """Base of all errors that a user can mend."""


class SchemaError(DlrsError):
    """The TOML that describes a marketplace or a run is wrong."""


class DataError(DlrsError):
    """A table does not hold what the schema promises."""

    @classmethod
    def at(
        cls, *, file: str, column: str | None, row: int | None, expected: str, received: str, mend: str
    ) -> DataError:
        """Build the message from its parts. `row` counts data rows from 1, without a header."""
        place = file
        if column is not None:
            place += f", column '{column}'"
        if row is not None:
            place += f", row {row}"
        return cls(f"{place}: expected {expected}, received {received}. {mend}")


class ArtifactError(DlrsError):
    """A folder written by dlrs is missing, damaged, or not of the kind asked for."""


class RequestError(DlrsError):
    """What was asked of a recommender cannot be understood: an unknown feature, a range upside down."""


class WrongBundle(DlrsError):  # noqa: N818 - reads as what it is
    """A service does not hold the bundle that a request is about; `held` names those that it does."""

    def __init__(self, asked: str, held: Sequence[str]) -> None:
        super().__init__(
            f"bundle: expected one of those held here ({', '.join(held) or 'none yet'}), received '{asked}'. "
            "Ask again with one of these."
        )
        self.asked, self.held = asked, tuple(held)


class Unavailable(DlrsError):  # noqa: N818 - reads as what it is
    """A service or a database does not answer now; the same may be asked again soon."""


class StorageFull(DlrsError):  # noqa: N818 - reads as what it is
    """A database has no room for a write. Nothing of it was done; reads go on."""


class MissingExtra(DlrsError):  # noqa: N818 - reads as what it is
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed. Install it with: pip install 'dlrs[{extra}]'")
