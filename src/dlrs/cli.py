"""The command line: one verb a stage, and `run` and `demo` for all of them.

The verbs import what they need when they run: `dlrs --help` must not wait for torch.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from dlrs.errors import DlrsError
from dlrs.progress import FOLLOWS
from dlrs.simulator.settings import Network, Ranker, Scale
from dlrs.stopping import stoppable
from dlrs.verbs.bundles import bundles, rollback
from dlrs.verbs.candidates import candidates
from dlrs.verbs.evaluate import evaluate, show_report
from dlrs.verbs.experiment import experiment
from dlrs.verbs.recommend import recommend
from dlrs.verbs.recsys2017 import recsys2017
from dlrs.verbs.recsys2018 import recsys2018
from dlrs.verbs.results import results
from dlrs.verbs.serve import keys, replay, require_services, serve
from dlrs.verbs.tune import tune

console = Console(quiet=FOLLOWS)


class _Verbs(typer.core.TyperGroup):
    """Says without a traceback what a user can mend or has done himself: errors, a full disk, Ctrl-C."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a verb. It exits with 2 after an error, with 128 + its number after a signal."""
        with stoppable() as received:
            try:
                return super().main(*args, **kwargs)
            except BaseException as error:
                # DuckDB answers the interrupt with an error of its own: what was received decides
                if received:
                    _complain(f"stopped by {received[0].name}. Nothing half-written is left; run it again.")
                    sys.exit(128 + received[0])
                if not isinstance(error, DlrsError | OSError):
                    raise
                _complain(f"[red]error:[/red] {escape(str(error))}")
                sys.exit(2)


def _complain(text: str) -> None:
    Console(stderr=True).print(text, highlight=False, soft_wrap=True)


app = typer.Typer(
    cls=_Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A two-stage deep recommender for marketplaces: from an item table and an event log to ranked "
    "recommendations. See it work: dlrs demo. Your own data: dlrs run RECIPE --out RUN.",
)

TABLES = ("items", "events", "users")
FEW = 0.05
"""Share of the events that may be left out without a warning."""

RecipeFile = Annotated[
    Path, typer.Argument(help="TOML that describes the tables and the run", metavar="RECIPE")
]
Prepared = Annotated[Path, typer.Argument(help="folder that `dlrs prepare` wrote", metavar="PREPARED")]
Trained = Annotated[Path, typer.Argument(help="folder that `dlrs train` wrote", metavar="TRAINED")]
Out = Annotated[Path, typer.Option(help="folder to write; an older one by dlrs is replaced")]
Engine = Annotated[
    str, typer.Option(help="what reads and joins the tables: duckdb, or a Spark: local[2], spark://HOST:7077")
]
Users = Annotated[int, typer.Option(help="people who look for a vehicle")]
Items = Annotated[int, typer.Option(help="ads over the whole time")]
Weeks = Annotated[int, typer.Option(help="weeks after 30 days of warm-up; the last one is the test")]
Seed = Annotated[int, typer.Option(help="the same seed gives the same bytes")]


@app.command()
def simulate(
    out: Out,
    scale: Annotated[
        Scale,
        typer.Option(help="demo: 2,000 users, 20,000 ads, seconds; thesis: 100,000 and 1.7 million, minutes"),
    ] = "demo",
    users: Annotated[
        int | None, typer.Option(help="people who look for a vehicle, if not the scale's")
    ] = None,
    items: Annotated[int | None, typer.Option(help="ads over the whole time, if not the scale's")] = None,
    weeks: Weeks = 5,
    seed: Seed = 0,
    ads: Annotated[
        Path | None,
        typer.Option(help="table of real ads (make, model, price …) to sell; none are drawn then"),
    ] = None,
    network: Annotated[
        Network | None,
        typer.Option(help="what the recipe trains; none: history for demo, thesis for thesis"),
    ] = None,
    guests: Annotated[
        float, typer.Option(help="visitors with ids of their own who come once or twice, for each user")
    ] = 0.1,
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="give it twice: two bundles (REGISTRY, or REGISTRY@NAME) that users of the test week meet, "
            "trained on this very simulation. OUT then holds what came of it"
        ),
    ] = None,
    interleave: Annotated[
        bool, typer.Option("--interleave", help="with --against: both in each list, not an arm a user")
    ] = False,
    k: Annotated[int, typer.Option(min=1, help="with --against: ads of a list")] = 5,
) -> None:
    """Simulate a vehicle marketplace: an item table, an event log and the recipe for them.

    With --against twice it is simulated again, and its users meet the recommendations of two bundles.
    """
    from dlrs import pipeline
    from dlrs.simulator.method_figures import as_text
    from dlrs.simulator.settings import SCALES, Simulation

    size = SCALES[scale]
    settings = Simulation(
        users=size.users if users is None else users,
        items=items if items is not None else (0 if ads else size.items),
        weeks=weeks,
        seed=seed,
        guest_share=guests,
        ads=str(ads.resolve()) if ads else None,
        scale=scale,
        network=network or size.network,
    )
    if against:
        from dlrs.closed_loop.loop import EVENTS, IMPRESSIONS, OUTCOMES, Loop, closed_loop
        from dlrs.experiment.analyse import RESULT

        console.print(closed_loop(out, settings, against, Loop(interleave, k)).shown)
        _say(f"In {out}: {RESULT}, {IMPRESSIONS}, {OUTCOMES} and the whole log, {EVENTS}.")
        return
    if interleave:
        raise typer.BadParameter("--interleave needs --against, twice")
    folder = pipeline.simulate(out, settings)
    facts = folder.facts
    _say(f"{facts['users']:,} users, {facts['items']:,} ads, {facts['events']:,} events.")
    _say(as_text(facts))
    _say(f"Simulated {folder.path}. Next: dlrs run {folder / 'recipe.toml'} --out RUN")


