"""Assignment: which arm of an online test a user meets, by nothing but his id and the test's name.

    unit(name, user) = the first 53 bits of SHA-256(name ‖ NUL ‖ user), in UTF-8, as a number in [0, 1)

The arms lie side by side in [0, 1), in the order in which they are named, each as wide as its share; a user
belongs to the arm that his number falls into. Nothing is stored, so a service, an analysis and a
program in any other language agree. Another name mixes all users anew: tests do not depend on one
another.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.csv

from dlrs.arrays import Doubles, Ints
from dlrs.errors import SchemaError
from dlrs.schema import USER

ARM = "arm"

SEPARATOR = "\0"  # in no name: "a" + "bc" and "ab" + "c" are different


@dataclass(frozen=True)
class Arms:
    """The arms of a test, the one that the others are compared with first, and their shares of the users.

    Raises:
        SchemaError: fewer than two, a name twice or empty, or shares that are not positive or do not
            sum to 1.
    """

    names: tuple[str, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        shown = ",".join(f"{name}={share:g}" for name, share in zip(self.names, self.shares, strict=True))
        if len(self.names) < 2:
            raise SchemaError(f"arms: expected two at least, received '{shown}'.")
        if len(set(self.names)) < len(self.names) or not all(self.names):
            raise SchemaError(f"arms: expected a name of its own for each, received '{shown}'.")
        if min(self.shares) <= 0 or not math.isclose(sum(self.shares), 1, abs_tol=1e-6):
            raise SchemaError(
                f"arms: expected positive shares that sum to 1, received '{shown}'. Whoever shall stay out "
                "of the test gets an arm, too."
            )

    @classmethod
    def equal(cls, names: Iterable[str]) -> Self:
        """Return arms that have the same share each."""
        names = tuple(names)
        return cls(names, tuple([1 / len(names)] * len(names)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `A=0.5,B=0.5`; without any share (`A,B`) they are equal."""
        parts = [part.strip().rpartition("=") for part in text.split(",")]
        if not any(sign for _, sign, _ in parts):
            return cls.equal(name for _, _, name in parts)
        try:
            return cls(tuple(name for name, _, _ in parts), tuple(float(share) for _, _, share in parts))
        except ValueError:
            raise SchemaError(f"arms: expected them like 'A=0.5,B=0.5', received '{text}'.") from None

    def at(self, unit_U: Doubles) -> Ints:
        """Return the arm, as a position in `names`, that each number in [0, 1) falls into."""
        borders = np.cumsum(self.shares)[:-1]
        return np.searchsorted(borders, unit_U, side="right")


def assign(user_ids: Iterable[str], name: str, arms: Arms) -> Ints:
    """Return the arm of each user in the test `name`, as a position in `arms.names`: (U,)."""
    return arms.at(units(user_ids, name))


def units(user_ids: Iterable[str], name: str) -> Doubles:
    """Return each user's number in [0, 1) in the test `name`: (U,). About 1 µs a user."""
    salt = (name + SEPARATOR).encode()
    heads = b"".join(hashlib.sha256(salt + user.encode()).digest()[:8] for user in user_ids)
    # doubles have 53 bits: more would round some numbers up to 1
    unit_U: Doubles = (np.frombuffer(heads, dtype=">u8") >> np.uint64(11)) / 2.0**53
    return unit_U


def as_csv(user_ids: pa.Array, name: str, arms: Arms) -> str:
    """Return a CSV table with the columns user_id and arm."""
    arm_U = pa.array(arms.names).take(pa.array(assign(user_ids.to_pylist(), name, arms)))
    stream = io.BytesIO()
    pyarrow.csv.write_csv(pa.table({USER: user_ids, ARM: arm_U}), stream)
    return stream.getvalue().decode()
