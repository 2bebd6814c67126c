"""What a recipe says of candidates: how the catalogue is narrowed before ranking."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from dlrs.schema import Description, Duration

SourceName = Literal["popular", "last-met", "pseudo-user", "cluster", "direct"]


class Quotas(Description):
    """How much of its candidates the strategy `mixed` takes from each source; 0 asks it nothing."""

    model_config = ConfigDict(allow_inf_nan=False)  # TOML knows inf: no share can be made of it

    popular: float = Field(default=1, ge=0, description="what drew most events in recent_window")
    last_met: float = Field(default=2, ge=0, description="what is near the last item that a user met")
    pseudo_user: float = Field(default=4, ge=0, description="as the strategy pseudo-user finds it")
    cluster: float = Field(default=0, ge=0, description="as the strategy cluster finds it")
    direct: float = Field(default=2, ge=0, description="as the strategy direct finds it")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.shares:
            raise ValueError("expected one of the quotas above 0, received none.")
        return self

    @property
    def shares(self) -> dict[SourceName, float]:
        """The quotas above 0, scaled to the sum 1."""
        quotas: dict[SourceName, float] = {
            "popular": self.popular,
            "last-met": self.last_met,
            "pseudo-user": self.pseudo_user,
            "cluster": self.cluster,
            "direct": self.direct,
        }
        return {name: quota / sum(quotas.values()) for name, quota in quotas.items() if quota}


class Candidates(Description):
    """How the catalogue is narrowed before ranking (method §5)."""

    index: Literal["annoy", "exact", "ivf", "ivf-pq", "kmeans", "lopq"] = Field(
        default="exact",
        description="how the items near a vector are found: exact looks at all, the others at some",
    )
    metric: Literal["cosine", "inner-product", "euclidean"] = Field(
        default="cosine", description="what near means"
    )
    count: int = Field(default=1000, ge=1, description="T: candidates ranked per user")
    probes: int = Field(
        default=64, ge=1, description="ivf, ivf-pq, kmeans: clusters looked at for 1,000 candidates"
    )
    annoy_trees: int = Field(default=16, ge=1, description="more find more, and make its file larger")
    annoy_search_k: int = Field(
        default=40_000, ge=1, description="entries of its trees looked at for 1,000 candidates"
    )
    lopq_looks: int = Field(default=50, ge=1, description="items looked at for each of 1,000 candidates")
    lopq_bytes: int = Field(default=16, ge=2, multiple_of=2, description="bytes of an item's code")
    strategy: Literal["direct", "pseudo-user", "cluster", "mixed"] = Field(
        default="direct",
        description="near what: e_u itself, items that the user met, or groups of items; mixed: see "
        "[candidates.quotas]",
    )
    cluster_count: int | None = Field(
        default=None, ge=1, description="cluster: groups that the catalogue is put into; none: about 2 √N"
    )
    cluster_floor: float = Field(
        default=0.5, ge=0, le=1, description="cluster: p̂ that the item in the middle of a group must reach"
    )
    cluster_most: int = Field(
        default=5, ge=1, description="cluster: groups drawn from in proportion, before others follow"
    )
    recent_window: Duration = Field(
        default=timedelta(days=7),
        description="what is of late, for the prior of items and, in mixed, for recent popularity",
    )
    quotas: Quotas = Field(default=Quotas(), description="mixed: what comes from which source")

    @property
    def shares(self) -> dict[SourceName, float]:
        """The sources that the strategy takes candidates from, and how much from each; the sum is 1."""
        return self.quotas.shares if self.strategy == "mixed" else {self.strategy: 1.0}

    @property
    def needs_histories(self) -> bool:
        """Whether a source asks what users met."""
        return not {"last-met", "pseudo-user"}.isdisjoint(self.shares)
