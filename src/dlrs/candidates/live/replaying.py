"""Replaying: a snapshot catches up with the changes since, as the log has them."""

from __future__ import annotations

from dlrs.candidates.live.changes import Log
from dlrs.candidates.live.generation import Generation
from dlrs.candidates.live.snapshot import Snapshot

BITE = 256
"""Changes replayed at a stretch while others search: a millisecond or so, then these have their turn."""


def replayed(log: Log, snapshot: Snapshot) -> Generation:
    """Return a snapshot and all changes since."""
    generation = Generation(snapshot)
    while replay(log, generation):
        pass
    generation.mark = log.mark
    return generation


def replay(log: Log, generation: Generation) -> int:
    """Apply the next changes that a generation has not seen; return how many there were."""
    snapshot = generation.snapshot
    changes, last = log.after(generation.seq, BITE, snapshot.items, snapshot.kept.form)
    if len(changes):
        generation.apply(changes.newest(), last)
    return len(changes)
