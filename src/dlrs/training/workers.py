"""Workers: processes that train one network together, each on its share of every batch.

`torchrun --nproc-per-node 2 -m dlrs train …` starts them, here or on several machines. All hold the same
weights: they add up their gradients and then take the same step, which is that of one process on the whole
batch, but for rounding and the masks of dropout. The first one leads: it alone writes checkpoints,
TensorBoard's files and the outcome, and it alone validates. They speak through gloo, and compute on CPUs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch

# Its functions' defaults keep the process group that lives when it is first imported, as an optimiser does,
# and so the group's threads, which abort where they meet an interpreter that is gone. So it comes before.
import torch.distributed.nn
from torch import Tensor, distributed

from dlrs.errors import DlrsError

SILENCE = timedelta(minutes=10)
"""So long may a living worker say nothing, as others do while the leader validates or writes. That one has
ended is noticed at once: its connections close."""


@dataclass(frozen=True)
class Workers:
    """All workers, as one of them sees them; ranks count from 0."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def mean(self, values_B: Tensor, whole: int) -> Tensor:
        """Return the mean over a whole batch of so many pairs, of which this worker has `values_B`.

        Its gradient is this worker's part of the mean's: `add` makes it whole.
        """
        if self.count == 1:
            return values_B.mean()
        own = values_B.sum() / whole
        mean = own.detach().clone()
        self._exchange(distributed.all_reduce, mean)
        return mean + (own - own.detach())

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all workers."""
        if self.count == 1:
            return
        packed = torch.cat([tensor.flatten() for tensor in tensors])
        self._exchange(distributed.all_reduce, packed)
        parts = torch.split(packed, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def told(self, values: Tensor) -> Tensor:
        """Return the leader's values; every worker gives some of that shape."""
        values = values.clone()
        if self.count > 1:
            self._exchange(distributed.broadcast, values, 0)
        return values

    def wait(self) -> None:
        """Return when every worker has come here."""
        if self.count > 1:
            self._exchange(distributed.barrier)

    def _exchange(self, call: Callable[..., Any], *arguments: Any) -> None:
        try:
            call(*arguments)
        except (RuntimeError, ValueError) as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> DlrsError:
        said = str(error).splitlines()[0].split(". ")[0]
        return DlrsError(
            f"training, {self}: expected an answer from the others, received: {said}. One of them has ended. "
            "Start the same command again."
        )

    def __str__(self) -> str:
        return f"rank {self.rank} of {self.count} workers"


ALONE = Workers()


@contextmanager
def joined() -> Iterator[Workers]:
    """Give the workers that torchrun started, which its environment tells, once all are there.

    Raises:
        DlrsError: they cannot reach each other.
    """
    workers = Workers(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))
    if workers.count == 1:
        yield ALONE
        return
    if sys.platform == "linux" and os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"]:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # on one machine nobody else need listen
    workers._exchange(distributed.init_process_group, "gloo", None, SILENCE)
    try:
        yield workers
    except BaseException:
        # torchrun's signal or the closed connection, whichever comes first: this says what to do
        print(
            f"{workers} ends. Where another one ended first, torchrun's last lines name it, and how it "
            "ended: start the same command again, and all go on from the last checkpoint.",
            file=sys.stderr,
        )
        raise
    finally:
        distributed.destroy_process_group()
