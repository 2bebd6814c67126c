"""Processor time of a list in two versions of the service, side by side on a machine that others use, too.

    python -m benchmarks.side_by_side BEFORE AFTER RUN WORK [--candidates 500] [--blocks 200] [--size 10]

BEFORE and AFTER are two checkouts, RUN is what `dlrs run` wrote. Both versions serve it at the same time; in
turns each is asked for the same few lists, by one client. What else the machine does meanwhile slows both, so
that ratios of blocks say more than times taken one after the other. The same checkout twice tells how much.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from benchmarks.load.bench import Bench, Plan
from benchmarks.load.cpu import ask, distinct_calls, threads
from benchmarks.load.processes import Server, free_port, serving

from dlrs.folders import RunFolder

WARM_UP = 600
"""Lists of each before the first block."""

PAUSE = 0.02
"""Seconds after a block in which what it left to do in the background is done."""


def main() -> None:
    options = _options()
    bench = Bench(Plan(RunFolder(options.run), options.work))
    calls = distinct_calls(bench.market, WARM_UP + options.blocks * options.size)
    blocks = [calls[at : at + options.size] for at in range(WARM_UP, len(calls), options.size)]
    with ExitStack() as stack:
        servers = []
        for checkout in (options.before, options.after):
            port = free_port()
            command = [
                "env",
                f"PYTHONPATH={checkout.resolve() / 'src'}",
                sys.executable,
                "-m",
                "dlrs",
                "serve",
            ]
            command += [str(options.run.resolve()), "--port", str(port), "--state", str(bench.new_state())]
            command += ["--as-of", "watermark", "--candidates", str(options.candidates)]
            log = options.work / f"side-{len(servers)}.log"
            servers.append(stack.enter_context(serving(command, port, bench.a_list(), log)))
        for server in servers:
            ask(server, calls[:WARM_UP], 1)
        spent_B2 = np.zeros((len(blocks), 2))
        for number, block in enumerate(blocks):
            for side in (0, 1) if number % 2 else (1, 0):
                before = _spent(servers[side])
                ask(servers[side], block, 1)
                time.sleep(PAUSE)
                spent_B2[number, side] = (_spent(servers[side]) - before) / len(block)
    before, after = np.median(spent_B2, axis=0)
    low, middle, high = np.quantile(spent_B2[:, 1] / spent_B2[:, 0], (0.25, 0.5, 0.75))
    print(f"ms a list, medians: {before:.2f} before, {after:.2f} after")
    print(f"ratios of blocks: median {middle:.3f}, quartiles {low:.3f} and {high:.3f}")


def _spent(server: Server) -> float:
    """Return the milliseconds of processor time of a server so far."""
    return sum(sum(threads(pid).values()) for pid in server.pids) / 1e6


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("before", "after", "run", "work"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--candidates", type=int, default=500)
    parser.add_argument("--blocks", type=int, default=200)
    parser.add_argument("--size", type=int, default=10)
    return parser.parse_args()


if __name__ == "__main__":
    main()
