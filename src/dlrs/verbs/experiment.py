"""The verbs of `dlrs experiment`: online tests on real logs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

experiment = typer.Typer(
    no_args_is_help=True, help="Online tests (A/B, interleaving): assign users, analyse logs."
)

console = Console()

ArmsText = Annotated[str, typer.Option("--arms", help="names and shares; the first is the control")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", help="what your tables call a column: user_id=who. Once for each"),
]


@experiment.command()
def assign(
    users: Annotated[str, typer.Argument(help="table with a column user_id: FILE or DATABASE#TABLE")],
    name: Annotated[str, typer.Option(help="of the test: another one mixes all users anew")],
    arms: ArmsText = "A=0.5,B=0.5",
    out: Annotated[Path | None, typer.Option(help="CSV file to write; none: print it")] = None,
    column: Columns = None,
) -> None:
    """Say which arm of a test each user meets. The same id, name and arms give the same answer for ever."""
    from dlrs.experiment.assignment import Arms, as_csv
    from dlrs.experiment.tables import column_names, read_users, source_at

    parsed = Arms.parse(arms)
    user_ids = read_users(source_at(users), column_names(column or []))
    text = as_csv(user_ids, name, parsed)
    if out is None:
        typer.echo(text, nl=False)
    else:
        _write(out, text)


@experiment.command()
def analyse(
    impressions: Annotated[
        str,
        typer.Argument(
            help="what was shown: user_id, item_id, time; arm, or --name; team if --interleaved",
            metavar="IMPRESSIONS",
        ),
    ],
    outcomes: Annotated[
        str, typer.Argument(help="what users did: user_id, item_id, time, type", metavar="OUTCOMES")
    ],
    out: Annotated[Path, typer.Option(help="folder to write; an older one by dlrs is replaced")],
    arms: Annotated[
        str | None,
        typer.Option(help="names and shares, the control first; none: as in the column, equal shares"),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="of the test, as at `assign`: then no column `arm` is read")
    ] = None,
    interleaved: Annotated[
        bool, typer.Option("--interleaved", help="lists were interleaved: read the column `team`")
    ] = False,
    within: Annotated[str, typer.Option(help="how long after an impression an outcome counts")] = "1d",
    click: Annotated[
        list[str] | None, typer.Option(help="type that counts as a click, once for each; none: every type")
    ] = None,
    contact: Annotated[
        list[str] | None, typer.Option(help="type that counts as a contact; none: contact")
    ] = None,
    detect: Annotated[
        float, typer.Option(min=0.0001, help="relative change for which to say how many users find it")
    ] = 0.05,
    column: Columns = None,
) -> None:
    """Say how the arms of a test differ: rates with intervals over users, and whether to trust them."""
    from dlrs.experiment.analyse import RESULT, Setup, analyse_into
    from dlrs.experiment.assignment import Arms
    from dlrs.experiment.tables import Rules, column_names, duration, source_at

    if interleaved and (name or arms):
        raise typer.BadParameter("--interleaved reads the column team: leave --name and --arms out")
    rules = Rules(duration(within), clicks=click or (), contacts=contact or ())
    setup = Setup(
        arms=None if arms is None else Arms.parse(arms),
        name=name,
        interleaved=interleaved,
        rules=rules,
        detect=detect,
        names=column_names(column or []),
    )
    found = analyse_into(out, source_at(impressions), source_at(outcomes), setup)
    console.print(found.shown)
    console.print(escape(f"Result: {out / RESULT}"), highlight=False, soft_wrap=True)


def _write(file: Path, text: str) -> None:
    from dlrs import bundle
    from dlrs.atomic import write_text

    with bundle.writable(file):
        write_text(file, text)
