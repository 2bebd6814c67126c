"""Ad table: a table of real ads, read for the simulator. What a cell leaves open is NaN, −1 or ''.

    make, model, price             needed; ads without one of them are left out
    mileage                        km
    first_registration or year     a date, YYYY-MM, MM-YYYY or "new"; or a year
    fuel                           in English or German: petrol, Benzin, diesel, hybrid …
    transmission                   likewise
    power or hp                    kW, or text like "85 kW (116 PS)"; or horsepower
    subcategory                    of the car's body: those of `vehicles`, or words like sedan, SUV, Kombi
    latitude, longitude            degrees
    first_seen, last_seen          when the ad was online

All but the first three may be missing; some other names are understood, too. Shapes: A ads of the table.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from dlrs.arrays import AnyArray, Bools, Doubles, Ints
from dlrs.errors import DataError, SchemaError
from dlrs.simulator.ad_words import BODY_WORDS, FUEL_WORDS, GEAR_WORDS
from dlrs.simulator.settings import DAY

NAMES = {
    "mileage": ("mileage", "odometer"),
    "year": ("year", "model_year"),
    "fuel": ("fuel", "fuel_type", "fuelType"),
    "transmission": ("transmission", "gear"),
    "subcategory": ("subcategory", "type"),
}
"""The names that a column may have, where there are several; the first one found is taken."""

KW_PER_HP = 0.7355
YEAR_SECONDS = 365.2425 * DAY
NEW = 0.05  # years: age of a car that is called new
REGISTERED = r"^(?:(?P<m1>\d{1,2})[-./](?P<y1>\d{4})|(?P<y2>\d{4})(?:-(?P<m2>\d{1,2})(?:-.*)?)?)$"


@dataclass(frozen=True)
class AdTable:
    """A ads. Times are in seconds since 1970, NaN where unknown."""

    make_A: AnyArray
    model_A: AnyArray  # make included
    price_A: Doubles  # €
    mileage_A: Doubles  # km
    age_A: Doubles  # years at the ad's birth
    fuel_A: Ints  # position in FUELS
    gear_A: Ints
    power_A: Doubles  # kW
    subcategory_A: Ints  # position in SUBCATEGORIES
    latitude_A: Doubles
    longitude_A: Doubles
    born_A: Doubles
    died_A: Doubles

    def take(self, chosen: Ints | Bools) -> AdTable:
        """Return some of the ads, by position or by mask."""
        return AdTable(*(getattr(self, field.name)[chosen] for field in fields(self)))


def load(file: Path) -> pa.Table:
    """Read a Parquet or CSV file.

    Raises:
        DataError: there is no such file, or it is not what its name says.
    """
    if not file.is_file():
        raise DataError(f"{file}: expected a table of ads, found no file. Check the path.")
    try:
        return pyarrow.csv.read_csv(file) if file.suffix == ".csv" else pq.read_table(file)
    except pa.ArrowInvalid as error:
        raise DataError(f"{file}: expected Parquet, or CSV where the name ends in .csv. {error}") from error


def read(table: pa.Table, name: str) -> AdTable:
    """Read the columns. `name` is the table's in errors.

    Raises:
        SchemaError: a needed column is missing.
        DataError: a cell does not hold what its column should.
    """
    columns = _Columns(_plain(table), name)
    make_A, model_A = columns.texts("make"), columns.texts("model")
    born_A = columns.moments("first_seen")
    every = AdTable(
        make_A=make_A,
        model_A=np.strings.add(np.strings.add(make_A, " "), model_A),
        price_A=columns.numbers("price"),
        mileage_A=columns.numbers("mileage"),
        age_A=_ages(columns.registered(), born_A),
        fuel_A=columns.words("fuel", FUEL_WORDS),
        gear_A=columns.words("transmission", GEAR_WORDS),
        power_A=columns.power(),
        subcategory_A=columns.words("subcategory", BODY_WORDS),
        latitude_A=columns.numbers("latitude"),
        longitude_A=columns.numbers("longitude"),
        born_A=born_A,
        died_A=columns.moments("last_seen"),
    )
    usable_A = (make_A != "") & (model_A != "") & (every.price_A > 0)
    if not usable_A.any():
        raise DataError(
            f"{name}: expected ads with make, model and price, found none among {len(table):,} rows."
        )
    return every.take(usable_A)


def _plain(table: pa.Table) -> pa.Table:
    """Give all texts one type, however they were coded."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type) or pa.types.is_large_string(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
    return table


def _ages(registered_A: Doubles, born_A: Doubles) -> Doubles:
    """Years at the birth of the ad; where that is unknown, at the time of the newest registrations."""
    finite_A = registered_A[np.isfinite(registered_A)]
    newest = np.quantile(finite_A, 0.999) if len(finite_A) else 0.0  # a year like 2060 is a slip
    now_A = np.where(np.isnan(born_A), newest, 1970 + born_A / YEAR_SECONDS)
    return np.maximum(now_A - registered_A, NEW)


