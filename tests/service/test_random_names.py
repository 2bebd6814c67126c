"""Names come once, also where a process is forked that has some in store."""

from __future__ import annotations

import subprocess
import sys

from dlrs.service.random_names import AT_ONCE, new_name


def test_names_are_of_the_size_asked_for_and_come_once() -> None:
    sizes = [16, 8, 3] * AT_ONCE  # more than the system is asked for at once
    names = [new_name(size) for size in sizes]
    assert [len(name) for name in names] == [2 * size for size in sizes]
    long = [name for name in names if len(name) == 32]
    assert len(set(long)) == len(long)


FORKS = """
import os
from dlrs.service.random_names import new_name
new_name(16)  # some are in store
child = os.fork()
if child:
    os.waitpid(child, 0)
print(new_name(16), flush=True)
"""


def test_a_forked_process_has_names_of_its_own() -> None:
    said = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True).stdout
    assert len(set(said.split())) == 2
