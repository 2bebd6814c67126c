"""Trials: what was tried of one model and what came of it, in a JSON file that a search goes on with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dlrs.atomic import replacing
from dlrs.errors import ArtifactError
from dlrs.tuning.spaces import Space, Value


@dataclass(frozen=True)
class Trial:
    """One fit: settings by their place in the recipe, none for the recipe as it is, and its worth."""

    values: dict[str, Value]
    worth: float
    seconds: float


@dataclass(frozen=True)
class Trials:
    """All trials of a model, in the order of the search, and what they have in common."""

    common: Mapping[str, Any]  # model, objective, space, seed, data, other settings
    done: tuple[Trial, ...] = field(default=())

    @property
    def best(self) -> Trial:
        """The first of the best."""
        return max(self.done, key=lambda trial: trial.worth)

    def with_one(self, trial: Trial) -> Trials:
        """Return these and one more."""
        return replace(self, done=(*self.done, trial))

    def save(self, file: Path) -> None:
        """Write or replace the file."""
        content = {**self.common, "trials": [asdict(trial) for trial in self.done]}
        with replacing(file) as partial:  # the folder is the search's own: it holds the lock
            partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def begin(cls, file: Path, common: Mapping[str, Any]) -> Trials:
        """Return what the file holds, or no trials if there is none.

        Raises:
            ArtifactError: the file cannot be read, or its trials are of something else.
        """
        common = json.loads(json.dumps(common))  # as a file holds it: lists, not tuples
        if not file.exists():
            return cls(common)
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            done = tuple(Trial(**trial) for trial in content.pop("trials"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(f"{file}: expected trials, received: {error}. Remove it.") from error
        for name, value in common.items():
            if content.get(name) != value:
                raise ArtifactError(
                    f"{file}: expected trials with {name} = {value}, received some with {content.get(name)}. "
                    "Name another --out, or remove the file."
                )
        return cls(common, done)


def described(space: Space) -> dict[str, Any]:
    """Return a space as JSON holds it."""
    return {name: asdict(values) for name, values in space.items()}
