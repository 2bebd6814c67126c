"""Forms: what the Ranking Service's requests and answers look like."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from dlrs.candidates.filtering.filters import AnyFilter
from dlrs.candidates.filtering.relaxing import AnyStep
from dlrs.service.profiles.forms import GuestEventForm
from dlrs.service.ranking.asking import Page

LONGEST_ID = 512
LONGEST_LIST, DEFAULT_LIST = 500, 20

Id = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ID)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ID)]
Length = Annotated[int, Field(ge=1, le=LONGEST_LIST, description="items of the list")]
Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e300, le=1e300)]
Weight = Annotated[float, Field(gt=0, le=1e12)]
Filters = Annotated[tuple[AnyFilter, ...], Field(max_length=50)]
Steps = Annotated[tuple[AnyStep, ...], Field(max_length=20)]


class Form(BaseModel):
    """What a request may hold: nothing else, and text that is text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _is_text(cls, content: Any) -> Any:
        if not is_text(content):
            raise ValueError("expected text without NUL and without halves of characters (lone surrogates)")
        return content


class GivenNumber(Form):
    """A continuous feature as the model sees it: transformed, not scaled."""

    mean: Finite
    std: Annotated[Finite, Field(ge=0)] = 0.0


class GivenProfile(Form):
    """A profile instead of events."""

    values: dict[Name, dict[Name, Weight]] = Field(default_factory=dict, max_length=500)
    numbers: dict[Name, GivenNumber] = Field(default_factory=dict, max_length=500)


class Somebody(Form):
    """Who asks: one of the three."""

    user_id: Id | None = None
    events: list[GuestEventForm] | None = Field(default=None, max_length=1000)
    profile: GivenProfile | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.user_id, self.events, self.profile)) != 1:
            raise ValueError("expected one of user_id, events and profile")
        return self


class ListRequest(Somebody):
    """A list for a user, or for a guest."""

    k: Length = DEFAULT_LIST
    page: Page = "home"
    filters: Filters = ()
    relax: Steps = ()
    explain: bool = True


class RankRequest(Somebody):
    """Some items, to be put in order."""

    items: list[Id] = Field(min_length=1, max_length=1000)


class RankedForm(BaseModel):
    """An item of a list."""

    id: str
    score: float = Field(description="compares within one list only")
    features: dict[str, Any]
    reason: str | None


class ShortfallForm(BaseModel):
    """Why there are fewer items than asked for."""

    reason: Literal["few pass", "known"]
    asked: int
    found: int
    matching: int
    alone: list[int]
    without: list[int]


class AnswerForm(BaseModel):
    """A list."""

    decision_id: str
    bundle_id: str | None
    user_id: str | None
    items: list[RankedForm]
    degraded: str | None = Field(description="null, or stale, cosine, cached, popular")
    basis: str = Field(description="profile, or popular: nothing is known of the user")
    filters: list[dict[str, Any]] = Field(description="what all items pass, overrides included")
    steps: int = Field(description="of relaxing")
    shortfall: ShortfallForm | None
    stages: dict[str, float] = Field(description="milliseconds")


class RankAnswerForm(AnswerForm):
    """A given list in order."""

    missing: list[str] = Field(description="ids of items that are not there (any more)")


class FoundUserForm(BaseModel):
    """A user that was found for an item."""

    id: str
    score: float = Field(description="compares within one list only")


class UsersForm(BaseModel):
    """The users that suit an item best."""

    bundle_id: str
    item_id: str
    users: list[FoundUserForm]


class DecisionForm(BaseModel):
    """What an answer followed from."""

    id: str
    time: datetime
    user_id: str | None
    bundle_id: str
    seq: int
    request: dict[str, Any]
    profile: str = Field(description="the encoded profile: safetensors, base64")
    candidates: list[str]
    answer: list[tuple[str, float]]
    degraded: str | None


def is_text(content: object) -> bool:
    """Tell whether all text in what JSON holds can be stored: no NUL, no lone surrogates."""
    match content:
        case str():
            return "\0" not in content and not any("\ud800" <= letter <= "\udfff" for letter in content)
        case dict():
            return all(is_text(key) and is_text(value) for key, value in content.items())
        case list() | tuple():
            return all(map(is_text, content))
    return True
