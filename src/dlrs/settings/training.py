"""What a recipe says of training: the samples, the thesis's networks, and the history network."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from dlrs.schema import Description, Duration


class Samples(Description):
    """How many negatives are drawn for each positive (method §3); the default is the thesis's."""

    category: int = Field(default=1, ge=0, description="within the category `negatives_by`: Algorithm 1")
    uniform: int = Field(default=0, ge=0, description="from all items alive in the period")
    popularity: int = Field(default=0, ge=0, description="from the same, by (positives there)^0.75")
    passed_by: int = Field(default=0, ge=0, description="from the user's own events of negative_types then")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.category + self.uniform + self.popularity + self.passed_by == 0:
            raise ValueError("expected at least one negative for each positive, received none")
        return self


class Training(Description):
    """How the networks are trained (method §4); defaults: the thesis's, but for one Adam and `together`."""

    network: Literal["thesis", "history"] = Field(
        default="thesis", description="history: its settings are in [history], the following do not count"
    )
    ranker: Literal["network", "moment"] = Field(
        default="network",
        description="what orders the candidates; moment: the ranker of the moment, which also looks at what "
        "happens now, behind the history network",
    )
    objective: Literal["single", "multi-cos", "multi-cos-bar"] = Field(
        default="multi-cos",
        description="single: whether an item was turned to, alone; the others: beside it how similar user "
        "and item are (method §4, docs/objectives.md)",
    )
    similarity_weight: float = Field(default=0.5, ge=0, description="λ of the similarity term")
    similarity_optimiser: Literal["joint", "separate"] = Field(
        default="joint",
        description="one Adam on the whole loss; or of multi-cos a second one on the similarity term alone",
    )
    learning_rate: float = Field(default=0.003, gt=0, description="of Adam: embeddings and deep part")
    wide_learning_rate: float = Field(default=0.05, gt=0, description="of FTRL: wide part")
    batch_size: int = Field(default=2048, ge=2, description="pairs of a profile and an item a step")
    together: int = Field(
        default=4, ge=1, description="pairs of one profile side by side in an epoch, at most; 1: any order"
    )
    epochs: int = Field(default=5, ge=1, description="passes over all pairs, at most")
    patience: int = Field(default=2, ge=1, description="epochs without a better validation before stopping")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="share of layer 2 that is dropped")
    bias_init: Literal["zeros", "normal"] = Field(
        default="normal", description="the biases at first: 0, or drawn from N(0, 1)"
    )
    seed: int = Field(default=0, ge=0, description="of what is drawn at random")

    @model_validator(mode="after")
    def _second_adam(self) -> Self:
        if self.similarity_optimiser == "separate" and self.objective != "multi-cos":
            raise ValueError(
                "similarity_optimiser: expected 'joint' unless the objective is 'multi-cos', "
                f"received 'separate' with '{self.objective}'"
            )
        return self

    @model_validator(mode="after")
    def _first_stage(self) -> Self:
        if self.ranker == "moment" and self.network != "history":
            raise ValueError(
                "ranker: expected 'network' unless the network is 'history', which finds the candidates of "
                f"the ranker of the moment; received 'moment' with '{self.network}'. Set "
                'network = "history".'
            )
        return self


class History(Description):
    """The history network: what it is like and how it is trained (`model.history_net`)."""

    width: int = Field(default=64, ge=2, description="of e_u and e_v")
    length: int | None = Field(
        default=None,
        ge=1,
        description="events of a user that it looks back at; none: 50, or 200 where order says nothing",
    )
    reading: Literal["attention", "mean", "both", "set", "best"] = Field(
        default="both",
        description="how a user's events become one vector; set: their mean, and training tells each from "
        "all the others, as if order said nothing; best: set, also at a quarter of the rate or with "
        "user_ids, or attention, whichever validates best (and see partner)",
    )
    spread: int = Field(
        default=8, ge=1, description="set: steps of an epoch over which what a user met is told"
    )
    user_ids: bool = Field(
        default=False, description="each user of the log has an embedding of his own, beside what he met"
    )
    blocks: int = Field(default=1, ge=1, description="of self-attention")
    heads: int = Field(default=1, ge=1, description="of self-attention; width is a multiple of it")
    unordered: Duration | None = Field(
        default=None, description="events of one user within such a span of time have no order"
    )
    users: int | None = Field(
        default=None, ge=1, description="whose histories an epoch learns from, drawn anew; none: everybody's"
    )
    minimum_uses: int = Field(
        default=2, ge=1, description="events whose item has a value; a value with fewer counts as unknown"
    )
    negatives: int = Field(default=1024, ge=1, description="items a step, of those alive, all alike")
    popular_negatives: int = Field(default=0, ge=0, description="beside them, by how often they were met")
    passed_negatives: int = Field(
        default=0, ge=0, description="beside them for each event, from its user's events of negative_types"
    )
    temperature: float = Field(default=0.08, gt=0, description="the cosine is divided by it")
    dropout: float = Field(
        default=0.4, ge=0, lt=1, description="share of what a history became that is dropped in training"
    )
    field_dropout: float = Field(
        default=0.1, ge=0, lt=1, description="share of features left out in training"
    )
    start: Literal["spectral", "random"] = Field(
        default="spectral", description="embeddings at first: by what was met together, or drawn"
    )
    prior: bool = Field(
        default=True,
        description="beside the cosine, a scalar of each item: whether nobody met it, how often it was met, "
        "how often of late, how old it is; fitted on the validation period",
    )
    partner: Literal["reading", "seed", "none"] = Field(
        default="reading",
        description="a second network beside the first. reading: with best, another of the four, where both "
        "together validate better; seed: the same from another seed, whatever the reading, half and half",
    )
    low_pass: bool = Field(
        default=True,
        description="beside the cosine, a second opinion as wide as the network, linear in what was met "
        "(GF-CF); where hardly anything new is turned to, kept if it validates better",
    )
    learning_rate: float = Field(default=0.002, gt=0, description="of Adam")
    averaged: float = Field(
        default=1.0,
        ge=0,
        description="epochs whose weights have a mean, the last the most, that is kept; 0: no mean",
    )
    batch_size: int = Field(default=128, ge=1, description="stretches of users' histories a step")
    epochs: int = Field(default=30, ge=1, description="passes over all histories, at most")
    patience: int = Field(default=5, ge=1, description="epochs without a better validation before stopping")
    seed: int = Field(default=0, ge=0, description="of what is drawn at random")

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width: expected a multiple of heads ({self.heads}), received {self.width}")
        return self

    @property
    def looks_back(self) -> int:
        """How many events of a user it looks back at."""
        return self.length or (50 if self.attends else 200)

    @property
    def wants_ids(self) -> bool:
        """Whether the ids of users must be there to learn from."""
        return self.user_ids or self.reading == "best"

    @property
    def attends(self) -> bool:
        """Whether there is self-attention over a user's events."""
        return self.reading in ("attention", "both")

    @property
    def averages(self) -> bool:
        """Whether the mean of a user's items is part of e_u."""
        return self.reading != "attention"
