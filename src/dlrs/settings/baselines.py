"""What a recipe says of the baselines: which compete, and how they are fitted."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from dlrs.schema import Description, Duration

Rival = Literal[
    "most popular",
    "recently popular",
    "CF",
    "CF, WARP",
    "BPR",
    "item-kNN",
    "EASE",
    "GF-CF",
    "content-kNN",
    "hybrid CF-CBF",
]
PRIMITIVE: Rival = "most popular"
"""The model whose lists are what anybody would expect: serendipity is measured against them."""


class Baselines(Description):
    """Which models ours is compared with, and their settings (method §7)."""

    models: tuple[Rival, ...] = Field(default=get_args(Rival), description="those that compete")
    recent_window: Duration = Field(
        default=timedelta(days=7), description="recently popular: how far back events count"
    )
    cf_factors: int = Field(default=100, ge=1, description="CF: width of its vectors")
    cf_iterations: int = Field(default=15, ge=1, description="CF: times that users and items are solved for")
    # Of some twenty pairs tried on MovieLens-1M, Gowalla and the validation week of a simulated marketplace,
    # these two are at worst 10 % below the best for each. A larger λ does better there, but on little data
    # it shrinks all to 0.
    cf_confidence: float = Field(default=4, gt=0, description="α: an interaction's weight; its absence has 1")
    cf_regularisation: float = Field(default=10, ge=0, description="λ")
    warp_factors: int = Field(default=64, ge=1, description="width of its vectors")
    warp_epochs: int = Field(default=10, ge=1, description="passes over all interactions")
    warp_learning_rate: float = Field(default=0.03, gt=0, description="of Adagrad")
    bpr_factors: int = Field(default=64, ge=1, description="width of its vectors")
    bpr_iterations: int = Field(default=50, ge=1, description="as many draws as there are interactions, each")
    bpr_learning_rate: float = Field(default=0.05, gt=0, description="of gradient descent")
    bpr_regularisation: float = Field(default=0.01, ge=0, description="λ")
    item_knn_neighbours: int = Field(default=30, ge=1, description="of each item of a history")
    item_knn_shrinkage: float = Field(default=10, ge=0, description="beside the norms in the cosine")
    ease_size: int = Field(default=5000, ge=1, description="most rows of the inverse, items or users")
    ease_single: bool = Field(default=False, description="float32: half the time and memory for the inverse")
    ease_regularisation: float = Field(default=200, gt=0, description="λ")
    gf_cf_width: int = Field(default=256, ge=1, description="singular vectors of the ideal low-pass filter")
    gf_cf_low_pass: float = Field(
        default=0.3, ge=0, description="α: that filter's weight beside the linear one"
    )
    content_idf_power: float = Field(default=1, ge=0, description="of how telling a value is; 0: all alike")
    content_count_power: float = Field(default=1, ge=0, description="of how often an item was met; 0: once")
    hybrid_factors: int = Field(default=64, ge=1, description="width of its vectors")
    hybrid_epochs: int = Field(default=10, ge=1, description="passes over all interactions")
    hybrid_learning_rate: float = Field(default=0.03, gt=0, description="of Adagrad")
    seed: int = Field(default=0, ge=0, description="of what is drawn at random")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.models)) < len(self.models):
            raise ValueError(f"models: expected each once, received {list(self.models)}")
        if PRIMITIVE not in self.models:
            raise ValueError(
                f"models: expected '{PRIMITIVE}' among them, for serendipity is measured against it; "
                f"received {list(self.models)}"
            )
        return self
