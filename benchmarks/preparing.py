"""How long `dlrs prepare` takes and how much memory it needs, stage by stage.

    DLRS_DATA=DIR python benchmarks/preparing.py recipes/globo.toml

It is prepared twice: from nothing, and with the buckets of the first time, as for a log that has not
changed. Wall seconds are the machine's, processor seconds those of all threads.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def prepare(recipe: Path, out: Path, *options: str) -> None:
    """Run the verb as a user would, and print what the system says of the process."""
    command = [sys.executable, "-m", "dlrs", "prepare", str(recipe), "--out", str(out), *options]
    started = os.times()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(output)
    for stage, seconds in re.findall(r"✓ (.+?) ([0-9.]+) s", output):
        print(f"  {stage:48}{float(seconds):8.1f}")
    wall = os.times().elapsed - started.elapsed
    print(
        f"{'in all: wall s, processor s, most memory in GB':50}{wall:8.1f}"
        f"{usage.ru_utime + usage.ru_stime:8.1f}{usage.ru_maxrss / 1e6:8.2f}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("recipe", type=Path)
    recipe = parser.parse_args().recipe
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "first", Path(folder) / "second"
        print("From nothing")
        prepare(recipe, first)
        print("After the same")
        prepare(recipe, second, "--after", str(first))


if __name__ == "__main__":
    main()
