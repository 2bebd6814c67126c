"""Facts: what filters ask of live items: their raw features, as a table of a fixed form.

Numbers and times are float64, a categorical feature is text, a multi-valued one a list of texts. In the log
they are JSON, in a snapshot an Arrow file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

from dlrs.candidates.filtering.kinds import kinds_of
from dlrs.errors import DataError
from dlrs.schema import ITEM, Features

TYPES = {
    "number": pa.float64(),
    "time": pa.float64(),
    "value": pa.string(),
    "values": pa.list_(pa.string()),
}


def form_of(features: Features) -> pa.Schema:
    """Return the columns and their types: the ids, and all features that can be filtered by."""
    return pa.schema({name: TYPES[kind] for name, kind in kinds_of(features).items()})


def laid_out(ids: Sequence[str], facts: pa.Table | None, form: pa.Schema | None) -> pa.Table | None:
    """Return raw features in this form, with these ids; None where there are no filters.

    Raises:
        DataError: a feature is missing or of another kind, or there is not a row for each id.
    """
    if form is None or facts is None:
        if form is not None or facts is not None:
            had, has = ("none", "some") if form is None else ("a table of them", "none")
            raise _wrong(f"{had}, as when the index was created", has)
        return None
    if facts.num_rows != len(ids):
        raise _wrong(f"a row for each of {len(ids)} items", f"{facts.num_rows}")
    lacking = [name for name in form.names if name != ITEM and name not in facts.column_names]
    if lacking:
        raise _wrong(f"a column '{lacking[0]}'", f"columns {', '.join(facts.column_names)}")
    columns = {name: pa.array(ids, pa.string()) if name == ITEM else facts[name] for name in form.names}
    try:
        return pa.table(columns).cast(form)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _wrong(f"columns of the types {form.types}", str(error)) from error


def to_json(facts: pa.Table) -> list[str]:
    """Return a text for each row, nulls left out."""
    return [
        json.dumps({name: value for name, value in record.items() if value is not None})
        for record in facts.to_pylist()
    ]


def from_json(texts: Sequence[str | None], form: pa.Schema) -> pa.Table:
    """Return the rows that were made texts; nothing is known where there is none."""
    return pa.Table.from_pylist([json.loads(text) if text else {} for text in texts], schema=form)


def _wrong(expected: str, received: str) -> DataError:
    return DataError(
        f"facts of live items: expected {expected}, received {received}. None of the items was taken."
    )
