"""The service under load, beside a plain rival (FastAPI and brute-force numpy) on the same items.

    python -m benchmarks.serving RUN WORK [--only latency,capacity,…] [--seconds 30] [--repetitions 3]

RUN is what `dlrs run` wrote: its current bundle is served, with the clock at the watermark. WORK is a folder
for logs and the service's state. Prints Markdown:

    latency     100 lists a second with T = 500 and 1,000, by stage; --events, --items: some requests write
    capacity    the most lists a second with p99 < 30 ms at T = 500
    overload    goodput at 1 to 5 times that
    start       from the start of the process to the first good list
    workers     memory of each process with 1 to 3 workers
    ingest      events and items a second, in bulk and one by one
    freshness   from an event, a new item, a deletion until lists show it
    cpu         processor time of a list, by thread and stage, which a busy machine changes little
    profile     where the processor time goes (with py-spy)
The last two are not among those that run by themselves.

Load is open-loop: latency counts from the moment at which a request was due, and one without a good answer
is infinitely slow. A figure is the median of the repetitions, with the least and the most of them in
brackets. CPU a request is the processor time of all the server's processes. "sent late" is how late the
generator sent, and "others' CPUs" what other programs of the machine had meanwhile: both near 0, or the
figures are not the server's alone.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from benchmarks.load.bench import Bench, Plan
from benchmarks.load.cpu import cpu
from benchmarks.load.freshness import freshness
from benchmarks.load.market import Mix
from benchmarks.load.profiling import hot_spots, profiled
from benchmarks.load.speed import capacity, latency, overload
from benchmarks.load.standing import start, workers
from benchmarks.load.writing import ingest

from dlrs.folders import RunFolder


def profile(bench: Bench) -> str:
    """Sample the first process that has work to do while it answers lists at the plan's rate."""
    stacks = bench.plan.work / "stacks.txt"
    with bench.service(bench.plan.counts[0]) as server:
        bench.load(server, bench.plan.rate, seconds=1)
        with profiled(server.pid, stacks):
            load = bench.load(server, bench.plan.rate)
    return f"{load.server_cpu:.2f} ms CPU a request; stacks in {stacks}\n\n{hot_spots(stacks)}"


MEASURES: dict[str, Callable[[Bench], str]] = {
    "latency": latency,
    "capacity": capacity,
    "overload": overload,
    "start": start,
    "workers": workers,
    "ingest": ingest,
    "freshness": freshness,
    "cpu": cpu,
    "profile": profile,
}
BY_NAME_ONLY = ("cpu", "profile")


def main() -> None:
    options = _options()
    plan = Plan(
        RunFolder(options.run),
        options.work,
        seconds=options.seconds,
        warm_up=options.warm_up,
        repetitions=options.repetitions,
        rate=options.rate,
        workers=options.workers,
        counts=tuple(options.candidates),
        mix=Mix(options.events, options.items),
        highest=options.highest,
        with_rival=not options.no_rival,
        options=tuple(options.serve.split()),
    )
    bench = Bench(plan)
    print(_header(bench), flush=True)
    for name in options.only.split(","):
        began = time.perf_counter()
        text = MEASURES[name](bench)
        print(f"\n## {name}\n\n{text}\n\n({time.perf_counter() - began:.0f} s)", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--only", default=",".join(n for n in MEASURES if n not in BY_NAME_ONLY))
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--warm-up", type=float, default=5)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--highest", type=float, help="the highest rate, where it is known: no search")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--candidates", type=int, nargs="+", default=[500, 1000])
    parser.add_argument("--events", type=float, default=0, help="share of the requests")
    parser.add_argument("--items", type=float, default=0, help="share of the requests")
    parser.add_argument("--no-rival", action="store_true")
    parser.add_argument("--serve", default="", help="more options for `dlrs serve`")
    options = parser.parse_args()
    unknown = [name for name in options.only.split(",") if name not in MEASURES]
    if unknown:
        parser.error(f"--only: expected some of {', '.join(MEASURES)}, received {', '.join(unknown)}")
    return options


def _header(bench: Bench) -> str:
    return (
        f"# The service under load, {date.today()}\n\n"
        f"{len(bench.market.item_ids):,} items, k = {bench.plan.k}, {bench.plan.workers} worker(s). "
        f"{os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} before. The generator shares these cores. Command:\n\n"
        f"    python -m benchmarks.serving {' '.join(sys.argv[1:])}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
