"""What the whole path costs as the marketplace grows: simulate, prepare, train, evaluate, recommend to all.

    python benchmarks/scale.py --scale 1/100 --scale 1/10 --scale 1 [--work runs/scale] [--results FILE.md]
    python benchmarks/scale.py --figure docs/figures/scale.png

Scale 1 is the thesis's: 100,000 users and 1,711,190 ads. Each verb runs as a user would run it. What is
measured is printed as one table, appended to a dated file of results, and kept in WORK/measured.jsonl,
from which the figure is drawn. A verb whose output is there and was measured is not run again, so a
benchmark that was stopped goes on. `--only prepare` runs that verb anew.

Wall seconds are the machine's; processor seconds those of all threads and processes. Most memory is
what the processes held at once, as the system counts it; of it, "own" leaves out what is mapped from files,
which the system may drop and read again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

USERS, ITEMS = 100_000, 1_711_190
VERBS = ("simulate", "prepare", "train", "evaluate", "publish", "recommend")
STAGE = re.compile(r"✓ (.+?) ([0-9.]+) s")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Measured:
    """One verb at one scale, or one stage of it."""

    scale: str
    verb: str
    stage: str  # empty for the verb as a whole
    wall_s: float
    processor_s: float
    most_gb: float  # of memory; NaN for a stage
    own_gb: float
    rows: str


class Memory(threading.Thread):
    """Watches a process and its children, and remembers the most that they held together."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root, self.most, self.own = root, 0, 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.1):
            held = [_held(process) for process in _family(self.root)]
            self.most = max(self.most, sum(resident for resident, _ in held))
            self.own = max(self.own, sum(resident - mapped for resident, mapped in held))


def _family(root: int) -> list[int]:
    """Return a process and all of its descendants."""
    found = [root]
    for process in found:
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            found += [int(child) for child in _read(task).split()]
    return found


def _held(process: int) -> tuple[int, int]:
    """Return the bytes that a process holds, and those of them that are mapped from files."""
    counts = _read(Path(f"/proc/{process}/statm")).split()
    return (int(counts[1]) * PAGE, int(counts[2]) * PAGE) if counts else (0, 0)


def _processor_seconds(root: int) -> float:
    fields = [_read(Path(f"/proc/{process}/stat")).rpartition(")")[2].split() for process in _family(root)]
    return sum(sum(int(ticks) for ticks in f[11:15]) for f in fields if f) / TICKS


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # the process has just ended
        return ""


def measure(scale: str, verb: str, command: Sequence[str], work: Path) -> Iterator[Measured]:
    """Run one verb, and yield what each of its stages took, then all of it."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "dlrs", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    memory = Memory(process.pid)
    memory.start()
    said, spent = [], 0.0
    for line in process.stderr:
        said.append(line)
        if found := STAGE.search(line):
            now = _processor_seconds(process.pid)
            yield Measured(
                scale, verb, found[1], float(found[2]), now - spent, float("nan"), float("nan"), ""
            )
            spent = now
    _, status, usage = os.wait4(process.pid, 0)
    memory.done.set()
    if status:
        sys.exit("".join(said))
    yield Measured(
        scale=scale,
        verb=verb,
        stage="",
        wall_s=time.perf_counter() - started,
        processor_s=usage.ru_utime + usage.ru_stime,
        most_gb=memory.most / 1e9,
        own_gb=memory.own / 1e9,
        rows=_rows(verb, work),
    )


def commands(scale: Fraction, folder: Path) -> dict[str, tuple[list[str], Path]]:
    """Return each verb's command and what it writes."""
    data, prepared, trained = folder / "data", folder / "prepared", folder / "trained"
    evaluation, registry, lists = folder / "evaluation", folder / "bundles", folder / "lists.parquet"
    sizes = [f"--users={round(USERS * scale)}", f"--items={round(ITEMS * scale)}"]
    all_parts: dict[str, tuple[list[str | Path], Path]] = {
        "simulate": (["simulate", "--scale=thesis", *sizes, "--out", data], data),
        "prepare": (["prepare", data / "recipe.toml", "--out", prepared], prepared),
        "train": (["train", prepared, "--out", trained], trained),
        "evaluate": (["evaluate", prepared, trained, "--out", evaluation], evaluation),
        "publish": (["publish", prepared, trained, "--to", registry], registry),
        "recommend": (["recommend", folder, "--all", "--out", lists], lists),
    }
    return {verb: ([str(part) for part in parts], out) for verb, (parts, out) in all_parts.items()}