app.command()(recommend)
app.command()(rollback)
app.command()(bundles)
app.command()(evaluate)
app.command()(tune)
app.command()(results)
app.add_typer(experiment, name="experiment")
app.add_typer(candidates, name="candidates")
app.add_typer(recsys2017, name="recsys2017")
app.add_typer(recsys2018, name="recsys2018")
app.add_typer(keys, name="keys")
app.command()(serve)
app.command()(replay)

schema = typer.Typer(no_args_is_help=True, help="Describe your own tables.")
app.add_typer(schema, name="schema")


@schema.command()
def infer(
    files: Annotated[
        list[Path], typer.Argument(help="the item table and the log, in any order", metavar="FILE…")
    ],
    out: Annotated[Path, typer.Option(help="the recipe to write; there must be none yet")] = Path(
        "recipe.toml"
    ),
) -> None:
    """Look at two tables and write a first recipe for them, with a comment at each guess.

    A third table may describe the users. Read the recipe through, then: dlrs run RECIPE.
    """
    from dlrs import pipeline

    pipeline.infer(files, out)
    _say(f"Wrote {out}. Read it through, every line is a guess. Next: dlrs run {out}")


@app.command()
def prepare(
    recipe: RecipeFile,
    out: Out,
    after: Annotated[
        Path | None, typer.Option(help="an earlier preparation: what it has of unchanged days is used again")
    ] = None,
    engine: Engine = "duckdb",
) -> None:
    """Check the two tables and turn them into profiles, encoded items and training pairs.

    Rows that cannot be used are listed with their reasons in OUT/quarantine.
    """
    from dlrs import pipeline

    facts = pipeline.prepare(recipe, out, after=after, engine=engine).facts
    _say(f"{facts['events']['kept']:,} events, {facts['profiles']:,} profiles, {facts['pairs']:,} pairs.")
    _say_left_out(facts, out)
    if after is not None:
        _say(_reuse(facts["profile_buckets"], after))
    _say(f"Prepared {out}. Next: dlrs train {out} --out TRAINED")


@app.command()
def describe(prepared: Prepared, out: Out) -> None:
    """Show the data's own figures beside the thesis's: its scale, its spread, its skew. Needs no model."""
    from dlrs import pipeline

    folder = pipeline.describe(prepared, out)
    _say(f"Figures: {folder / 'data.html'} (for people), {folder / 'data.json'} (for programs)")


@app.command()
def train(
    prepared: Prepared,
    out: Out,
    at_once: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="networks to train at once, where the recipe has several; fewer take less memory  "
            "[default: as many as processors]",
        ),
    ] = None,
) -> None:
    """Train what the recipe's `network` says: a history network, or UserNet, ItemNet and RankNet.

    Settings are those that the recipe had when PREPARED was written.

    Killed and started again, it goes on where it was.
    """
    from dlrs import pipeline

    best = pipeline.train(prepared, out, at_once=at_once).facts["validated"]["best_epoch"]
    _say(f"Trained {out}, best after epoch {best}. Curves: tensorboard --logdir {out}")
    _say(f"Next: dlrs evaluate {prepared} {out} --out REPORT")


