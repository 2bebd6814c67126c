"""Forms: what the User Profile API takes and gives as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
)

from dlrs.candidates.filtering.filters import Filter, parse_filters
from dlrs.data.interactions import micros
from dlrs.features.words import range_in_words
from dlrs.schema import Features
from dlrs.service.seams import Event, Met, Number, Profile

MOST_EVENTS = 10_000
"""Events in one request."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _text(value: object) -> object:
    if not isinstance(value, str) or ":" not in value:  # else 2020 and "2020" were half an hour after 1970
        raise ValueError("expected text like 2017-10-14T03:00:00Z")
    return value


Time = Annotated[AwareDatetime, BeforeValidator(_text), Field(examples=["2017-10-14T03:00:00Z"])]
"""ISO 8601 with its zone."""

Text = Annotated[str, Field(max_length=100_000)]
"""Where there is a length to check, pydantic refuses halves of surrogate pairs: no answer can say them."""


class Form(BaseModel):
    """A part of a request."""

    model_config = ConfigDict(extra="forbid")


class EventForm(Form):
    """What a user did with an item."""

    id: Text = Field(description="unique for ever: a known one changes nothing")
    user_id: Text
    item_id: Text
    type: Text
    time: Time | None = Field(default=None, description="now if left out")

    def event(self, now: int) -> Event:
        """Return the event."""
        time = now if self.time is None else micros(self.time)
        return Event(self.id, self.user_id, self.item_id, self.type, time)


class EventsForm(Form):
    """Many events; each is taken or refused by itself."""

    events: list[EventForm] = Field(max_length=MOST_EVENTS)


def _one_or_many(value: object) -> str:
    many = "events" in value if isinstance(value, Mapping) else isinstance(value, EventsForm)
    return "many" if many else "one"


AnyEvents = Annotated[
    Annotated[EventForm, Tag("one")] | Annotated[EventsForm, Tag("many")], Discriminator(_one_or_many)
]


class GuestEventForm(Form):
    """What somebody did of whom nothing is kept."""

    item_id: Text
    type: Text
    time: Time | None = Field(default=None, description="now if left out")
    id: Text | None = None
    user_id: Text = "guest"

    def event(self, place: int, now: int) -> Event:
        """Return the event, which is the one at a place of its request."""
        id = str(place) if self.id is None else self.id
        time = now if self.time is None else micros(self.time)
        return Event(id, self.user_id, self.item_id, self.type, time)


class GuestForm(Form):
    """A guest's events; of the newest `described` the features are told."""

    events: list[GuestEventForm] = Field(max_length=MOST_EVENTS)
    described: int = Field(default=20, ge=0, le=MOST_EVENTS)

    def of(self, now: int) -> list[Event]:
        """Return the events."""
        return [form.event(place, now) for place, form in enumerate(self.events)]


class OverridesForm(Form):
    """Filters that all lists of a user pass, as in docs/filters.md; they replace those before."""

    filters: list[dict[str, Any]] = Field(max_length=100)


def event_json(event: Event) -> dict[str, Any]:
    """Return what `EventForm` reads."""
    return {
        "id": event.id,
        "user_id": event.user_id,
        "item_id": event.item_id,
        "type": event.type,
        "time": moment(event.time),
    }


def moment(time: int) -> datetime:
    """Return microseconds since 1970 as a time in UTC."""
    return EPOCH + timedelta(microseconds=time)


def filters_json(filters: Sequence[Filter]) -> list[dict[str, Any]]:
    """Return filters as docs/filters.md has them."""
    return [wanted.model_dump(mode="json", exclude_defaults=True) for wanted in filters]


def profile_json(
    profile: Profile, features: Features, *, history: int, with_known_ids: bool = False
) -> dict[str, Any]:
    """Return a profile for people and for `profile_of`; the newest `history` events, newest first."""
    newest = list(profile.history[max(0, len(profile.history) - history) :])[::-1] if history else []
    found = {
        "user_id": profile.user_id,
        "version": profile.version,
        "events": profile.events,
        "discrete": {
            name: {"known": known, "values": _distribution(profile.values.get(name, {}))}
            for name, known in profile.known.items()
        },
        "continuous": {
            name: {
                "mean": number.mean,
                "std": number.std,
                "words": range_in_words(number.mean, number.std, features.continuous[name]),
            }
            for name, number in profile.numbers.items()
            if name in features.continuous  # another bundle may be served by now
        },
        "history": [_met_json(met) for met in newest],
        "overrides": filters_json(profile.overrides),
        "own": profile.own,
        "known_items": len(profile.known_ids),
    }
    return found | {"known_ids": list(profile.known_ids)} if with_known_ids else found


def _distribution(counts: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return values with weighted counts and relative frequencies, the likeliest first."""
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))
    return [{"value": value, "count": count, "frequency": count / total} for value, count in ordered]


def _met_json(met: Met) -> dict[str, Any]:
    return {
        "item_id": met.item_id,
        "type": met.type,
        "time": moment(met.time),
        "weight": met.weight,
        "features": met.features,
    }


def profile_of(content: Mapping[str, Any]) -> Profile:
    """Read what `profile_json` gave with the whole history and the known ids."""
    discrete, continuous = content["discrete"], content["continuous"]
    return Profile(
        user_id=content["user_id"],
        version=content["version"],
        events=content["events"],
        known={name: told["known"] for name, told in discrete.items()},
        values={
            name: {one["value"]: one["count"] for one in told["values"]} for name, told in discrete.items()
        },
        numbers={name: Number(told["mean"], told["std"]) for name, told in continuous.items()},
        history=[
            Met(
                met["item_id"],
                met["type"],
                micros(datetime.fromisoformat(met["time"])),
                met["weight"],
                met["features"],
            )
            for met in reversed(content["history"])
        ],
        known_ids=content["known_ids"],
        overrides=parse_filters(content["overrides"]),
        own=content["own"],
    )
