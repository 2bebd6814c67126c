"""MomentRanker: the ranker of a moment with all that it was trained under, as two files.

moment.safetensors    the network
moment.json           windows, and how many candidates each source proposes
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from dlrs.errors import ArtifactError
from dlrs.model.moment_net import MomentNet
from dlrs.ranking.moments import names_of
from dlrs.ranking.shortlist import Sizes

NET, SHAPE = "moment.safetensors", "moment.json"


@dataclass(frozen=True)
class MomentRanker:
    """Reading only: one object may serve many threads."""

    net: MomentNet
    windows: tuple[int, ...]  # microseconds, the longest first
    sizes: Sizes

    def save(self, folder: Path) -> None:
        """Write both files into a folder."""
        self.net.save(folder / NET)
        shape = {"windows": self.windows, "sizes": asdict(self.sizes)}
        (folder / SHAPE).write_text(json.dumps(shape, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ArtifactError: the folder holds no ranker of a moment, or a damaged one.
        """
        try:
            shape = json.loads((folder / SHAPE).read_text(encoding="utf-8"))
            windows, sizes = tuple(map(int, shape["windows"])), Sizes(**shape["sizes"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ArtifactError(
                f"{folder}: expected a ranker of the moment ({NET}, {SHAPE}), received: {error}. "
                "Train it anew."
            ) from error
        ranker = cls(MomentNet.load(folder / NET), windows, sizes)
        wanted = len(names_of(windows, retrieval=True).all)
        if ranker.net.features != wanted:
            raise ArtifactError(
                f"{folder}: expected a ranker of {wanted} features for its {len(windows)} windows, received "
                f"one of {ranker.net.features}. Train it anew."
            )
        return ranker

    @classmethod
    def load_if_there(cls, folder: Path) -> Self | None:
        """Read it where there is one."""
        return cls.load(folder) if (folder / SHAPE).is_file() else None
