"""Reading: statements that are compiled once and run on the driver's own connection.

Through SQLAlchemy's `Connection.execute` a look-up of a few rows in SQLite costs 64 µs, so 14 µs, and 10 µs
where the pool is not asked for a connection each time.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ClauseElement,
    ColumnElement,
    Engine,
    Select,
    Text,
    any_,
    bindparam,
    func,
    select,
)

from dlrs.service.database.engines import PATIENCE
from dlrs.service.database.troubles import explained

Rows = list[Any]
KEPT = 4
"""Connections that stay with the reader, out of the pool's eight and ten more."""

TRIES = 32
"""After a server's restart each connection of the pool is found to be lost once. More than the pool has."""

Ask = Callable[..., Rows]
"""Takes a statement's parameters by name; lists are for `among`."""


@dataclass(frozen=True)
class Compiled:
    """A statement as text for the driver, and the parameters that it brings itself."""

    sql: str
    constants: Mapping[str, Any]

    @classmethod
    def of(cls, statement: ClauseElement, engine: Engine) -> Self:
        """Compile a statement for the database of an engine."""
        compiled = statement.compile(dialect=engine.dialect)
        return cls(str(compiled), {k: v for k, v in compiled.params.items() if v is not None})


class Lists:
    """How a statement takes a list: as one parameter, so that its text is the same for any length."""

    def __init__(self, engine: Engine) -> None:
        self._in_json = engine.dialect.name == "sqlite"

    def among(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """Return that a column of texts or numbers is in the list of this name."""
        if self._in_json:
            values = func.json_each(bindparam(name)).table_valued("value")
            return column.in_(select(values.c.value))
        kind = Text if isinstance(column.type, Text) else BigInteger
        return column == any_(bindparam(name, type_=ARRAY(kind)))

    def given(self, values: Sequence[str] | Sequence[int]) -> object:
        """Return what to hand over for a list."""
        return orjson.dumps(values).decode() if self._in_json else list(values)


class Reader:
    """Reads from one database; for all threads."""

    def __init__(self, engine: Engine, where: str) -> None:
        self._engine, self._where = engine, where
        self._idle: deque[Any] = deque()
        self.lists = Lists(engine)

    def close(self) -> None:
        """Give all connections back to the pool."""
        while self._idle:
            self._idle.pop().close()

    def prepared(self, statement: Select[Any]) -> Ask:
        """Return the statement as a function of its parameters that returns all rows."""
        compiled = Compiled.of(statement, self._engine)
        sql, constants = compiled.sql, compiled.constants
        given = self.lists.given

        def ask(**parameters: Any) -> Rows:
            try:
                for name, value in parameters.items():
                    if type(value) is list:
                        parameters[name] = given(value)
                every = {**constants, **parameters} if constants else parameters
                return self._rows(sql, every, until=time.monotonic() + PATIENCE)
            except Exception as error:
                told = explained(error, self._where)
                if told is None:
                    raise
                raise told from error

        return ask

    def _rows(self, sql: str, parameters: Mapping[str, Any], until: float, tries: int = TRIES) -> Rows:
        connection = self._connection()
        driver: Any = connection.driver_connection
        try:
            rows: Rows = driver.execute(sql, parameters).fetchall()
        except Exception as error:
            if not self._lost(error, driver):
                connection.close()
                raise
            connection.invalidate()
            connection.close()
            if time.monotonic() > until:  # who kept silent on this one does so on the others
                self._renew()
                raise
            if tries == 1:
                raise
        else:
            if len(self._idle) < KEPT:
                self._idle.append(connection)
            else:
                connection.close()
            return rows
        return self._rows(sql, parameters, until, tries - 1)

    def _connection(self) -> Any:
        try:
            return self._idle.pop()  # of one thread after the other the same one
        except IndexError:
            return self._engine.raw_connection()

    def _renew(self) -> None:
        self.close()
        self._engine.dispose()  # what is in use at the moment ends with its use

    def _lost(self, error: Exception, driver: Any) -> bool:
        dialect = self._engine.dialect
        return isinstance(error, dialect.loaded_dbapi.Error) and dialect.is_disconnect(error, driver, None)
