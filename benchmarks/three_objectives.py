"""What the three objectives learn: ranking, predictions and geometry side by side [T §5].

    python benchmarks/three_objectives.py [--users 2000] [--items 20000] [--work runs/three-objectives]
        [--figure FILE.png]

Simulates the demo's marketplace or a larger one, prepares it, and trains once for each objective, with the
demo's other settings, on the weeks before `validation_from`. What the work folder holds already is taken, and
a training that was killed goes on. Lists are judged on the test week: once with the demo's T candidates
nearest to e_u, and once with every item scored, as the thesis did. Predictions and cosines are those of
pairs of the validation week. Prints Markdown and draws the figure.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure

from dlrs import pipeline
from dlrs.arrays import Doubles, Floats, stores
from dlrs.evaluation.protocol import recommend_all
from dlrs.evaluation.significance import intervals
from dlrs.evaluation.static import StaticTest
from dlrs.features.similarity import raw_cosine
from dlrs.judging.at_cut import headline_test
from dlrs.metrics.ranked import precision
from dlrs.model.forward import Nets, Representations
from dlrs.model.network import Network, without_torch
from dlrs.prepared import Prepared, open_prepared
from dlrs.recommenders.recommender import Audience, Recommender, TwoStageRecommender
from dlrs.samples.batches import Batches
from dlrs.samples.pairs import Pairs
from dlrs.settings.evaluation import Evaluation
from dlrs.simulator.settings import Simulation
from dlrs.training.loop import Trained, train
from dlrs.training.validation import Validation, pair_logits, validate_on

Objective = Literal["single", "multi-cos", "multi-cos-bar"]
OBJECTIVES: tuple[Objective, ...] = ("single", "multi-cos", "multi-cos-bar")
COLORS = {"single": "#0072B2", "multi-cos": "#D55E00", "multi-cos-bar": "#009E73"}
POSITIVES, NEGATIVES = "#0072B2", "#E69F00"
SHOWN = 20_000
"""Pairs of the validation week whose predictions and cosines are drawn."""


@dataclass(frozen=True)
class Precision:
    """Precision@k in percent: model → means and both ends of their intervals, one value a k each."""

    ks: tuple[int, ...]
    percent: dict[str, tuple[Doubles, Doubles, Doubles]]


@dataclass(frozen=True)
class Learned:
    """What training for one objective gave; P shown pairs."""

    trained: Trained
    p_P: Doubles
    cosine_P: Floats

    @property
    def validation(self) -> Validation:
        best = self.trained.history[self.trained.best_epoch - 1]
        assert best.validation is not None
        assert best.accuracy is not None
        return Validation(best.validation, best.accuracy)


def prepare(work: Path, simulation: Simulation) -> Prepared:
    if not (work / "prepared").exists():
        data = pipeline.simulate(work / "data", simulation)
        pipeline.prepare(data / "recipe.toml", work / "prepared")
    return open_prepared(work / "prepared")


def fit(prepared: Prepared, objective: Objective, folder: Path) -> Trained:
    """Train as `dlrs train` does its `validated` networks, for another objective."""
    held_back = _held_back(prepared)

    def validate(network: Network) -> Validation:
        return validate_on(network, held_back, prepared.profiles, prepared.encoded_versions)

    return train(
        prepared.pairs.in_periods(0, prepared.validation_period),
        prepared.profiles,
        prepared.encoded_versions,
        prepared.encoding.space,
        prepared.recipe.training.model_copy(update={"objective": objective}),
        folder=folder,
        validate=validate,
    )


def learn(prepared: Prepared, objective: Objective, folder: Path, shown: Pairs) -> Learned:
    trained = fit(prepared, objective, folder)
    logits_P = pair_logits(trained.network, shown, prepared.profiles, prepared.encoded_versions)
    nets = without_torch(trained.network)
    users_PD = _unit(nets.embed_users(prepared.profiles.take(shown.profile_P)))
    items_PD = _unit(nets.embed_items(prepared.encoded_versions.take(shown.version_P)))
    return Learned(trained, 1 / (1 + np.exp(-logits_P.astype(np.float64))), (users_PD * items_PD).sum(axis=1))


def recommenders(prepared: Prepared, test: StaticTest, nets: Nets, name: str) -> dict[str, Recommender]:
    """Return the same networks twice: over the demo's candidates and over every item."""
    audience = Audience(
        prepared.profiles, prepared.profile_of_QU[prepared.cut_period], prepared.encoding.space
    )
    items = nets.embed_items(prepared.encoded_versions.take(test.versions_A))
    near = prepared.recipe.candidates
    every = near.model_copy(update={"count": len(test.items_A)})
    return {
        f"{name}, {shown}": TwoStageRecommender(nets, items, test.items_A, audience, settings)
        for shown, settings in ((f"the {near.count} nearest", near), ("every item", every))
    }


def judge(models: dict[str, Recommender], test: StaticTest, settings: Evaluation) -> Precision:
    lists = recommend_all(models, test, max(settings.k), block=256)  # with every item a row is long
    hits = {name: stores(test.relevant_UN, items_UK) for name, items_UK in lists.items()}
    keys = [f"precision@{k}" for k in settings.k]
    values = {
        name: {f"precision@{k}": precision(hits_UK, k) for k in settings.k} for name, hits_UK in hits.items()
    }
    spans = intervals(values, resamples=settings.resamples, seed=settings.seed)
    percent = {
        name: (
            100 * np.array([of[key].mean() for key in keys]),
            100 * np.array([spans[name][key][0] for key in keys]),
            100 * np.array([spans[name][key][1] for key in keys]),
        )
        for name, of in values.items()
    }
    return Precision(settings.k, percent)


