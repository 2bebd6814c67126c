"""Nets of either kind: the thesis's three networks, or the history network. No torch.

Both embed items alike; what UserNet looks at differs: a profile, or what the user met.
"""

from __future__ import annotations

from pathlib import Path

from dlrs.model.forward import Nets, load_nets
from dlrs.model.history_forward import SHAPE, HistoryNets, load_history

AnyNets = Nets | HistoryNets


def open_nets(folder: Path) -> AnyNets:
    """Read networks that were trained or published, of the kind that the folder holds.

    Raises:
        ArtifactError: it holds none, or damaged ones.
    """
    return load_history(folder) if (folder / SHAPE).is_file() else load_nets(folder)