def _rows(verb: str, folder: Path) -> str:
    """Return what a verb worked on, in words."""
    match verb:
        case "simulate":
            facts = _facts(folder / "data")
            return f"{facts['versions']:,} versions, {facts['events']:,} events"
        case "prepare":
            facts = _facts(folder / "prepared")
            events, profiles, pairs = facts["events"]["kept"], facts["profiles"], facts["pairs"]
            return f"{events:,} events, {profiles:,} profiles, {pairs:,} pairs"
        case "train":
            facts = _facts(folder / "trained")
            epochs = [len(facts[name]["history"]) for name in ("validated", "refit")]
            return f"{epochs[0]} epochs validated, {epochs[1]} refit"
        case "evaluate":
            report = json.loads((folder / "evaluation/report.json").read_text(encoding="utf-8"))
            test, models = report["test"], ", ".join(report["models"])
            return f"{test['users']:,} users, {test['items']:,} items: {models}"
        case _:
            return ""


def _facts(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["facts"]
    return facts


def markdown(measured: Sequence[Measured]) -> str:
    """Return the table: a row for each verb, its stages below it."""
    head = ("scale", "verb", "wall s", "processor s", "most GB", "own GB", "rows")
    lines = [head, ("---",) * len(head)]
    for m in measured:
        if m.stage:
            lines.append(("", f"· {m.stage}", f"{m.wall_s:,.1f}", f"{m.processor_s:,.1f}", "", "", ""))
        else:
            lines.append(
                (m.scale, f"**{m.verb}**", f"{m.wall_s:,.1f}", f"{m.processor_s:,.1f}", f"{m.most_gb:.2f}",
                 f"{m.own_gb:.2f}", m.rows)
            )  # fmt: skip
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    """Say in a line what this ran on."""
    memory = os.sysconf("SC_PHYS_PAGES") * PAGE / 2**30
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, load {load:.1f} at the start, "
        f"Python {platform.python_version()}"
    )


def run(scales: Sequence[Fraction], only: Sequence[str], work: Path) -> list[Measured]:
    """Run what has not been measured yet, and return all of these scales."""
    work.mkdir(parents=True, exist_ok=True)
    log = work / "measured.jsonl"
    for scale in scales:
        folder = work / str(scale).replace("/", "-")
        for verb, (command, out) in commands(scale, folder).items():
            done = out.exists() and any(m.verb == verb for m in recorded(log) if m.scale == str(scale))
            if (done and verb not in only) or (only and verb not in only):
                continue
            if out.is_file():
                out.unlink()
            parts = [_shown(part) for part in measure(str(scale), verb, command, folder)]
            with log.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(part)) + "\n" for part in parts)
    return [m for m in recorded(log) if Fraction(m.scale) in scales]


def recorded(log: Path) -> list[Measured]:
    """Return the last measurement of each verb at each scale, in the order of scales and verbs."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    runs: dict[tuple[str, str], list[Measured]] = {}
    fresh = True
    for part in (Measured(**json.loads(line)) for line in lines):
        runs[part.scale, part.verb] = [] if fresh else runs[part.scale, part.verb]
        runs[part.scale, part.verb].append(part)
        fresh = not part.stage
    order = sorted(runs, key=lambda run: (Fraction(run[0]), VERBS.index(run[1])))
    return [part for key in order for part in runs[key]]


def _shown(part: Measured) -> Measured:
    print(markdown([part]).splitlines()[-1], flush=True)
    return part


def draw(measured: Sequence[Measured], file: Path) -> None:
    """Draw how processor seconds and memory of each verb grow, on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for verb in VERBS:
        whole = [m for m in measured if m.verb == verb and not m.stage]
        if verb != "publish":
            scales = [float(Fraction(m.scale)) for m in whole]
            left.plot(scales, [m.processor_s for m in whole], marker="o", label=verb)
            right.plot(scales, [m.own_gb for m in whole], marker="o", label=verb)
    ticks = sorted({Fraction(m.scale) for m in measured})
    for axes, title in ((left, "processor seconds"), (right, "memory of its own, GB")):
        axes.set(
            xscale="log", yscale="log", title=title, xlabel="share of the thesis's users, ads and events"
        )
        axes.set_xticks([float(tick) for tick in ticks], [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(alpha=0.3)
    right.set_yticks([0.25, 0.5, 1, 2, 4])
    left.legend(frameon=False)
    figure.savefig(file, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scale", type=Fraction, action="append", default=[])
    parser.add_argument("--only", choices=VERBS, action="append", default=[])
    parser.add_argument("--work", type=Path, default=Path("runs/scale"))
    parser.add_argument(
        "--results", type=Path, help="Markdown to append to; else benchmarks/results/DATE-scale.md"
    )
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    if options.scale:
        head = machine()
        table = markdown(run(options.scale, options.only, options.work))
        today = datetime.now(UTC).date().isoformat()
        results = options.results or Path(__file__).parent / "results" / f"{today}-scale.md"
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        with results.open("a", encoding="utf-8") as file:
            file.write(f"\n{head}\n\n    python benchmarks/{command}\n\n{table}\n")
        print(f"\n{head}\n\n{table}")
    if options.figure:
        draw(recorded(options.work / "measured.jsonl"), options.figure)


if __name__ == "__main__":
    main()
