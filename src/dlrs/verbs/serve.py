"""The verbs that run the service: `serve`, `keys new`, `replay`."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer

from dlrs.errors import MissingExtra, RequestError

Text = str | None
Place = Annotated[Path, typer.Argument(help="run folder, or registry of bundles", metavar="BUNDLE")]
State = Annotated[
    Path | None,
    typer.Option(help="folder of the service: database, indexes. None: service/ beside the registry"),
]
DatabaseUrl = Annotated[Text, typer.Option(help="postgresql://… none: a SQLite file in the state folder")]

keys = typer.Typer(no_args_is_help=True, help="API keys of the service.")


def serve(
    bundle: Place,
    state: State = None,
    host: Annotated[str, typer.Option(help="address to listen at; 0.0.0.0: all")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one, which is printed")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="processes; one writes the index")] = 1,
    only: Annotated[
        Literal["ranking", "candidates", "profiles"] | None, typer.Option(help="one of the three services")
    ] = None,
    candidates_url: Annotated[Text, typer.Option(help="with --only: where the Candidate Service is")] = None,
    profiles_url: Annotated[Text, typer.Option(help="with --only ranking: where the profiles are")] = None,
    database: DatabaseUrl = None,
    as_of: Annotated[
        Text,
        typer.Option(help="time that it is for the service: ISO 8601, 'watermark' (for old logs), 'now'"),
    ] = None,
    candidates: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="T, ranked for a list. None: the recipe's")
    ] = None,
    keys: Annotated[Path | None, typer.Option(help="file of API keys (dlrs keys new)")] = None,
    deadline: Annotated[float, typer.Option(min=0.01, help="seconds for a list, degraded if need be")] = 0.25,
    decisions: Annotated[
        int, typer.Option(min=0, help="newest lists that can be replayed, some 10 kB each; 0: keep none more")
    ] = 100_000,
) -> None:
    """Serve recommendations over HTTP from the current bundle, and follow the registry to the next ones."""
    require_services()
    _one_thread_each()
    from dlrs.service.settings import Settings, registry_of
    from dlrs.service.starting import start

    registry = registry_of(bundle)
    status = start(
        Settings(
            registry,
            (state or registry.parent / "service").resolve(),
            database=database,
            only=only,
            candidates_url=candidates_url,
            profiles_url=profiles_url,
            host=host,
            port=port,
            workers=workers,
            count=candidates,
            deadline=deadline,
            as_of=as_of,
            keys=keys,
            services_key=os.environ.get("DLRS_SERVICES_KEY"),
            decisions=decisions,
        )
    )
    raise typer.Exit(status)


@keys.command("new")
def new(
    scopes: Annotated[str, typer.Option(help="some of read, events, items, admin; with commas")],
    to: Annotated[Path, typer.Option(help="file of keys, new or old")],
    name: Annotated[Text, typer.Option(help="whose key it is")] = None,
) -> None:
    """Make an API key, print it once, and add its digest to a file for `dlrs serve --keys`."""
    require_services()
    from dlrs.service.http.access import new_key

    key = new_key(to, [scope.strip() for scope in scopes.split(",")], name)
    typer.echo(key)
    typer.echo(f"Its digest stands in {to}; the key itself nowhere but above.", err=True)


@keys.callback()
def _group() -> None:
    """Keep `new` a word of its own, although it is the only one."""


def replay(
    decision: Annotated[str, typer.Argument(help="decision_id of an answer", metavar="ID")],
    bundle: Annotated[Path, typer.Option("--from", help="run folder, or registry of bundles")],
    state: State = None,
    database: DatabaseUrl = None,
    against: Annotated[
        Text, typer.Option(help="id of another bundle: say what it would have changed")
    ] = None,
) -> None:
    """Rebuild a list that was given, from its bundle, its profile and the items as they were."""
    require_services()
    from dlrs.service.settings import DATABASE, database_url, registry_of
    from dlrs.service.wiring import replayed

    registry = registry_of(bundle)
    state = state or registry.parent / "service"
    if database is None and not (state / DATABASE).is_file():
        raise RequestError(
            f"{state}: expected the folder of a service, received one without {DATABASE}. "
            "Name it with --state, or the service's database with --database."
        )
    url = database_url(database, state)
    typer.echo(replayed(decision, registry, url, against))


def require_services() -> None:
    """Say what is missing before anything begins. MissingExtra without the extra `serve`."""
    if find_spec("fastapi") is None:
        raise MissingExtra("fastapi", "serve")


def _one_thread_each() -> None:
    """Keep the arithmetic of each request in its thread: requests run at the same time, and forks need it."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
