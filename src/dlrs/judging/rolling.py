"""Rolling judging: a prepared data set cut again and again through its test window.

At each cut everything before it is known, and all is learned anew from it: weights, profiles, encoding,
baselines. Networks that were trained before the first cut meet the profiles of each cut, in their own
encoding; or they are trained at each cut, which takes as long as it takes so many times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from dlrs.contenders.at_cut import Build, Contenders, fit_contenders
from dlrs.contenders.live import RECENT, networks_alone
from dlrs.data.interactions import micros
from dlrs.errors import DataError
from dlrs.evaluation.rolling import JudgedCut, RollingReport, judge_cut, summarise_cuts
from dlrs.judging.at_cut import headline_test
from dlrs.prepared import Prepared
from dlrs.preparing import recut
from dlrs.recipe import Recipe
from dlrs.settings.baselines import PRIMITIVE

Networks = Mapping[str, Path]
"""Folder of trained networks, by the name that reports show."""

Train = Callable[[Prepared, Path], Networks]
"""Trains networks on a data set, into a folder."""


def judge_rolling(
    prepared: Prepared,
    prepared_folder: Path,
    length: timedelta,
    *,
    networks: Networks | None = None,
    train: Train | None = None,
) -> RollingReport:
    """Judge every contender at each cut, and return what came of it, pooled and by cut.

    Args:
        prepared: the data set.
        prepared_folder: where it lies.
        length: from one cut to the next, which is as long as each test.
        networks: trained on this data set before its first cut.
        train: trains others at each cut.

    Raises:
        DataError: the window is shorter than one cut, or nobody can be judged on at one of them.
    """
    settings = prepared.recipe.evaluation
    judged = []
    for cut in cuts_of(prepared.recipe, length):
        with TemporaryDirectory(prefix=".cut-", dir=prepared_folder.parent) as folder:
            recipe = at_cut(prepared.recipe, cut, length)
            judged.append(_judge(prepared, prepared_folder, recipe, Path(folder), networks or {}, train))
    rivals = prepared.recipe.baselines.models
    return summarise_cuts(
        judged,
        ks=settings.k,
        reference=RECENT if RECENT in rivals else PRIMITIVE,
        resamples=settings.resamples,
        seed=settings.seed,
        settings=_settings(prepared, length, trained_each=train is not None),
    )


def cuts_of(recipe: Recipe, length: timedelta) -> list[datetime]:
    """Return the cuts: from test_from on, as many whole lengths as there are until test_until.

    Raises:
        DataError: there is none.
    """
    split = recipe.marketplace.split
    count = (split.test_until - split.test_from) // length
    if count == 0:
        raise DataError(
            f"rolling: expected a test window of at least one length {length}, received one from "
            f"{split.test_from} to {split.test_until}. Take shorter cuts."
        )
    return [split.test_from + number * length for number in range(count)]


def at_cut(recipe: Recipe, cut: datetime, length: timedelta) -> Recipe:
    """Return the recipe with its test moved to [cut, cut + length), and the validation period along with it.

    Training begins where it did, later by less than a refresh where profiles would not be renewed at the cut.
    """
    split = recipe.marketplace.split
    later = cut - split.test_from
    moved = split.model_copy(
        update={
            "train_from": split.train_from + later % recipe.marketplace.profiles.refresh,
            "validation_from": split.validation_from + later,
            "test_from": cut,
            "test_until": cut + length,
        }
    )
    marketplace = recipe.marketplace.model_copy(update={"split": moved})
    return recipe.model_copy(update={"marketplace": marketplace})


def _judge(
    prepared: Prepared,
    prepared_folder: Path,
    recipe: Recipe,
    folder: Path,
    networks: Networks,
    train: Train | None,
) -> JudgedCut:
    fresh = recut(prepared, prepared_folder, recipe, _made(folder / "fresh"))
    trained = train(fresh, _made(folder / "trained")) if train else {}
    fitted: dict[str, Build] = dict(fit_contenders(fresh, trained).fitted)
    if networks:
        ours = recut(prepared, prepared_folder, recipe, _made(folder / "ours"), encoding=prepared.encoding)
        fitted |= networks_alone(ours, networks)
    test = headline_test(fresh)
    recommenders = Contenders(fresh, fitted).recommenders(test.versions_A)
    return judge_cut(
        recommenders, test, recipe.evaluation.k, since=micros(recipe.marketplace.split.test_from)
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _settings(prepared: Prepared, length: timedelta, *, trained_each: bool) -> dict[str, object]:
    recipe = prepared.recipe
    return {
        "marketplace": recipe.marketplace.name,
        "schema_hash": recipe.marketplace.hash,
        "encoding_hash": prepared.encoding.hash,
        "rolling_seconds": length.total_seconds(),
        "networks": "trained at each cut" if trained_each else "trained before the first cut",
        "max_users": recipe.evaluation.max_users,
        **{f"baselines.{key}": value for key, value in recipe.baselines.model_dump(mode="json").items()},
    }