@app.command()
def publish(
    prepared: Prepared,
    trained: Trained,
    to: Annotated[Path, typer.Option(help="registry: the folder of all published bundles")],
    evaluated: Annotated[
        Path | None, typer.Option(help="what `dlrs evaluate` wrote, to travel along")
    ] = None,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="add the networks as ONNX, for other languages: docs/onnx.md")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="make it current even if it does worse in rehearsal")
    ] = False,
) -> None:
    """Publish networks, vocabularies and item vectors as one checked bundle, and make it current.

    Before it is served it is rehearsed: its index against the exact comparison, its networks against those
    of the current bundle on the users of the test window. If it falls short, the current one stays.
    """
    from dlrs import pipeline

    facts = pipeline.publish(prepared, trained, to, evaluated_folder=evaluated, onnx=onnx, force=force).facts
    _say(f"Published bundle {facts['bundle_id']} with {facts['items']:,} items in {to}.")


@app.command()
def run(
    recipe: RecipeFile,
    out: Annotated[
        Path | None, typer.Option(help="folder to write; none: runs/ and the recipe's name")
    ] = None,
    engine: Engine = "duckdb",
) -> None:
    """Run every stage: prepare, train, evaluate, publish. Then try: dlrs recommend OUT.

    Killed and started again, it goes on behind the last stage that was done, or within the training. After a
    run that ended, or with other tables or another recipe, it does everything anew.
    """
    from dlrs import pipeline
    from dlrs.bundle import open_folder
    from dlrs.prepared import KIND

    folders = pipeline.run(recipe, out or Path("runs") / recipe.stem, engine=engine)
    _say_left_out(open_folder(folders.prepared, KIND).facts, folders.prepared)
    show_report(folders.path)
    _say(f"Next: dlrs recommend {folders.path}")


@app.command()
def demo(
    out: Out = Path("demo"),
    users: Users = 2000,
    items: Items = 20_000,
    weeks: Weeks = 5,
    seed: Seed = 0,
    network: Annotated[Network, typer.Option(help="what to train")] = "history",
    ranker: Annotated[
        Ranker, typer.Option(help="what orders the candidates; moment: behind the history network only")
    ] = "network",
    no_serve: Annotated[bool, typer.Option("--no-serve", help="do not start a service at the end")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="of the service; 0: any free one")] = 8000,
) -> None:
    """Simulate a vehicle marketplace, run the whole path on it, and serve it until Ctrl-C."""
    from dlrs import pipeline
    from dlrs.prepared import open_prepared
    from dlrs.publishing import showcase
    from dlrs.simulator.settings import Simulation

    if not no_serve:
        require_services()
    settings = Simulation(users=users, items=items, weeks=weeks, seed=seed, network=network, ranker=ranker)
    data = pipeline.simulate(out / "data", settings)
    folders = pipeline.run(data / "recipe.toml", out)
    prepared = open_prepared(folders.prepared)
    found = showcase.recommend_to_user(prepared, folders.registry, showcase.active_user(prepared), 5)
    console.print(showcase.as_text(found, prepared.recipe.marketplace.features), highlight=False)
    show_report(out)
    if no_serve:
        _say(f"Next: dlrs serve {out} --as-of watermark")
        return
    # a process of its own, without all that training brought into this one
    command = [sys.executable, "-m", "dlrs", "serve", str(out), "--as-of", "watermark", "--port", str(port)]
    os.execv(sys.executable, command)


def _say_left_out(facts: Mapping[str, Any], prepared: Path) -> None:
    """Say which rows were not used and where they are listed; warn of more than a few events."""
    from dlrs.prepared import QUARANTINE

    left_out = {table: facts[table]["quarantined"] for table in TABLES if table in facts}
    for table, reasons in left_out.items():
        for reason, rows in reasons.items():
            _say(f"Left out {rows:,} rows of {table}: {reason}.")
    if any(left_out.values()):
        _say(f"They are listed in {prepared / QUARANTINE}")
    lost, read = sum(left_out["events"].values()), facts["events"]["rows_read"]
    if lost > FEW * read:
        _complain(
            f"[yellow]warning:[/yellow] {100 * lost / read:.1f} % of the events were left out. "
            "More than a few per cent means as a rule that the recipe does not describe the tables."
        )


def _reuse(buckets: Mapping[str, Any], after: Path) -> str:
    """Say how much of an earlier preparation was of use."""
    days = "days" if buckets["width_seconds"] == 86_400 else f"stretches of {buckets['width_seconds']:g} s"
    if buckets["obstacle"] is not None:
        return f"Used nothing of {after}: {buckets['obstacle']}. Computed all {buckets['starts']:,} {days}."
    return (
        f"Of {buckets['starts']:,} {days} of events, used again as in {after}: {buckets['reused']:,}; "
        f"computed: {buckets['recomputed']:,}."
    )


def _say(text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)
