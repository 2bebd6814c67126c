"""Reasons: what an item has in common with what its user met last, in a line that is true.

    6 of your last 9: fuel DIESEL, category EstateCar, price ≤ 20,000; 12 km from where you look

Of what an item has the one to three features are chosen that say most about this user: many of his last
items have all of them, and few items of the catalogue do.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import chain
from statistics import median
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dlrs.arrays import Doubles
from dlrs.candidates.filtering.sphere import kilometres
from dlrs.schema import Features
from dlrs.service.seams import Met, Raw

SAMPLE = 20_000
"""Items of the catalogue that say how common a feature is."""

AT_ONCE = 500
"""Of these, so many are there as Python objects at a time."""

MOST = 3
"""Features of a reason."""

LEAST = 2
"""Items that must have them."""

SHARE = 1 / 3
"""… and this share of the last ones."""

NEAR = 100.0
"""Kilometres from which on a distance speaks for nothing."""

LATITUDE, LONGITUDE = "latitude", "longitude"
NICE = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True)
class Common:
    """How common values and numbers are: of a sample of a catalogue."""

    values: Mapping[str, Mapping[str, float]]  # feature -> value -> share of the items
    numbers: Mapping[str, Doubles]  # feature -> its numbers, ascending
    _told: dict[tuple[str, str | float], tuple[Part, float]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, raws: Sequence[Raw], features: Features) -> Common:
        """Count raw features of items."""
        return cls._of(raws, len(raws), features)

    @classmethod
    def read(cls, items: pa.Table, features: Features) -> Common:
        """Count some items of a catalogue, evenly spread."""
        rows = np.unique(np.linspace(0, max(0, items.num_rows - 1), SAMPLE).astype(np.int64))
        names = [*_worded(features), *_bounded(features)]
        some = items.select(names).take(rows[: items.num_rows])
        # a few at a time: what all of them take together, 40 MB, each process would keep
        parts = (some.slice(start, AT_ONCE).to_pylist() for start in range(0, some.num_rows, AT_ONCE))
        return cls._of(chain.from_iterable(parts), some.num_rows, features)

    @classmethod
    def _of(cls, raws: Iterable[Raw], count: int, features: Features) -> Common:
        values: dict[str, dict[str, float]] = {name: {} for name in _worded(features)}
        numbers: dict[str, array[float]] = {name: array("d") for name in _bounded(features)}
        for raw in raws:
            for name, counts in values.items():
                for value in _values(raw.get(name)):
                    counts[value] = counts.get(value, 0.0) + 1 / count
            for name, known in numbers.items():
                if (number := _number(raw.get(name))) is not None:
                    known.append(number)
        return cls(values, {name: np.sort(np.array(known)) for name, known in numbers.items()})

    def part(self, feature: str, has: str | float) -> tuple[Part, float]:
        """Return that a feature has a value, or a number that is no larger, and how surprising that is.

        Which is −log of the share of the catalogue that has it; what nobody has counts as rare.
        """
        if (found := self._told.get((feature, has))) is None:
            part = Part(feature, value=has) if isinstance(has, str) else Part(feature, most=has)
            found = self._told[feature, has] = part, -math.log(max(self._share(part), 1 / SAMPLE))
        return found

    def _share(self, part: Part) -> float:
        if part.value is not None:
            return min(1.0, self.values.get(part.feature, {}).get(part.value, 0.0))
        numbers = self.numbers.get(part.feature, np.empty(0))
        return float(np.searchsorted(numbers, part.most, side="right")) / max(1, len(numbers))


@dataclass(frozen=True)
class Part:
    """One thing that items have: a value of a feature, or a number that is no larger than another."""

    feature: str
    value: str | None = None
    most: float = math.inf

    def __str__(self) -> str:
        return self.words

    @cached_property
    def words(self) -> str:
        """It in words."""
        name = self.feature.removesuffix("_id").replace("_", " ")
        return f"{name} {self.value}" if self.value is not None else f"{name} ≤ {self.most:,.10g}"


@dataclass(slots=True)
class Reason:
    """`count` of the `of` items that a user met last have all parts, as has the item; 0 without parts."""

    count: int
    of: int
    parts: tuple[Part, ...]
    km: float | None = None  # from the middle of what he met

    def __str__(self) -> str:
        words = ", ".join([part.words for part in self.parts])
        text = f"{self.count} of your last {self.of}: {words}" if words else ""
        if self.km is None:
            return text
        near = f"{_rounded(self.km)} km from where you look"
        return f"{text}; {near}" if text else near


class _Shared(NamedTuple):
    """A part that enough of a user's last items have: which ones, a bit each, and how surprising that is."""

    part: Part
    mask: int
    surprise: float  # −log of its share of the catalogue
    alone: float  # what it says without others


