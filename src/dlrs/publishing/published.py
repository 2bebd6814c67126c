"""Published: the content of a bundle as objects, ready to recommend; needs no torch.

nets.safetensors, space.json    UserNet, ItemNet, RankNet; or the history network: history.safetensors, .json
encoding.json                   vocabularies and scalers
live/, items.arrow, retrieval/  the items of the catalogue, ascending by id; see `candidates.bundled`
recipe.json                     the marketplace and the settings it was trained under
users/                          what they did before the watermark (`past`)
report.json                     what the evaluation found, if there was one
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from dlrs.arrays import NO_ITEM
from dlrs.bundle import Folder, current_bundle
from dlrs.candidates.bundled import BundledItems
from dlrs.candidates.filtering.attributes import Attributes
from dlrs.candidates.filtering.filters import Filter
from dlrs.candidates.filtering.relaxing import Step, ladder
from dlrs.candidates.filtering.shortfall import Shortfall, explain
from dlrs.candidates.filtering.where import Where
from dlrs.candidates.histories import Histories
from dlrs.errors import ArtifactError
from dlrs.features.encoding import Encoding
from dlrs.features.rows import EncodedRows
from dlrs.model.forward import Representations
from dlrs.model.nets import open_nets
from dlrs.model.prior import Standing
from dlrs.recipe import Recipe, parse_recipe
from dlrs.recommenders.recommender import Audience, Ranking, TwoStageRecommender
from dlrs.schema import ITEM

LOGIT = "logit"

Rank = Callable[[int, sparse.csr_array, Where | None], Ranking]
"""Makes a user's list of k items: none of the known ones, (1, A), all of where that is given."""


@dataclass(frozen=True)
class Recommended:
    """The best items for one user, best first: id, logit and raw features of each; and what holds for them.

    `filters` are those that the items pass, after `steps` steps of the ladder. `shortfall` says why there are
    fewer items than asked for; it is None where there are enough, and without filters.
    """

    items: list[dict[str, Any]]
    filters: tuple[Filter, ...] = ()
    steps: int = 0
    shortfall: Shortfall | None = None


@dataclass(frozen=True)
class Published:
    """One version of everything that recommending needs."""

    bundle_id: str
    recipe: Recipe
    encoding: Encoding
    items: pa.Table
    representations: Representations  # of the items, in their order
    recommender: TwoStageRecommender
    weights: Mapping[str, float]  # of the interaction types, where they are the domain's
    attributes: Attributes  # what filters look at
    folder: Path

    @classmethod
    def load(cls, bundle: Folder) -> Published:
        """Map a bundle's arrays and its index; what a bundle of an older dlrs lacks is built."""
        content = json.loads((bundle / "recipe.json").read_text(encoding="utf-8"))
        recipe = parse_recipe(content, source=str(bundle / "recipe.json"))
        nets = open_nets(bundle.path)
        stored = BundledItems.open(bundle.path, recipe)
        recommender = TwoStageRecommender(
            nets,
            stored.representations,
            np.arange(stored.table.num_rows),
            Audience.empty(nets.space),
            recipe.candidates,
            stored.retrieval,
        )
        encoding = Encoding.load(bundle / "encoding.json")
        weights = bundle.facts.get("interaction_weights", {})
        return cls(
            bundle.facts["bundle_id"],
            recipe,
            encoding,
            stored.table,
            stored.representations,
            recommender,
            weights,
            stored.attributes,
            bundle.path,
        )

    def recommend(
        self,
        profile: EncodedRows,
        k: int,
        *,
        known_ids: pa.Array,
        history: Histories | None = None,
        filters: Sequence[Filter] = (),
        relax: Sequence[Step] = (),
        rank: Rank | None = None,
    ) -> Recommended:
        """Return the best k items for one profile, best first, under the first filters that leave so many.

        `known_ids` are ids (text) that must not come back; ids that the catalogue lacks are fine.
        `history` is the user's, for the strategies that ask for it. All items pass `filters`, or these
        after as few steps of `relax` as give k items; after all steps, where none gives so many. `rank` makes
        the list in place of the networks.

        Raises:
            RequestError: a filter does not fit the catalogue, or a step none of the filters.
        """
        known_1N = self._known(known_ids)

        def by_networks(k: int, known_1N: sparse.csr_array, where: Where | None) -> Ranking:
            return self.recommender.recommend_to(
                profile, k, known_UN=known_1N, histories=history, where=where
            )

        rank = rank or by_networks
        if not filters and not relax:
            return Recommended(self._records(rank(k, known_1N, None)))
        rungs = [Where(self.attributes, rung) for rung in ladder(filters, relax)]
        steps, items = 0, self._records(rank(k, known_1N, rungs[0]))
        while len(items) < k and steps + 1 < len(rungs):
            steps += 1
            items = self._records(rank(k, known_1N, rungs[steps]))
        where = rungs[steps]
        shortfall = explain(where, k, len(items)) if where.filters else None
        return Recommended(items, where.filters, steps, shortfall)

    def _known(self, known_ids: pa.Array) -> sparse.csr_array:
        known = pc.index_in(known_ids, value_set=self.items[ITEM]).drop_null().to_numpy()
        ones = np.ones(len(known), dtype=np.float32)
        return sparse.csr_array(
            (ones, (np.zeros(len(known), dtype=np.int64), known)), shape=(1, self.items.num_rows)
        )

    def _records(self, ranking: Ranking) -> list[dict[str, Any]]:
        rows_K = ranking.items_UK[0][ranking.items_UK[0] != NO_ITEM]
        records = self.items.take(rows_K).to_pylist()
        return [{**r, LOGIT: float(s)} for r, s in zip(records, ranking.scores_UK[0], strict=False)]


def open_current(registry: Path, encoding: Encoding) -> Published:
    """Open the current bundle, and make sure that it understands profiles of this encoding.

    Raises:
        ArtifactError: nothing was published, or under another schema.
    """
    published = Published.load(current_bundle(registry))
    if published.encoding.hash != encoding.hash:
        raise ArtifactError(
            f"{registry}: expected a bundle of the encoding {encoding.hash}, as the prepared data "
            f"is, received one of {published.encoding.hash}. Train and publish again."
        )
    return published


def write_content(
    folder: Path,
    *,
    nets_folder: Path,
    recipe: Recipe,
    encoding: Encoding,
    items: pa.Table,
    versions: EncodedRows,
    standing: Standing | None = None,
) -> None:
    """Write what `Published.load` reads: `items` and their encoded `versions` in the same order.

    `standing` says how each of them stands; without it all have just come, and nothing is popular.
    """
    for file in nets_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    BundledItems.write(folder, items, versions, open_nets(folder), recipe, standing)
    (folder / "recipe.json").write_text(recipe.model_dump_json(indent=1), encoding="utf-8")
    encoding.save(folder / "encoding.json")
