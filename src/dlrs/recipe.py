"""Recipe: a marketplace and how to learn from it, in one TOML that maps 1:1 to these classes."""

from __future__ import annotations

import os
import string
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import ConfigDict, Field, ValidationError, model_validator

from dlrs.errors import SchemaError
from dlrs.evaluation_settings import Evaluation, Prequential
from dlrs.recipe_keys import unknown_key
from dlrs.schema import USER, Description, Duration, Features, Marketplace

DATA_VARIABLE = "DLRS_DATA"
SQL_SUFFIX = ".sql"


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
    recent_window: Duration = Field(default=timedelta(days=7), description="mixed: of recent popularity")
    quotas: Quotas = Field(default=Quotas(), description="mixed: what comes from which source")

    @property
    def shares(self) -> dict[SourceName, float]:
        """The sources that the strategy takes candidates from, and how much from each; the sum is 1."""
        return self.quotas.shares if self.strategy == "mixed" else {self.strategy: 1.0}

    @property
    def needs_histories(self) -> bool:
        """Whether a source asks what users met."""
        return not {"last-met", "pseudo-user"}.isdisjoint(self.shares)


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


class Recipe(Description):
    """A whole run."""

    data: str = Field(description="data folder, relative to the recipe's; $DLRS_DATA is expanded")
    sql: str | None = Field(
        default=None,
        description="file beside the recipe (.sql), or statements. DuckDB runs them in the data folder "
        "before it reads; what tables and views they make can be named as `table`",
    )
    marketplace: Marketplace
    samples: Samples = Samples()
    training: Training = Training()
    history: History = History()
    candidates: Candidates = Candidates()
    baselines: Baselines = Baselines()
    evaluation: Evaluation = Evaluation()
    prequential: Prequential = Prequential()

    @model_validator(mode="after")
    def _negatives_are_there(self) -> Self:
        asked = {
            "samples.passed_by": self.samples.passed_by,
            "history.passed_negatives": self.history.passed_negatives,
        }
        for name, count in asked.items():
            if count and not self.marketplace.negative_types:
                raise ValueError(
                    f"{name}: expected negative_types in the marketplace to draw from, received none"
                )
        return self

    @model_validator(mode="after")
    def _ids_are_asked_for(self) -> Self:
        if self.lists_user_ids and self.training.network == "history" and not self.history.wants_ids:
            raise ValueError(
                f"users.features: expected no {USER} for a history network without ids of users, received "
                "it. Set user_ids = true under [history], or leave the feature out."
            )
        return self

    @property
    def needs_histories(self) -> bool:
        """Whether candidates or networks ask what users met."""
        return self.candidates.needs_histories or self.training.network == "history"

    @property
    def lists_user_ids(self) -> bool:
        """Whether the ids of users are among the features of their table."""
        users = self.marketplace.users
        return users is not None and USER in users.features.names

    @property
    def user_features(self) -> Features | None:
        """What users have of their own: features of their table, and their ids for the history network."""
        table = self.marketplace.users
        described = None if table is None else table.features
        if not (self.training.network == "history" and self.history.wants_ids):
            return described
        if described is None:
            return Features(categorical=(USER,))
        if USER in described.names:
            return described
        return described.model_copy(update={"categorical": (*described.categorical, USER)})

    @property
    def model(self) -> str:
        """What reports call the networks."""
        return "history" if self.training.network == "history" else self.training.objective


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        SchemaError: the file is missing, is no TOML, or holds a key or value that does not fit.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SchemaError(f"{path}: expected a recipe (TOML), received no such file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError) as error:
        raise SchemaError(f"{path}: expected a TOML file, received: {error}.") from error
    sql = content.get("sql")
    if isinstance(sql, str) and sql.endswith(SQL_SUFFIX):
        content["sql"] = _read_sql(path.parent / sql)
    return parse_recipe(content, source=str(path))


def _read_sql(file: Path) -> str:
    """Return the statements: a recipe that is kept somewhere else has no file beside it."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(f'sql = "{file.name}": expected the file {file}, received: {error}.') from error


def parse_recipe(content: dict[str, object], *, source: str) -> Recipe:
    """Check a recipe that was read already; `source` names it in errors."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        lines = [f"{source}: the recipe does not fit its schema."]
        for problem in error.errors():
            key = ".".join(str(part) for part in problem["loc"]) or "(whole file)"
            says = problem["msg"]
            if problem["type"] == "extra_forbidden":
                says = unknown_key(Recipe, problem["loc"])
            received = (
                "" if problem["type"] in ("missing", "value_error") else f", received {problem['input']!r}"
            )
            lines.append(f"  {key}: {says}{received}")
        raise SchemaError("\n".join(lines)) from error


def data_folder(recipe: Recipe, recipe_folder: Path) -> Path:
    """Return the folder that `data` names, after expanding environment variables in it.

    What begins with a variable is named by whoever runs the recipe: relative to where he runs it.
    """
    named = Path(expand_variables(recipe.data, key="data")).expanduser()
    return named.absolute() if recipe.data.startswith("$") else recipe_folder / named


def expand_variables(text: str, *, key: str) -> str:
    """Replace $NAME by the environment's value; `key` is what the recipe calls the text.

    Raises:
        SchemaError: a variable is not set, or a dollar sign does not begin a name.
    """
    try:
        return string.Template(text).substitute(os.environ)
    except KeyError as error:
        raise SchemaError(
            f'{key} = "{text}": the environment variable {error.args[0]} is not set. '
            f"Set it, for example: export {error.args[0]}=…"
        ) from error
    except ValueError as error:
        raise SchemaError(f'{key} = "{text}": write a dollar sign as $$ ({error}).') from error