class Reasons:
    """Gives reasons to one user."""

    def __init__(self, history: Sequence[Met], features: Features, common: Common) -> None:
        """Take his history, oldest first: the newest event of each described item counts."""
        last = {met.item_id: met.features for met in history if met.features is not None}
        self._raws = list(last.values())
        self._common = common
        self._least = max(LEAST, SHARE * len(self._raws))
        self._log = [-math.inf, *(math.log(n / len(self._raws)) for n in range(1, len(self._raws) + 1))]
        self._single = self._often(features.categorical)
        self._several = self._often(features.multi_valued)
        numbers = [(name, self._numbers_of(name)) for name in _bounded(features)]
        self._numbers: list[tuple[str, list[tuple[float, int]], dict[float, _Shared | None]]]
        self._numbers = [(name, his, {}) for name, his in numbers if his]
        self._chosen: dict[tuple[int, ...], tuple[tuple[Part, ...], int]] = {}
        self._place = _middle(self._raws) if {LATITUDE, LONGITUDE} <= set(features.continuous) else None

    def of(self, items: Sequence[Raw]) -> list[Reason | None]:
        """Return what speaks for each item; None where nothing does."""
        found = []
        for item, km in zip(items, self._distances(items), strict=True):
            shared = self._shared(item)
            parts, count = self._best(shared) if shared else ((), 0)
            near = km if km <= NEAR else None
            found.append(Reason(count, len(self._raws), parts, near) if parts or near is not None else None)
        return found

    def _often(self, names: Iterable[str]) -> list[tuple[str, dict[str, _Shared]]]:
        """Return the features of which enough of his items have the same value, and these values."""
        return [(name, values) for name in names if (values := self._values_of(name))]

    def _values_of(self, name: str) -> dict[str, _Shared]:
        masks: dict[str, int] = {}
        bit = 1
        for raw in self._raws:
            found = raw.get(name)
            if found is not None:
                for value in (found,) if isinstance(found, str) else _values(found):
                    masks[value] = masks.get(value, 0) | bit
            bit <<= 1
        often = [(value, mask) for value, mask in masks.items() if mask.bit_count() >= self._least]
        return {value: self._shared_part(name, value, mask) for value, mask in often}

    def _numbers_of(self, name: str) -> list[tuple[float, int]]:
        """Return the numbers of his items, each with the bit of its item, ascending."""
        numbers = [(_number(raw.get(name)), 1 << place) for place, raw in enumerate(self._raws)]
        return sorted([(number, bit) for number, bit in numbers if number is not None])

    def _shared_part(self, feature: str, has: str | float, mask: int) -> _Shared:
        (part, surprise), count = self._common.part(feature, has), mask.bit_count()
        return _Shared(part, mask, surprise, count * (self._log[count] + surprise))

    def _shared(self, item: Raw) -> list[_Shared]:
        """Return what an item has that enough of his have."""
        get = item.get
        shared = [values[found] for name, values in self._single if (found := get(name)) in values]
        for name, values in self._several:
            shared += [values[value] for value in _values(get(name)) if value in values]
        for name, numbers, bounds in self._numbers:
            number = get(name)
            if number is not None and 0 < number <= numbers[-1][0]:
                most = nice(number)
                if most not in bounds:
                    bounds[most] = self._bound(name, numbers, most)
                if (one := bounds[most]) is not None:
                    shared.append(one)
        return shared

    def _bound(self, name: str, numbers: list[tuple[float, int]], most: float) -> _Shared | None:
        mask = sum([bit for number, bit in numbers if number <= most])
        return self._shared_part(name, most, mask) if mask.bit_count() >= self._least else None

    def _best(self, shared: Sequence[_Shared]) -> tuple[tuple[Part, ...], int]:
        """Return the parts that say most, and how many of his items have all of them."""
        key = tuple(map(id, shared))  # all of them live as long as this object; hashing parts takes longer
        if (found := self._chosen.get(key)) is None:
            found = self._chosen[key] = self._choose(shared)
        return found

    def _choose(self, shared: Sequence[_Shared]) -> tuple[tuple[Part, ...], int]:
        """Add the part that says most while that says more: n log(n / expected), n having all of them."""
        best, said, least, logs = None, 0.0, self._least, self._log
        for one in shared:
            if one[3] > said + 1e-9:
                best, said = one, one[3]
        parts: list[Part] = []
        mask, surprise = (1 << len(self._raws)) - 1, 0.0
        while best is not None:
            parts.append(best.part)
            mask, surprise = mask & best.mask, surprise + best.surprise
            if len(parts) == MOST:
                break
            shared, best = [one for one in shared if one is not best], None
            for one in shared:
                count = (mask & one[1]).bit_count()
                if count >= least and (says := count * (logs[count] + surprise + one[2])) > said + 1e-9:
                    best, said = one, says
        return tuple(parts), mask.bit_count() if parts else 0

    def _distances(self, items: Sequence[Raw]) -> list[float]:
        """Return the kilometres of each from the middle of what he met; NaN where that is not known."""
        if self._place is None:
            return [math.nan] * len(items)
        places = [(item.get(LATITUDE), item.get(LONGITUDE)) for item in items]
        north_K, east_K = np.array(places, dtype=np.float64).reshape(-1, 2).T  # None is NaN
        distances: list[float] = kilometres(north_K, east_K, *self._place).tolist()
        return distances


