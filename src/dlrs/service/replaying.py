"""Replaying: an old answer again, from what was kept of it, in its bundle or in another one.

The kept candidates are ranked once more for the kept profile, with the items as they were when the answer was
made; those of a list that no network ranked come in order as they did then (`unranked`). In its own bundle
that gives the same list; in another one it shows what came, went and moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlrs.bundle import open_folder
from dlrs.candidates.bundled import BundledItems
from dlrs.data.interactions import micros
from dlrs.errors import RequestError
from dlrs.model.forward import Representations
from dlrs.schema import ITEM
from dlrs.service.bundle import ServingBundle
from dlrs.service.candidates.encoding import as_they_stand
from dlrs.service.ranking.encoded import decode, from_bytes
from dlrs.service.ranking.ordering import best, logits
from dlrs.service.ranking.tables import table_of
from dlrs.service.seams import Raw, Wanted
from dlrs.service.stores import Decision, DecisionStore, ItemChange, ItemStore
from dlrs.service.unranked import is_popular, near_item, near_user, popular_again, require_kept

CLOSE = 1e-4
"""Scores that differ by less are equal: in other batches numpy adds in another order."""


@dataclass(frozen=True)
class Replay:
    """The list of a decision, and the same again in `bundle_id`: ids and scores, best first."""

    decision: Decision
    bundle_id: str
    again: Sequence[tuple[str, float]]

    @property
    def came(self) -> list[str]:
        """Ids of the new list that were not in the old one."""
        before = {id for id, _ in self.decision.answer}
        return [id for id, _ in self.again if id not in before]

    @property
    def went(self) -> list[str]:
        """Ids of the old list that are not in the new one."""
        now = {id for id, _ in self.again}
        return [id for id, _ in self.decision.answer if id not in now]

    @property
    def moved(self) -> list[tuple[str, int, int]]:
        """Ids with their old and new places from 1, where these differ."""
        place = {id: number for number, (id, _) in enumerate(self.again, start=1)}
        return [
            (id, number, place[id])
            for number, (id, _) in enumerate(self.decision.answer, start=1)
            if place.get(id, number) != number
        ]

    @property
    def equal(self) -> bool:
        """Whether both are the same list, scores included, but for rounding."""
        if self.came or self.went or len(self.again) != len(self.decision.answer):
            return False
        scores = dict(self.again)
        before_K = np.array([score for _, score in self.decision.answer])
        now_K = np.array([scores[id] for id, _ in self.decision.answer])
        rising = np.diff(now_K)  # equal ones may change places
        return bool(np.allclose(before_K, now_K, rtol=CLOSE, atol=CLOSE) and (rising <= CLOSE).all())


def replay(decision: Decision, registry: Path, items: ItemStore, against: str | None = None) -> Replay:
    """Order the candidates of a decision again, in its own bundle or `against` another one of the registry.

    Raises:
        RequestError: what its order followed from is not kept.
        ArtifactError: the bundle is not in the registry any more.
    """
    require_kept(decision)
    own = ServingBundle.load(open_folder(registry / decision.bundle_id, "bundle"))
    other = against is not None and against != own.id
    bundle = ServingBundle.load(open_folder(registry / str(against), "bundle")) if other else own
    user = _user(decision, own, bundle) if decision.profile else None
    return Replay(decision, bundle.id, _again(decision, user, bundle, items))


def _again(
    decision: Decision, user: Representations | None, bundle: ServingBundle, items: ItemStore
) -> list[tuple[str, float]]:
    stored = bundle.items
    similar = decision.request.get("similar")
    wanted = [*decision.candidates, *([] if similar is None else [similar])]
    ids, representations = _represented(decision, wanted, bundle, stored, items)
    if similar is not None:
        scores_T = near_item(similar, ids, representations, bundle)
    elif is_popular(decision):
        return popular_again(decision, user, ids, representations, bundle, stored)
    else:
        assert user is not None  # or `require_kept` had refused
        if decision.degraded == "cosine":
            scores_T = near_user(decision, decision.request["page"], user, representations, bundle)
        else:
            scores_T = logits(bundle.nets, user, representations)
    places = best(scores_T, ids, int(decision.request["k"]))
    return [(ids[place], float(scores_T[place])) for place in places if ids[place] != similar]


def _user(decision: Decision, own: ServingBundle, bundle: ServingBundle) -> Representations:
    """Return e_u in a bundle that may not be the decision's own."""
    profile, user = from_bytes(decision.profile)
    if bundle is not own:
        if user is not None:
            raise RequestError(
                f"replay: expected the decision of networks that look at profiles, received {decision.id}, "
                "of a history network: what its user had met is not kept. Replay it in its own bundle."
            )
        if bundle.encoding.hash != own.encoding.hash:
            known = decode(profile, own.encoding)
            profile = bundle.single.profile(known.values, known.numbers)
    return bundle.nets.embed_users(profile) if user is None else user


