"""Introducing: the step from a bundle that lies in the registry to one that is served.

golden lists → rehearsal → an entry among the publications → CURRENT
"""

from __future__ import annotations

from pathlib import Path

from dlrs.bundle import Folder, current_bundle, make_current
from dlrs.errors import ArtifactError
from dlrs.prepared import Prepared
from dlrs.publishing.golden import check_golden
from dlrs.publishing.publications import current_name, record
from dlrs.publishing.published import Published
from dlrs.publishing.rehearsing import Rehearsal, refusal, rehearse


def introduce(prepared: Prepared, bundle: Folder, registry: Path, *, force: bool = False) -> Rehearsal:
    """Rehearse a bundle of the registry, and make it current if it passes, or `force` is given.

    Raises:
        ArtifactError: it is not what it was when it was made, or it fails; CURRENT is as it was.
    """
    published = Published.load(bundle)
    check_golden(bundle, published)
    rehearsal = rehearse(prepared, bundle, published, _current(registry))
    name = bundle.path.name
    refused = "; ".join(rehearsal.below) if rehearsal.below and not force else None
    record(registry, bundle, refused=refused, rehearsal=rehearsal.to_json())
    if refused is not None:
        raise refusal(rehearsal, str(registry), name, current_name(registry))
    make_current(registry, name)
    return rehearsal


def _current(registry: Path) -> Folder | None:
    """Return the current bundle; None where there is none that can be opened."""
    try:
        return current_bundle(registry)
    except ArtifactError:
        return None
