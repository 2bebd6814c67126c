"""RunFolder: where the output of each stage of a run lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    """Where `run` puts the output of each stage."""

    path: Path

    @property
    def prepared(self) -> Path:
        """The output of `prepare`."""
        return self.path / "prepared"

    @property
    def trained(self) -> Path:
        """The output of `train`."""
        return self.path / "trained"

    @property
    def evaluated(self) -> Path:
        """The output of `evaluate`; its two reports stand in `path`, too."""
        return self.path / "evaluation"

    @property
    def registry(self) -> Path:
        """The published bundles."""
        return self.path / "bundles"