def replay_text(
    decisions: DecisionStore, id: str, registry: Path, items: ItemStore, against: str | None = None
) -> str:
    """Replay a decision by its id, in words for a terminal.

    Raises:
        RequestError: there is no such decision (any more), or it cannot be replayed.
        ArtifactError: the bundle is not in the registry any more.
    """
    decision = decisions.get(id)
    if decision is None:
        raise RequestError(
            f"replay: expected the id of a decision that is kept, received '{id}'. "
            "Only the last ones are kept; the answers carry their ids as decision_id."
        )
    return as_text(replay(decision, registry, items, against))


def as_text(found: Replay) -> str:
    """Return a replay in words, a line each."""
    decision = found.decision
    lines = [f"Decision {decision.id}: user {decision.user_id or '(guest)'}, bundle {decision.bundle_id}"]
    if found.equal:
        lines.append(f"Bundle {found.bundle_id} gives the same {len(found.again)} items in the same order.")
    else:
        lines.append(f"Bundle {found.bundle_id} gives another list:")
        lines += [f"  came   {id}" for id in found.came]
        lines += [f"  went   {id}" for id in found.went]
        lines += [f"  moved  {id}: {before} → {now}" for id, before, now in found.moved]
    lines += [f"{place:4}  {id}  {score:.4f}" for place, (id, score) in enumerate(found.again, start=1)]
    return "\n".join(lines)


def _represented(
    decision: Decision,
    wanted: Sequence[str],
    bundle: ServingBundle,
    stored: BundledItems,
    items: ItemStore,
) -> tuple[list[str], Representations]:
    """Return those of some items that were there, and what this bundle's ItemNet makes of them."""
    as_of = micros(bundle.items_as_of)
    changes = _changes(decision, wanted, items)
    newer = {id: change for id, change in changes.items() if change.time >= as_of}
    rows_A = _rows_in(stored.table, [id for id in wanted if id not in newer])
    before = stored.representations.take(np.array(list(rows_A.values()), dtype=np.int64))
    raws = {id: change.features for id, change in newer.items() if change.features is not None}
    there = _rows_in(stored.table, list(raws))
    rows_N = np.array([there.get(id, -1) for id in raws], dtype=np.int64)
    made = as_they_stand(_embedded(list(raws.values()), bundle), rows_N, stored.representations, bundle.nets)
    together = Representations(
        np.concatenate([before.embedding_ND, made.embedding_ND]), np.concatenate([before.wide_N, made.wide_N])
    )
    return [*rows_A, *raws], together


def _embedded(raws: Sequence[Raw], bundle: ServingBundle) -> Representations:
    encoding = bundle.encoding
    return bundle.nets.embed_items(encoding.encode_items(table_of(raws, encoding.items.features)))


def _rows_in(items: pa.Table, ids: Sequence[str]) -> dict[str, int]:
    """Return the rows of those ids that a catalogue has."""
    there = items[ITEM].cast(pa.string()).combine_chunks()
    rows = pc.index_in(pa.array(ids, pa.string()), value_set=there).to_pylist()
    return {id: row for id, row in zip(ids, rows, strict=True) if row is not None}


def _changes(decision: Decision, ids: Sequence[str], items: ItemStore) -> Mapping[str, ItemChange]:
    """Return the change of each item that held when the answer was made: at `seq`, not at its time.

    The live index may have been a few changes behind the storage then.
    """
    wanted = [Wanted(id, decision.time) for id in ids]
    found: dict[str, ItemChange] = {}
    while wanted:
        changes = [change for change in items.at(wanted) if change is not None]
        found.update({change.item_id: change for change in changes if change.seq <= decision.seq})
        wanted = [Wanted(c.item_id, c.time - 1) for c in changes if c.seq > decision.seq]
    return found
