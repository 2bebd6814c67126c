"""Checkpoint: all that a training needs to go on where it was, to the same bits.

One safetensors file, replaced by a rename: a killed run leaves the old one or the new one, whole.
The order of the pairs and the dropout masks depend on (seed, epoch, step) alone, so there is no
generator whose state must be kept.

    network/<name>                   the weights now
    best/<name>                      the weights of the best epoch, when there is a `validate`
    averaged/<name>                  the mean of the weights, when there is one
    <optimiser>/<number>/<name>      each optimiser's state for its n-th weight
    metadata "facts"                 JSON: Progress, and the identity of what is trained on what
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch.optim import Optimizer

from dlrs.arrays import StoredArrays
from dlrs.atomic import replacing
from dlrs.errors import ArtifactError
from dlrs.training.run import EpochResult, Progress, Run, Weights

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A file for one training, told from all others by its identity. Who does not write only reads it."""

    file: Path
    identity: str
    writes: bool = True

    def save(self, run: Run[Any]) -> None:
        """Replace the file by the run's state, at once."""
        if not self.writes:
            return
        tensors = _under("network", run.network.state_dict()) | _under("best", run.best or {})
        if run.averaged is not None:
            tensors |= _under("averaged", run.averaged.state_dict())
        for name, optimiser in run.optimisers.items():
            tensors |= _under(name, _flat_state(optimiser))
        facts = json.dumps({"identity": self.identity, "progress": asdict(run.progress)})
        with replacing(self.file) as partial:
            # written by Python, for safetensors' own writer has an error of its own for a full disk
            partial.write_bytes(save(tensors, metadata={"facts": facts}))

    def restore(self, run: Run[Any]) -> None:
        """Put the run where the file says, if there is one; it must just have begun.

        Raises:
            ArtifactError: the file is damaged, or of a training with other settings or data.
        """
        if not self.file.exists():
            return
        tensors, progress = self._read()
        run.network.load_state_dict(_below("network", tensors))
        run.best = _below("best", tensors) or None
        if run.averaged is not None:
            run.averaged.load_state_dict(_below("averaged", tensors))
        for name, optimiser in run.optimisers.items():
            _restore_state(optimiser, _below(name, tensors))
        history = [EpochResult(**epoch) for epoch in progress.pop("history")]
        run.progress = Progress(history=history, **progress)

    def _read(self) -> tuple[Weights, dict[str, Any]]:
        try:
            with safe_open(self.file, framework="pt") as stored:
                facts = json.loads((stored.metadata() or {}).get("facts", "{}"))
                # Cloned, so that nothing keeps the file mapped that the next save replaces.
                tensors = {name: stored.get_tensor(name).clone() for name in stored.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ArtifactError(
                f"{self.file}: expected a checkpoint, received: {error}. Delete it to train from the start."
            ) from error
        if facts.get("identity") != self.identity:
            raise ArtifactError(
                f"{self.file}: expected the checkpoint of this training, received one with other settings "
                "or other data. Delete it to train from the start, or choose another folder."
            )
        return tensors, facts["progress"]


def identify(description: str, *arrays: StoredArrays) -> str:
    """Return a hash of a training's settings and of all that it is trained on."""
    digest = hashlib.sha256(description.encode())
    for stored in arrays:
        for field in fields(stored):  # type: ignore[arg-type]  # subclasses are dataclasses
            array = np.ascontiguousarray(getattr(stored, field.name))
            digest.update(f"{field.name} {array.shape} {array.dtype}".encode())
            digest.update(array.data)
    return digest.hexdigest()


def _flat_state(optimiser: Optimizer) -> Weights:
    state: dict[int, Weights] = optimiser.state_dict()["state"]
    return {f"{number}/{name}": tensor for number, of in state.items() for name, tensor in of.items()}


def _restore_state(optimiser: Optimizer, flat: Weights) -> None:
    state: dict[int, dict[str, Any]] = {}
    for key, tensor in flat.items():
        number, _, name = key.partition("/")
        state.setdefault(int(number), {})[name] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _under(prefix: str, tensors: Weights) -> Weights:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def _below(prefix: str, tensors: Weights) -> Weights:
    start = f"{prefix}/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
