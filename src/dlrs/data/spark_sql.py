"""Spark's SQL: what our expressions are called there.

Ibis writes the same expression for both engines. Where Spark means something else by the same word (it takes
'1d' for a number, '2017' for a time and a separator for a regular expression) or has no such word, this
module says it so that the result is DuckDB's.
"""

from __future__ import annotations

import calendar
import re
from typing import Any

import ibis.expr.datatypes as dt
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from sqlglot import parse_one

from dlrs.errors import DataError

SQL = Any  # a sqlglot expression

NUMBER = r"(?i)^\s*[+-]?(\d+\.?\d*(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?|inf|infinity|nan)\s*$"
ISO = (
    r"^\d{4,6}-\d{1,2}-\d{1,2}"
    r"([T ]\d{1,2}:\d{1,2}(:\d{1,2}(\.\d{1,9})?(Z|[+-]\d{2}(:?\d{2})?| UTC)?)?)?$"
)
MARK = "\x01"
"""Before the number of a month that stood there by its name."""

FIELDS = {
    "Y": r"(\d{4})",
    "m": r"(\d{1,2})",
    "d": r"(\d{1,2})",
    "H": r"(\d{1,2})",
    "M": r"(\d{1,2})",
    "S": r"(\d{1,2})",
    "f": r"(\d{1,6})",
    "z": r"([+-]\d{2}(?::?\d{2})?)",
    "b": MARK + r"(\d{1,2})",
    "B": MARK + r"(\d{1,2})",
}
"""The directives of a time format that can be read, each as a group of a regular expression."""

MONTHS = {"b": calendar.month_abbr, "B": calendar.month_name}


DECIMAL = r"""
CASE
WHEN NOT contains(:number, 'E') THEN replace(lower(:number), 'infinity', 'inf')
WHEN try_cast(substring_index(:number, 'E', -1) AS INT) BETWEEN -4 AND 15
THEN regexp_replace(cast(try_cast(:number AS DECIMAL(38, 22)) AS STRING), '([.]\\d+?)0+$', '$1')
ELSE concat(
    regexp_replace(substring_index(:number, 'E', 1), '[.]0$', ''),
    format_string('e%+03d', try_cast(substring_index(:number, 'E', -1) AS INT)))
END
"""
"""A number in Java's way, as DuckDB writes it: 1.0E-5 as 1e-05, 1.25E7 as 12500000.0."""


class SparkSQL(PySparkCompiler):  # type: ignore[misc]
    """Ibis's compiler for Spark, with our meaning of casts, splits, times and the functions that it lacks."""

    def visit_TryCast(self, op: Any, *, arg: SQL, to: dt.DataType) -> SQL:
        """Take for a number or a time what DuckDB takes for one."""
        if op.arg.dtype.is_string():
            if to.is_floating():
                arg = self._where_like(arg, NUMBER)
            elif to.is_timestamp():
                arg = self._where_like(arg, ISO)
        elif op.arg.dtype.is_floating() and to.is_integer():
            arg = self.f.rint(arg)
        return super().visit_TryCast(op, arg=arg, to=to)

    def visit_Cast(self, op: Any, *, arg: SQL, to: dt.DataType) -> SQL:
        """Write numbers with fractions, and moments, as DuckDB writes them."""
        text = super().visit_Cast(op, arg=arg, to=to)
        if not to.is_string():
            return text
        if op.arg.dtype.is_floating():
            return self._decimal(text)
        return self.f.concat(text, "+00") if getattr(op.arg.dtype, "timezone", None) else text

    def visit_StringSplit(self, op: Any, *, arg: SQL, delimiter: SQL) -> SQL:
        """Split at a text, not at a regular expression."""
        return self.f.split(arg, sge.convert(re.escape(_literal(delimiter))))

    def visit_ExtractEpochSeconds(self, op: Any, *, arg: SQL) -> SQL:
        """Keep the fractions of a second."""
        return self.f.unix_micros(self.cast(arg, dt.timestamp)) / sge.convert(1e6)

    def visit_WindowFunction(self, op: Any, **parts: Any) -> SQL:
        """Number rows in 64 bits."""
        window = super().visit_WindowFunction(op, **parts)
        return self.cast(window, op.dtype) if op.dtype.is_integer() else window

    def visit_ScalarUDF(self, op: Any, **arguments: SQL) -> SQL:
        """Say our own functions (`cells`) in Spark's words."""
        match op.__func_name__:
            case "try_strptime":
                return self._strptime(*arguments.values())
            case "make_timestamp":
                return self.f.timestamp_micros(*arguments.values())
            case "text_list":
                return self.f.from_json(*arguments.values(), sge.convert("array<string>"))
        return super().visit_ScalarUDF(op, **arguments)

    def _where_like(self, arg: SQL, pattern: str) -> SQL:
        return self.if_(self.f.rlike(arg, sge.convert(pattern)), arg, sge.null())

    def _decimal(self, number: SQL) -> SQL:
        return sge.replace_placeholders(parse_one(DECIMAL, dialect="spark"), number=number)

    def _strptime(self, text: SQL, pattern: SQL) -> SQL:
        """Put the parts in the order of ISO 8601, or nothing where the text is not in the pattern."""
        pattern_text = _literal(pattern)
        for directive in re.findall("%-?([bB])", pattern_text):
            for number, month in enumerate(MONTHS[directive]):
                if number > 0:
                    name = sge.convert(rf"(?i)(?<!\p{{L}}){month}(?!\p{{L}})")
                    text = self.f.regexp_replace(text, name, sge.convert(f"{MARK}{number}"))
        expression, iso = _as_iso(pattern_text)
        return sge.TryCast(
            this=self.f.regexp_replace(text, sge.convert(expression), sge.convert(iso)),
            to=self.type_mapper.from_ibis(dt.timestamp),
            safe=True,
        )


def _literal(argument: SQL) -> str:
    return str(argument.this)


def _as_iso(pattern: str) -> tuple[str, str]:
    """Return a regular expression for a time format, and what its groups are in ISO 8601.

    A text in another format is matched by a last alternative without groups, which leaves no time at all.

    Raises:
        DataError: the format has a part that is not read on Spark.
    """
    groups: dict[str, str] = {}
    expression = ""
    for directive, other in re.findall(r"%-?([a-zA-Z%])|([^%]+)", pattern):
        if directive in FIELDS:
            expression += FIELDS[directive]
            groups[directive.replace("b", "m").replace("B", "m")] = f"${len(groups) + 1}"
        elif directive and directive != "%":
            raise DataError(
                f'time_format = "{pattern}": on Spark expected only {", ".join(f"%{d}" for d in FIELDS)}, '
                f"received %{directive}. Write the column in another format, or prepare with --engine duckdb."
            )
        else:
            expression += re.sub(r"(?:\\ )+", r"\\s+", re.escape(other or "%"))
    date = f"{groups.get('Y', '1900')}-{groups.get('m', '1')}-{groups.get('d', '1')}"
    time = f"{groups.get('H', '0')}:{groups.get('M', '0')}:{groups.get('S', '0')}.{groups.get('f', '0')}"
    return rf"(?s)^(?:\s*{expression}\s*|.*)$", f"{date} {time}{groups.get('z', '')}"
