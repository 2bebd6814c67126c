"""`dlrs recommend`: items for a user or for everybody, and the other way round."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from dlrs.folders import RunFolder
from dlrs.progress import FOLLOWS

PARQUET = ".parquet"

console = Console(quiet=FOLLOWS)


def recommend(
    run: Annotated[Path, typer.Argument(help="folder that `dlrs run` or `dlrs demo` wrote", metavar="RUN")],
    user: Annotated[str | None, typer.Option(help="id of a user of the log; none: an active one")] = None,
    k: Annotated[int, typer.Option(min=1, help="how many items")] = 5,
    everybody: Annotated[
        bool, typer.Option("--all", help="for every user with a profile, into --out")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Parquet file for the lists of --all or --for-every-item")
    ] = None,
    for_item: Annotated[
        str | None, typer.Option(help="the other way round: the users who suit this item best")
    ] = None,
    for_every_item: Annotated[
        bool, typer.Option("--for-every-item", help="the users who suit each item best, into --out")
    ] = False,
    engine: Annotated[
        str,
        typer.Option(
            help="who answers --all: duckdb (this process), or a Spark: local[2], spark://HOST:7077"
        ),
    ] = "duckdb",
    where: Annotated[
        list[str] | None, typer.Option(help="filter in JSON, or a list of them; repeatable", metavar="JSON")
    ] = None,
    relax: Annotated[
        list[str] | None,
        typer.Option(help="step in JSON, or a list: what to give up for k items", metavar="JSON"),
    ] = None,
) -> None:
    """Recommend items to one user from the published bundle, beside his profile in words; or to all users.

    --all --out FILE writes user_id, item_id, rank and score, and so does --for-every-item --out FILE. --where
    and --relax are for one user: docs/filters.md says what they look like.
    """
    from dlrs.candidates.filtering.wishes import read_filters, read_steps
    from dlrs.prepared import open_prepared
    from dlrs.publishing import showcase

    folders = RunFolder(run)
    if out is not None and out.suffix != PARQUET:
        raise typer.BadParameter(f"--out: expected a name that ends in {PARQUET}, received {out.name}")
    if for_item is not None or for_every_item:
        alone = (user, where, relax) == (None, None, None) and not everybody
        if not alone or (for_item is None) != for_every_item or for_every_item != (out is not None):
            raise typer.BadParameter(
                "expected --for-item ID, or --for-every-item --out FILE, and at most --k"
            )
        _say_users(folders.registry, for_item, k, out)
        return
    if everybody:
        if where or relax:
            raise typer.BadParameter("--where and --relax are for one user, not for --all")
        if out is None or user is not None:
            raise typer.BadParameter("--all needs --out FILE, and no --user")
        _say_lists(folders, out, k, engine)
        return
    if out is not None:
        raise typer.BadParameter("--out is for --all")
    filters, steps = read_filters(where or ()), read_steps(relax or ())
    prepared = open_prepared(folders.prepared)
    user_id = showcase.active_user(prepared) if user is None else user
    found = showcase.recommend_to_user(prepared, folders.registry, user_id, k, filters, steps)
    console.print(showcase.as_text(found, prepared.recipe.marketplace.features), highlight=False)


def _say_lists(folders: RunFolder, out: Path, k: int, engine: str) -> None:
    """Write everybody's list, and say how many there are and who has none."""
    from dlrs import pipeline
    from dlrs.bundle import open_folder
    from dlrs.prepared import KIND

    facts = pipeline.recommend_all(folders.prepared, folders.registry, out, k, engine=engine)
    _say(f"{facts['rows']:,} items for {facts['users']:,} users from bundle {facts['bundle_id']}: {out}")
    without = open_folder(folders.prepared, KIND).facts["events"]["users"] - facts["users"]
    if without:
        have = "user of the log has" if without == 1 else "users of the log have"
        _say(f"{without:,} {have} no profile at its end, so no list.")


def _say_users(registry: Path, item_id: str | None, k: int, out: Path | None) -> None:
    """Say who suits an item best, or write who suits each."""
    from dlrs import pipeline

    if out is not None:
        facts = pipeline.recommend_users_for_all(registry, out, k)
        _say(f"{facts['rows']:,} users for {facts['items']:,} items from bundle {facts['bundle_id']}: {out}")
    elif item_id is not None:
        for user_id, score in pipeline.recommend_users(registry, item_id, k):
            _say(f"{user_id}  {score:.4f}")


def _say(text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)
