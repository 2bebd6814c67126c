"""How long `dlrs prepare` takes and how much memory it needs, stage by stage.

    DLRS_DATA=DIR python benchmarks/preparing.py recipes/globo.toml

It is prepared twice: from nothing, and with the buckets of the first time, as for a log that has not
changed. Wall seconds are the machine's, processor seconds those of all threads. Memory is the most that
the process had until the end of a stage: resident pages, those of mapped files among them.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlrs import pipeline, preparing
from dlrs.judging import at_cut as judging


def used() -> tuple[float, float]:
    """Wall and processor seconds until now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), usage.ru_utime + usage.ru_stime


def line(what: str, wall: float, processor: float) -> None:
    """Print a line of the table."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"  {what:50}{wall:8.1f}{processor:8.1f}{memory:8.2f}", flush=True)


@contextmanager
def stage(what: str) -> Iterator[None]:
    """Take the place of `dlrs.progress.stage`, and measure."""
    started = used()
    yield
    line(what, *(after - before for after, before in zip(used(), started, strict=True)))


def prepare(recipe: Path, out: Path, after: Path | None) -> None:
    """Prepare in this process, and print the table."""
    preparing.stage = judging.stage = stage
    print(f"  {'':50}{'wall s':>8}{'proc. s':>8}{'GiB':>8}")
    started = used()
    facts = pipeline.prepare(recipe, out, after=after).facts
    line("in all", *(after - before for after, before in zip(used(), started, strict=True)))
    counts = (facts["items"]["versions"], facts["events"]["kept"], facts["profiles"], facts["pairs"])
    print("  {:,} versions, {:,} events, {:,} profiles, {:,} pairs\n".format(*counts), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--out", type=Path, help="prepare there, once, in this process")
    parser.add_argument("--after", type=Path)
    options = parser.parse_args()
    if options.out is not None:
        prepare(options.recipe, options.out, options.after)
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "first", Path(folder) / "second"
        again = [sys.executable, __file__, str(options.recipe), "--out"]
        print("From nothing", flush=True)
        subprocess.run([*again, str(first)], check=True)
        print("After the same", flush=True)
        subprocess.run([*again, str(second), "--after", str(first)], check=True)


if __name__ == "__main__":
    main()
