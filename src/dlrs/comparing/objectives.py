"""The networks that are compared: one for each objective and weight λ of its similarity term (method §4)."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from dlrs import bundle
from dlrs.arrays import digest_of
from dlrs.bundle import Folder
from dlrs.errors import ArtifactError, SchemaError
from dlrs.pipeline import open_pair
from dlrs.prepared import Prepared
from dlrs.settings.training import Training

KIND = "compared network"
Objective = Literal["single", "multi-cos", "multi-cos-bar"]
OBJECTIVES: tuple[Objective, ...] = ("single", "multi-cos", "multi-cos-bar")
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Goal:
    """What a network is trained for. λ of `single` is 0."""

    objective: Objective
    weight: float

    @classmethod
    def of(cls, training: Training) -> Self:
        """Return the goal that a recipe's settings name."""
        return cls.named(training.objective, training.similarity_weight)

    @classmethod
    def named(cls, objective: Objective, weight: float) -> Self:
        """Return the goal: `single`, or another objective with λ.

        Raises:
            ValueError: λ is below 0, or no finite number.
        """
        if not 0 <= weight < math.inf:
            raise ValueError(f"λ: expected a number from 0 on, received {weight}")
        return cls("single", 0.0) if weight == 0 else cls(objective, 0.0 if objective == "single" else weight)

    @property
    def name(self) -> str:
        """As tables show it: `multi-cos 0.5`."""
        return self.objective if self.objective == "single" else f"{self.objective} {self.weight:g}"

    def settings(self, training: Training) -> Training:
        """Return the recipe's settings, but for this goal."""
        changed: dict[str, object] = {"objective": self.objective, "similarity_weight": self.weight}
        if self.objective != "multi-cos":
            changed["similarity_optimiser"] = "joint"
        return Training.model_validate(training.model_dump() | changed)


def goals(objectives: Iterable[str], weights: Iterable[float]) -> tuple[Goal, ...]:
    """Return every objective with every weight, each once: with a weight of 0 all are `single`.

    An objective may name a weight of its own.

    Raises:
        SchemaError: there is no such objective.

    >>> [goal.name for goal in goals(["single", "multi-cos", "multi-cos-bar 0.5"], [0, 2])]
    ['single', 'multi-cos 2', 'multi-cos-bar 0.5']
    """
    weights = tuple(weights)
    return tuple(dict.fromkeys(goal for name in objectives for goal in _goals(name, weights)))


def _goals(name: str, weights: Sequence[float]) -> Iterator[Goal]:
    known, _, own = name.partition(" ")
    for objective in OBJECTIVES:
        with suppress(ValueError):
            if objective == known:
                yield from [Goal.named(objective, weight) for weight in ([float(own)] if own else weights)]
                return
    raise SchemaError(
        f"candidates compare, objectives: expected some of {', '.join(OBJECTIVES)}, with its λ or without, "
        f"received {name}. Choose among these, with a λ from 0 on; write for example: 'multi-cos 0.5'."
    )


def open_thesis_pair(prepared_folder: Path, trained_folder: Path) -> tuple[Prepared, Folder]:
    """Open a data set and networks with a RankNet, which alone makes a gold standard.

    Raises:
        ArtifactError: the networks were trained on another encoding, or are a history network.
    """
    prepared, trained = open_pair(prepared_folder, trained_folder)
    if trained.facts["settings"].get("network") == "history":
        raise ArtifactError(
            f"{trained_folder}: expected the thesis's three networks, whose RankNet makes the gold standard, "
            'received a history network, which has none. Set network = "thesis" in the recipe\'s [training], '
            "prepare and train again."
        )
    return prepared, trained


def open_or_train(prepared: Prepared, goal: Goal, folder: Path) -> Folder:
    """Return the folder of the goal's network, trained with the validation periods held back.

    One that is there and was trained on the same data with the same settings is taken; a training that was
    stopped goes on.
    """
    training = goal.settings(prepared.recipe.training)
    facts = {
        "encoding_hash": prepared.encoding.hash,
        "pairs": digest_of(f"{prepared.validation_period}", vars(prepared.pairs).values()),
        "settings": training.model_dump(mode="json"),
    }
    try:
        found = bundle.open_folder(folder, KIND)
    except ArtifactError:
        found = None
    if found is not None and facts.items() <= found.facts.items():
        return found
    return _train(prepared, training, folder, facts)


def _train(prepared: Prepared, training: Training, folder: Path, facts: dict[str, Any]) -> Folder:
    from dlrs.fitting.both import checkpoints, fit_thesis, remove_others
    from dlrs.model.network import save_nets

    ours = replace(prepared, recipe=prepared.recipe.model_copy(update={"training": training}))
    work = checkpoints(ours, folder)
    with bundle.writing(folder, KIND, facts=facts) as partial:
        remove_others(work)
        started = time.process_time()
        trained = fit_thesis(ours, work, until=ours.validation_period)
        save_nets(trained.network, partial)
        facts["best_epoch"] = trained.best_epoch
        facts["history"] = [asdict(epoch) for epoch in trained.history]
        facts["cpu_seconds"] = time.process_time() - started
    shutil.rmtree(work.parent)
    return bundle.open_folder(folder, KIND)