@lru_cache(50_000)  # years, kilometres and prices are of a few thousand numbers
def nice(number: float) -> float:
    """Return the next round number that is no less than a positive one: 17,300 → 20,000."""
    scale = 10.0 ** math.floor(math.log10(number))
    return next((step * scale for step in NICE if step * scale >= number), 10 * scale)


def _worded(features: Features) -> tuple[str, ...]:
    return (*features.categorical, *features.multi_valued)  # hashes of text and parts of dates are no words


def _bounded(features: Features) -> tuple[str, ...]:
    places = (LATITUDE, LONGITUDE)
    return tuple(n for n, c in features.continuous.items() if c.kind == "number" and n not in places)


def _values(found: object) -> Sequence[str]:
    if isinstance(found, str):
        return (found,)
    return [value for value in found if value is not None] if isinstance(found, list | tuple) else ()


def _number(found: object) -> float | None:
    if type(found) is float:  # as it nearly always is: told at once
        return found if math.isfinite(found) else None
    return float(found) if isinstance(found, int | float) and math.isfinite(found) else None


def _middle(raws: Sequence[Raw]) -> tuple[float, float] | None:
    places = [(_number(raw.get(LATITUDE)), _number(raw.get(LONGITUDE))) for raw in raws]
    known = [(north, east) for north, east in places if north is not None and east is not None]
    if not known:
        return None
    norths, easts = zip(*known, strict=True)
    return median(norths), median(easts)


def _rounded(km: float) -> str:
    return f"{km:,.0f}" if km >= 10 else f"{km:.1f}"