@dataclass(frozen=True)
class _Columns:
    table: pa.Table
    name: str

    def find(self, column: str) -> str | None:
        """Return what the column is called here."""
        return next((name for name in NAMES.get(column, (column,)) if name in self.table.column_names), None)

    def texts(self, column: str) -> AnyArray:
        if column not in self.table.column_names:
            raise SchemaError(
                f"{self.name}: expected a column '{column}', found {', '.join(self.table.column_names)}. "
                "A table of ads needs make, model and price: rename the columns that hold them."
            )
        texts = pc.utf8_trim_whitespace(self.table[column].cast(pa.string()))
        return np.asarray(pc.fill_null(texts, "").to_numpy(), dtype=np.str_)

    def words(self, column: str, known: dict[str, int]) -> Ints:
        """Look words up; one that nobody knows is left open."""
        found = self.find(column)
        if found is None:
            return np.full(len(self.table), -1)
        lower = pc.utf8_lower(pc.utf8_trim_whitespace(self.table[found].cast(pa.string())))
        places = pc.index_in(lower, value_set=pa.array(list(known)))
        codes_W = np.array([*known.values(), -1])
        codes_A: Ints = codes_W[pc.fill_null(places, -1).to_numpy()]
        return codes_A

    def numbers(self, column: str) -> Doubles:
        """Read numbers, from text if need be."""
        found = self.find(column)
        if found is None:
            if column == "price":
                self.texts(column)  # raises
            return np.full(len(self.table), np.nan)
        cells = self.table[found]
        if pa.types.is_string(cells.type):
            cells = pc.utf8_trim_whitespace(cells)
            readable = pc.match_substring_regex(cells, r"^-?\d+(\.\d+)?$")
            self._refuse(found, pc.invert(pc.fill_null(readable, True)), "a number")
        try:
            numbers = cells.cast(pa.float64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            self._refuse(found, pc.is_valid(cells), "a number")
        return np.asarray(numbers.to_numpy(), dtype=np.float64)

    def power(self) -> Doubles:
        """Read kW, or horsepower."""
        if "hp" in self.table.column_names:
            return self.numbers("hp") * KW_PER_HP
        if "power" in self.table.column_names and pa.types.is_string(self.table["power"].type):
            parts = pc.extract_regex(self.table["power"], r"(?P<kw>\d+) ?kW")
            kw = pc.struct_field(parts, "kw").cast(pa.float64())
            return np.asarray(kw.to_numpy(), dtype=np.float64)
        return self.numbers("power")

    def registered(self) -> Doubles:
        """Read years with their fraction; a mere year is its middle, "new" is infinite."""
        if "first_registration" not in self.table.column_names:
            return self.numbers("year") + 0.5
        cells = self.table["first_registration"]
        if pa.types.is_temporal(cells.type):
            cells = pc.strftime(cells.cast(pa.timestamp("us")), format="%Y-%m")
        cells = cells.cast(pa.string())
        new = pc.fill_null(pc.equal(cells, "new"), False)
        parts = pc.extract_regex(cells, REGISTERED)
        expected = "a date as YYYY-MM or MM-YYYY, or 'new'"
        unread = pc.and_(pc.is_null(parts), pc.and_(pc.is_valid(cells), pc.invert(new)))
        self._refuse("first_registration", unread, expected)
        years = [_digits(parts, part) for part in ("y1", "y2", "m1", "m2")]
        year_A, month_A = np.fmax(years[0], years[1]), np.fmax(years[2], years[3])
        registered_A = year_A + np.where(np.isnan(month_A), 0.5, (month_A - 0.5) / 12)
        return np.where(new.to_numpy(), np.inf, registered_A)

    def moments(self, column: str) -> Doubles:
        """Read moments, UTC; text as ISO 8601."""
        if column not in self.table.column_names:
            return np.full(len(self.table), np.nan)
        cells = self.table[column]
        if pa.types.is_string(cells.type):
            readable = pc.match_substring_regex(cells, r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?$")
            self._refuse(column, pc.invert(pc.fill_null(readable, True)), "a moment as 2017-04-03 12:30:00")
            moments_A = np.array(cells.to_pylist(), dtype="datetime64[us]")
        else:
            moments_A = np.asarray(cells.cast(pa.timestamp("us")).to_numpy(), dtype="datetime64[us]")
        return np.where(np.isnat(moments_A), np.nan, moments_A.astype(np.int64) / 1e6)

    def _refuse(self, column: str, bad: pa.ChunkedArray, expected: str) -> None:
        """Raise for the first bad cell, if there is one."""
        row = pc.index(bad, True).as_py()
        if row >= 0:
            raise DataError.at(
                file=self.name,
                column=column,
                row=row + 1,
                expected=expected,
                received=repr(self.table[column][row].as_py()),
                mend="Correct the cell, or empty it.",
            )


def _digits(parts: pa.ChunkedArray, part: str) -> Doubles:
    """Read a group of a regular expression; an empty one is none."""
    text = pc.struct_field(parts, part)
    some = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    return np.asarray(some.cast(pa.float64()).to_numpy(), dtype=np.float64)
