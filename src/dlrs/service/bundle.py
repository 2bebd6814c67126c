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
from dlrs.features.encoding import Encoding
from dlrs.features.single import SingleEncoding
from dlrs.model.nets import AnyNets, open_nets
from dlrs.recipe import Recipe, parse_recipe


@dataclass(frozen=True)
class ServingBundle:
    """Networks, encoding and settings of one bundle. Reading only: shared by all threads."""

    id: str
    recipe: Recipe
    encoding: Encoding
    nets: AnyNets
    weights: Mapping[str, float]  # ψ of the interaction types, of the whole domain
    watermark: datetime  # what happened before is in the bundle
    folder: Path

    @cached_property
    def single(self) -> SingleEncoding:
        """What encodes one profile at a time."""
        return SingleEncoding(self.encoding)

    @classmethod
    def load(cls, bundle: Folder) -> Self:
        """Read a bundle. ArtifactError if it is damaged."""
        content = json.loads((bundle / "recipe.json").read_text(encoding="utf-8"))
        return cls(
            bundle.facts["bundle_id"],
            parse_recipe(content, source=str(bundle / "recipe.json")),
            Encoding.load(bundle / "encoding.json"),
            open_nets(bundle.path),
            bundle.facts.get("interaction_weights", {}),
            datetime.fromisoformat(bundle.facts["watermark"]),
            bundle.path,
        )
