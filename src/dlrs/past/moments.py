"""Moments: the ranker of the moment in a bundle, and what it has to know of all that happened before.

moment.safetensors, moment.json    the ranker, beside the networks
moment/                            see `ranking.stored_past`; rows of users and items are those of `users/`

    U users, by id    N items, by id
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from dlrs.candidates.filtering.columns import Texts
from dlrs.data.interactions import ALL_TIME
from dlrs.errors import ArtifactError
from dlrs.past.stored import USERS
from dlrs.ranking.moment_ranker import MomentRanker
from dlrs.ranking.past import Items, Past
from dlrs.ranking.stored_past import MOMENT, StoredPast

if TYPE_CHECKING:  # the service serves without what prepares
    from dlrs.prepared import Prepared


@dataclass(frozen=True)
class BundledMoment:
    """The ranker of the moment of a bundle, and all that happened before its watermark. Mapped, read-only."""

    ranker: MomentRanker
    stored: StoredPast
    ids_U: Texts
    ids_N: Texts

    @classmethod
    def open(cls, bundle: Path) -> Self | None:
        """Map what `write_moment` wrote; None where a bundle has no ranker of the moment.

        Raises:
            ArtifactError: the ranker is damaged, or what it has to know is not there.
        """
        ranker = MomentRanker.load_if_there(bundle)
        if ranker is None:
            return None
        try:
            stored = StoredPast.load(bundle / MOMENT)
            ids_U, ids_N = (np.load(bundle / USERS / f"ids_{letter}.npy", mmap_mode="r") for letter in "UN")
        except (OSError, ValueError) as error:
            raise ArtifactError(
                f"{bundle}: expected what the ranker of the moment has to know in {MOMENT}/ and {USERS}/, "
                f"received: {error}. Publish again."
            ) from error
        return cls(ranker, stored, np.asarray(ids_U), np.asarray(ids_N))


def write_moment(prepared: Prepared, end: int, bundle: Path) -> None:
    """Write what the ranker has to know of all before `end`, if the bundle's folder holds a ranker.

    Args:
        prepared: the data set.
        end: microseconds since 1970.
        bundle: the folder; networks, ranker and `users/` are there.
    """
    ranker = MomentRanker.load_if_there(bundle)
    if ranker is None:
        return
    log = prepared.interactions.between(ALL_TIME, end)
    past = Past(log, Items.of(prepared), windows=ranker.windows)
    StoredPast.of(past, end).save(bundle / MOMENT)
