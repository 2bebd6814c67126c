"""ServingBundle: what the services need of one published version, but for its catalogue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Self

from dlrs.bundle import Folder
from dlrs.candidates.bundled import BundledItems
from dlrs.features.encoding import Encoding
from dlrs.features.single import SingleEncoding
from dlrs.model.nets import AnyNets, open_nets
from dlrs.recipe import Recipe, parse_recipe
from dlrs.service.ranking.reasons import Common


@dataclass(frozen=True)
class ServingBundle:
    """Networks, encoding and settings of one bundle. Reading only: shared by all threads."""

    id: str
    recipe: Recipe
    encoding: Encoding
    nets: AnyNets
    weights: Mapping[str, float]  # ψ of the interaction types, of the whole domain
    watermark: datetime  # what happened before is in the bundle
    items_as_of: datetime  # and so is what came of items before; not after the watermark
    folder: Path

    @cached_property
    def single(self) -> SingleEncoding:
        """What encodes one profile at a time."""
        return SingleEncoding(self.encoding)

    @cached_property
    def items(self) -> BundledItems:
        """The items that were published with it, mapped. ArtifactError if they are damaged."""
        return BundledItems.open(self.folder, self.recipe)

    @cached_property
    def common(self) -> Common:
        """How common the features of its items are."""
        # opened for this alone: it reads all over the files, and what it read is mapped no longer than that
        items = BundledItems.open(self.folder, self.recipe)
        return Common.read(items.table, self.recipe.marketplace.features)

    @classmethod
    def load(cls, bundle: Folder) -> Self:
        """Read a bundle. ArtifactError if it is damaged."""
        watermark = bundle.facts["watermark"]
        content = json.loads((bundle / "recipe.json").read_text(encoding="utf-8"))
        return cls(
            bundle.facts["bundle_id"],
            parse_recipe(content, source=str(bundle / "recipe.json")),
            Encoding.load(bundle / "encoding.json"),
            open_nets(bundle.path),
            bundle.facts.get("interaction_weights", {}),
            datetime.fromisoformat(watermark),
            datetime.fromisoformat(bundle.facts.get("items_as_of", watermark)),
            bundle.path,
        )
