"""Forms: what the routes of the Candidate Service take and answer, and how the client reads it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from safetensors.numpy import load, save

from dlrs.arrays import AnyArray
from dlrs.candidates.filtering.filters import parse_filters
from dlrs.candidates.filtering.shortfall import Shortfall
from dlrs.model.forward import Representations
from dlrs.service.seams import CandidateAnswer, CandidateRequest, Item, Query, Wanted

BINARY = "application/octet-stream"
MOST_ITEMS = 10_000
MOST_COUNT = 10_000
FARTHEST = 4_102_444_800_000_000 * 100
"""Microseconds: times are within some thousands of years of 1970."""


def _sound_id(value: str) -> str:
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError("expected text without NUL and halves of surrogate pairs")
    if len(value.encode()) > 1024:
        raise ValueError("expected 1,024 bytes of UTF-8 at most")
    return value


def _sound_names(features: dict[str, Any]) -> dict[str, Any]:
    if any("\ud800" <= letter <= "\udfff" for name in features for letter in name):
        raise ValueError("expected names without halves of surrogate pairs")
    return features


Id = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_sound_id)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e18, le=1e18)]
Share = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e6)]
FeaturesOf = Annotated[dict[str, Any], Field(max_length=1_000), AfterValidator(_sound_names)]


class Form(BaseModel):
    """A part of a request: any key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid")


class QueryForm(Form):
    """One source of candidates."""

    vector: Annotated[list[Number], Field(min_length=1, max_length=10_000)]
    share: Share = 1.0


class CandidatesForm(Form):
    """What to look for."""

    bundle_id: Id
    queries: Annotated[list[QueryForm], Field(max_length=16)] = []
    count: Annotated[int, Field(ge=1, le=MOST_COUNT)] = 500
    known_ids: Annotated[list[Id], Field(max_length=100_000)] = []
    filters: Annotated[list[Any], Field(max_length=100)] = []
    popular: Share = 0.0
    also_ids: Annotated[list[Id], Field(max_length=MOST_ITEMS)] = []

    def request(self) -> CandidateRequest:
        """Return it as the service takes it. RequestError if a filter is none."""
        queries = [Query(np.array(one.vector, dtype=np.float32), one.share) for one in self.queries]
        filters = parse_filters(self.filters)
        return CandidateRequest(
            self.bundle_id, tuple(queries), self.count, self.known_ids, filters, self.popular, self.also_ids
        )


class RepresentForm(Form):
    """Items to represent."""

    bundle_id: Id
    ids: Annotated[list[Id], Field(max_length=MOST_ITEMS)]


class PopularForm(Form):
    """Popular items to name."""

    bundle_id: Id
    count: Annotated[int, Field(ge=1, le=MOST_COUNT)] = 100
    filters: Annotated[list[Any], Field(max_length=100)] = []


class IdsForm(Form):
    """Items to tell of."""

    ids: Annotated[list[Id], Field(max_length=MOST_ITEMS)]


class ItemForm(Form):
    """Raw features of an item."""

    features: FeaturesOf


class BulkForm(Form):
    """Many items at once."""

    upsert: Annotated[dict[Id, FeaturesOf], Field(max_length=MOST_ITEMS)] = {}
    delete: Annotated[list[Id], Field(max_length=MOST_ITEMS)] = []


class WantedForm(Form):
    """An item, as it was at a time: microseconds since 1970."""

    item_id: Id
    time: Annotated[int, Field(ge=-FARTHEST, le=FARTHEST)]

    def wanted(self) -> Wanted:
        """Return it as the service takes it."""
        return Wanted(self.item_id, self.time)


class VersionsForm(Form):
    """Items as they were."""

    wanted: Annotated[list[WantedForm], Field(max_length=MOST_ITEMS)]


def filters_json(filters: Any) -> list[Any]:
    """Return filters as JSON has them."""
    return [one.model_dump(mode="json", exclude_none=True) for one in filters]


def item_json(item: Item) -> dict[str, Any]:
    """Return an item as JSON has it."""
    return {"id": item.id, "features": item.features, "gone": item.gone}


def answer_json(answer: CandidateAnswer) -> dict[str, Any]:
    """Return an answer as JSON has it."""
    return _about(answer) | {
        "embedding": answer.items.embedding_ND.tolist(),
        "wide": answer.items.wide_N.tolist(),
        "similarity": answer.similarity_T.tolist(),
    }


def answer_bytes(answer: CandidateAnswer) -> bytes:
    """Return an answer as safetensors: its arrays, and the rest as JSON in an array of bytes."""
    arrays: dict[str, AnyArray] = {
        "embedding": np.ascontiguousarray(answer.items.embedding_ND, dtype=np.float32),
        "wide": np.ascontiguousarray(answer.items.wide_N, dtype=np.float32),
        "similarity": np.ascontiguousarray(answer.similarity_T, dtype=np.float32),
        "about": np.frombuffer(orjson.dumps(_about(answer)), dtype=np.uint8),
    }
    return save(arrays)


def answer_of(content: bytes) -> CandidateAnswer:
    """Read what `answer_bytes` wrote."""
    arrays = load(content)
    about: Mapping[str, Any] = orjson.loads(arrays["about"].tobytes())
    shortfall = about["shortfall"]
    if shortfall is not None:
        tuples = {name: tuple(shortfall[name]) for name in ("alone", "without")}
        shortfall = Shortfall(**(shortfall | tuples))
    items = Representations(arrays["embedding"], arrays["wide"])
    return CandidateAnswer(
        about["bundle_id"], about["seq"], about["ids"], items, arrays["similarity"], shortfall
    )


def _about(answer: CandidateAnswer) -> dict[str, Any]:
    shortfall = None if answer.shortfall is None else asdict(answer.shortfall)
    return {
        "bundle_id": answer.bundle_id,
        "seq": answer.seq,
        "ids": list(answer.ids),
        "shortfall": shortfall,
    }