def draw(
    learned: dict[Objective, Learned],
    raw_P: Floats,
    label_P: Floats,
    precision: Precision,
    file: Path,
) -> None:
    figure = Figure(figsize=(10, 9), layout="constrained", dpi=100)
    parts: Any = figure.subfigures(2, 1, height_ratios=(1, 1.5))
    curves, learning = parts
    _draw_curves(curves, precision)
    axes = learning.subplots(2, len(learned), sharex="row", sharey="row")
    for column, (objective, one) in enumerate(learned.items()):
        _draw_predictions(axes[0, column], one.p_P, label_P)
        axes[0, column].set_title(f"{objective}: AUC {one.validation.auc:.3f}", fontsize=10)
        axes[1, column].plot(raw_P, one.cosine_P, ",", color=COLORS[objective], alpha=0.3, rasterized=True)
        axes[1, column].plot((-1, 1), (-1, 1), color="black", linewidth=0.6)
        axes[1, column].set_title(f"correlation {np.corrcoef(raw_P, one.cosine_P)[0, 1]:.2f}", fontsize=10)
        axes[1, column].set_xlabel("cos(u, v) of the raw inputs")
    axes[0, 0].set_ylabel("density of p̂")
    axes[1, 0].set_ylabel("cos(e_u, e_v)")
    axes[0, 0].legend(frameon=False, fontsize=9)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Software": None})


def _draw_curves(figure: Any, precision: Precision) -> None:
    """Draw Precision@k with its intervals, one panel for each way to choose the candidates."""
    ways = list(dict.fromkeys(name.split(", ")[1] for name in precision.percent))
    for way, axes in zip(ways, figure.subplots(1, len(ways), sharey=True), strict=True):
        for position, objective in enumerate(OBJECTIVES):
            mean_K, low_K, high_K = precision.percent[f"{objective}, {way}"]
            axes.errorbar(
                np.arange(len(mean_K)) + 0.06 * (position - 1),
                mean_K,
                yerr=(mean_K - low_K, high_K - mean_K),
                marker="o",
                markersize=4,
                elinewidth=1,
                color=COLORS[objective],
                label=objective,
            )
        axes.set_xticks(range(len(precision.ks)), [str(k) for k in precision.ks])
        axes.set_xlabel("k")
        axes.set_title(f"Precision@k in %, RankNet orders {way}", fontsize=10)
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=9)


def _draw_predictions(axes: Any, p_P: Doubles, label_P: Floats) -> None:
    for name, chosen_P, color in (
        ("positives", label_P > 0, POSITIVES),
        ("negatives", label_P == 0, NEGATIVES),
    ):
        axes.hist(p_P[chosen_P], bins=40, range=(0, 1), density=True, alpha=0.6, color=color, label=name)


def as_markdown(learned: dict[Objective, Learned], raw_P: Floats, precision: Precision) -> str:
    lines = [f"| Precision@k, % | {' | '.join(f'k = {k}' for k in precision.ks)} |"]
    lines.append("|---" * (len(precision.ks) + 1) + "|")
    for name, triples in precision.percent.items():
        cells = [f"{mean:.2f} ({low:.2f}–{high:.2f})" for mean, low, high in zip(*triples, strict=True)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| validation week | epoch | AUC | accuracy | correlation of cosines | their gap |"]
    lines.append("|---|---|---|---|---|---|")
    for objective, one in learned.items():
        gap = np.sqrt(np.mean((one.cosine_P - raw_P) ** 2))
        correlation = np.corrcoef(raw_P, one.cosine_P)[0, 1]
        lines.append(
            f"| {objective} | {one.trained.best_epoch} | {one.validation.auc:.4f} | "
            f"{one.validation.accuracy:.4f} | {correlation:.3f} | {gap:.3f} |"
        )
    return "\n".join(lines)


def _held_back(prepared: Prepared) -> Pairs:
    return prepared.pairs.in_periods(prepared.validation_period, prepared.cut_period)


def _some(pairs: Pairs, seed: int) -> Pairs:
    rng = np.random.default_rng(seed)
    return pairs.take(rng.choice(len(pairs), min(SHOWN, len(pairs)), replace=False))


def _unit(of: Representations) -> Floats:
    norms = np.linalg.norm(of.embedding_ND, axis=1, keepdims=True)
    return np.asarray(of.embedding_ND / np.maximum(norms, 1e-12))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/three-objectives"))
    parser.add_argument("--figure", type=Path, default=Path("docs/figures/three-objectives.png"))
    parser.add_argument("--users", type=int, default=Simulation().users)
    parser.add_argument("--items", type=int, default=Simulation().items)
    options = parser.parse_args()
    prepared = prepare(options.work, Simulation(users=options.users, items=options.items))
    settings = prepared.recipe.evaluation
    shown = _some(_held_back(prepared), settings.seed)
    one = Batches(shown, prepared.profiles, prepared.encoded_versions, len(shown), 0).at(
        np.arange(len(shown))
    )
    raw_P = raw_cosine(one.users, one.items, prepared.encoding.space, one.user_B, one.item_B)
    learned = {one: learn(prepared, one, options.work / one, shown) for one in OBJECTIVES}
    test = headline_test(prepared)
    models: dict[str, Recommender] = {}
    for objective, one in learned.items():
        models |= recommenders(prepared, test, without_torch(one.trained.network), objective)
    precision = judge(models, test, settings)
    draw(learned, raw_P, shown.label_P, precision, options.figure)
    print(as_markdown(learned, raw_P, precision))


if __name__ == "__main__":
    main()
