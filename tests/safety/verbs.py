"""A marketplace of a handful of people, and every verb on it as a process that stops where it is told to."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dlrs import bundle, pipeline
from dlrs.errors import ArtifactError
from dlrs.simulator.settings import Simulation

# A process forked from one that has imported everything, what libraries import late too, begins at once.
LATE = ["pandas", "ibis.backends.duckdb", "torch._dynamo", "implicit.als", "matplotlib.backends.backend_svg"]
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["safety.verbs", "dlrs.cli", "dlrs.training.loop", *LATE])

TINY: dict[str, int] = {"users": 6, "items": 40, "weeks": 3}
OLDER, NEWER = 1, 2  # seeds of the two simulations
QUICK = {"epochs": 1, "hybrid_epochs": 1, "cf_iterations": 1, "resamples": 10}
OPENED = "o"
CHANGES = {"os.mkdir": "m", "os.rename": "R", "os.remove": "d", "os.rmdir": "d", "os.symlink": "s"}
MOST_CHANGES = 10_000

Hook = Callable[[], None]
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Verb:
    """Its arguments, given a finished run to read from and a folder to write below; what it leaves there."""

    arguments: Callable[[Path, Path], list[object]]
    writes: Mapping[str, str]  # folder below → kind; "bundles" is the registry


class Finished(NamedTuple):
    """Two runs that ended in peace, each on a market of its own."""

    older: Path
    newer: Path


@dataclass(frozen=True)
class Ended:
    """How a process ended, what it printed, and a letter for each change that it made on the disk."""

    code: int
    said: str
    changes: str


STAGES = {"prepared": "prepared", "trained": "trained", "evaluation": "evaluated", "bundles": "bundle"}
VERBS = {
    "simulate": Verb(
        lambda run, to: [*simulation("simulate", to / "data"), "--network", "thesis"], {"data": "simulated"}
    ),
    "prepare": Verb(
        lambda run, to: ["prepare", run / "recipe.toml", "--out", to / "prepared"],
        {"prepared": "prepared"},
    ),
    "describe": Verb(
        lambda run, to: ["describe", run / "prepared", "--out", to / "described"],
        {"described": "described"},
    ),
    "train": Verb(
        lambda run, to: ["train", run / "prepared", "--out", to / "trained"], {"trained": "trained"}
    ),
    "evaluate": Verb(
        lambda run, to: ["evaluate", run / "prepared", run / "trained", "--out", to / "evaluation"],
        {"evaluation": "evaluated"},
    ),
    "publish": Verb(
        lambda run, to: [
            *("publish", run / "prepared", run / "trained", "--to", to / "bundles"),
            *("--evaluated", run / "evaluation"),
        ],
        {"bundles": "bundle"},
    ),
    "run": Verb(lambda run, to: ["run", run / "recipe.toml", "--out", to], STAGES),
    "demo": Verb(lambda run, to: [*simulation("demo", to), "--no-serve"], {"data": "simulated", **STAGES}),
}
"""Every verb that writes."""


def simulation(verb: str, out: Path, seed: int = NEWER) -> list[object]:
    sizes = [part for name, size in TINY.items() for part in (f"--{name}", size)]
    return [verb, "--out", out, *sizes, "--seed", seed]


def simulate_quick(run: Path, seed: int, **settings: object) -> Path:
    """Simulate into `run`/data, and return a recipe beside it that is over in a second."""
    data = pipeline.simulate(run / "data", Simulation(**TINY, seed=seed))
    text = (data / "recipe.toml").read_text()
    for name, value in {"data": '"data"', **QUICK, **settings}.items():
        text, found = re.subn(rf"(?m)^{name} = \S+", f"{name} = {value}", text)
        assert found, name
    recipe = run / "recipe.toml"
    recipe.write_text(text)
    return recipe


def dlrs(*arguments: object, home: Path, hook: Hook | None = None, stop: Stop | None = None) -> Ended:
    """Run a verb in a process of its own, with `home` as its working and temporary folder.

    Args:
        arguments: of the command line.
        home: must exist.
        hook: is called in the process before the verb begins; must be a function of a module.
        stop: where a signal strikes.
    """
    changes = PROCESSES.RawArray("c", MOST_CHANGES)
    log = home.with_name(f"{home.name}.log")
    process = PROCESSES.Process(
        target=_verb, args=([str(a) for a in arguments], home, log, changes, hook, stop), daemon=True
    )
    process.start()
    process.join()
    assert process.exitcode is not None
    return Ended(process.exitcode, " ".join(log.read_text().split()), changes.value.decode())


@dataclass(frozen=True)
class Stop:
    """A signal that strikes right before the n-th change on the disk, counted from 1."""

    before: int
    signal: signal.Signals = signal.SIGKILL


def _verb(
    arguments: list[str], home: Path, log: Path, changes: Any, hook: Hook | None, stop: Stop | None
) -> None:
    from dlrs import cli

    with log.open("wb") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    os.chdir(home)
    os.environ["TMPDIR"] = str(home)
    _watch(changes, stop)
    if hook is not None:
        hook()
    sys.argv = ["dlrs", *arguments]
    cli.app()


def _watch(changes: Any, stop: Stop | None) -> None:
    count = 0

    def audit(event: str, details: tuple[Any, ...]) -> None:
        nonlocal count
        if event in CHANGES or (event == "open" and _writes(*details)):
            changes[count] = CHANGES.get(event, OPENED).encode()
            count += 1
            if stop is not None and count == stop.before:
                os.kill(os.getpid(), stop.signal)

    sys.addaudithook(audit)


def _writes(file: object, mode: str | None, flags: int) -> bool:
    named = isinstance(file, str | os.PathLike) and not str(file).startswith(("/dev/", "/proc/"))
    return named and flags & (os.O_WRONLY | os.O_RDWR) != 0


def content(folder: Path, kind: str) -> Files | None:
    """Return the files of a whole folder, of a registry those of the current bundle; None if none is whole.

    What holds the time or the process (TensorBoard's files, and so the manifest beside them) is left out.
    """
    try:
        whole = bundle.current_bundle(folder) if kind == "bundle" else bundle.open_folder(folder, kind)
    except ArtifactError as error:
        if "received none" not in str(error):
            raise
        return None
    whole.verify()
    return {
        str(file.relative_to(whole.path)): file.read_bytes()
        for file in whole.path.rglob("*")
        if file.is_file()
        and "tensorboard" not in file.parts
        and (kind, file.name) != ("trained", "manifest.json")
    }


def contents(folder: Path, verb: Verb) -> dict[str, Files | None]:
    """Return what stands in each place that a verb writes."""
    return {place: content(folder / place, kind) for place, kind in verb.writes.items()}


def litter(*folders: Path) -> list[str]:
    """Return the hidden files and folders: what is left of something unfinished."""
    return [str(path) for folder in folders for path in folder.rglob(".*")]


def begin(where: Path, start: Path | None, verb: Verb) -> Path:
    """Return a new folder to write below; it holds what the verb wrote in `start`, if there is one."""
    where.mkdir(parents=True)
    if start is not None:
        for place in verb.writes:
            shutil.copytree(start / place, where / place)
    return where
