"""A bundle as dlrs wrote it before its items were a snapshot of a live index."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq

from dlrs.bundle import Folder, publish
from dlrs.candidates.bundled import LIVE, REST, RETRIEVAL, BundledItems
from dlrs.publishing.published import Published


def as_before(bundle: Folder, registry: Path, *, retrieval: bool = True, attributes: bool = True) -> Folder:
    """Publish the same in the old layout; the oldest bundles had no index and no attributes either."""
    published = Published.load(bundle)
    stored = BundledItems.open(bundle.path, published.recipe)
    content = registry.with_name(f"{registry.name}-content")
    leave_out = shutil.ignore_patterns(LIVE, REST, RETRIEVAL, "manifest.json")
    shutil.copytree(bundle.path, content, ignore=leave_out)
    pq.write_table(stored.table, content / "items.parquet")
    stored.representations.save(content / "representations")
    if retrieval:
        stored.retrieval.save(content / "retrieval")
    if attributes:
        stored.attributes.save(content / "attributes")
    facts = {name: value for name, value in bundle.facts.items() if name != "bundle_id"}
    return publish(registry, content, facts=facts)
