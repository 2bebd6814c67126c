"""A registry whose current bundle changes under readers."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dlrs import bundle
from dlrs.errors import ArtifactError, Unavailable
from dlrs.service.bundles.held import Held


@dataclass
class Opened:
    """What a service makes of a bundle here."""

    text: str
    closed: bool = False


def load(folder: bundle.Folder) -> Opened:
    text = (folder / "text").read_text()
    if text == "broken":
        raise ValueError("it is broken")
    return Opened(text)


def close(opened: Opened) -> None:
    assert not opened.closed, "closed twice"
    opened.closed = True


def publish(registry: Path, text: str) -> str:
    content = registry.parent / "content"
    content.mkdir(exist_ok=True)
    (content / "text").write_text(text)
    return bundle.publish(registry, content, facts={}).path.name


def served(held: Held[Opened]) -> str:
    """Return the name of the bundle that is served."""
    return next(iter(held.held()))


def eventually(true: Callable[[], bool]) -> None:
    """Wait for what a thread does; a test that waits in vain for a minute fails."""
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.002)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    publish(tmp_path / "registry", "one")
    return tmp_path / "registry"


@pytest.fixture
def held(registry: Path) -> Iterator[Held[Opened]]:
    held = Held(registry, load, close, keep_seconds=0.02, poll=0.005)
    yield held
    held.stop()


def test_the_next_bundle_takes_the_place_and_the_old_one_is_closed(
    registry: Path, held: Held[Opened]
) -> None:
    one = held.current()
    assert one.text == "one"
    two = publish(registry, "two")
    eventually(lambda: served(held) == two)
    assert held.current().text == "two"
    eventually(lambda: one.closed)
    assert [*held.held()] == [two]
    assert not held.current().closed


def test_a_bundle_that_somebody_asks_for_stays_open(registry: Path, held: Held[Opened]) -> None:
    first, one = served(held), held.current()
    two = publish(registry, "two")
    eventually(lambda: served(held) == two)
    for _ in range(50):  # for several times as long as it is kept
        held.use(first)
        time.sleep(0.005)
    assert not one.closed
    assert [*held.held()] == [two, first]
    eventually(lambda: one.closed)
    held.use(first)  # too late: nothing comes of it
    assert [*held.held()] == [two]


def test_a_rollback_within_the_time_loads_nothing(registry: Path) -> None:
    loads: list[str] = []

    def counted(folder: bundle.Folder) -> Opened:
        loads.append(folder.path.name)
        return load(folder)

    held = Held(registry, counted, close, keep_seconds=600, poll=0.005)
    first, one = served(held), held.current()
    two = publish(registry, "two")
    eventually(lambda: served(held) == two)
    bundle.make_current(registry, first)
    eventually(lambda: served(held) == first)
    assert held.current() is one
    assert loads == [first, two]
    assert [*held.held()] == [first, two]
    held.stop()
    assert one.closed


def test_a_broken_bundle_changes_nothing_and_the_next_one_is_tried(
    registry: Path, held: Held[Opened], caplog: pytest.LogCaptureFixture
) -> None:
    first = served(held)
    with caplog.at_level(logging.ERROR):
        publish(registry, "broken")
        eventually(lambda: "it is broken" in caplog.text)
    assert served(held) == first
    assert held.current().text == "one"
    three = publish(registry, "three")
    eventually(lambda: served(held) == three)


def test_what_was_in_the_way_for_a_moment_is_overcome(
    registry: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failures = iter(range(3))

    def shaky(folder: bundle.Folder) -> Opened:
        opened = load(folder)
        if opened.text == "two" and next(failures, None) is not None:
            raise Unavailable("the database restarts")
        return opened

    held = Held(registry, shaky, close, poll=0.002, again=0.01)
    with caplog.at_level(logging.ERROR):
        two = publish(registry, "two")
        eventually(lambda: served(held) == two)
    assert caplog.text.count("the database restarts") == 1  # not said each time
    held.stop()


def test_a_pointer_to_nowhere_changes_nothing(
    registry: Path, held: Held[Opened], caplog: pytest.LogCaptureFixture
) -> None:
    first = served(held)
    with caplog.at_level(logging.ERROR):
        (registry / "CURRENT").write_text("nowhere\n")
        eventually(lambda: "nowhere" in caplog.text)
        (registry / "CURRENT").unlink()
    assert served(held) == first
    bundle.make_current(registry, first)
    two = publish(registry, "two")
    eventually(lambda: served(held) == two)


def test_without_a_bundle_there_is_nothing_to_hold(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="dlrs publish"):
        Held(tmp_path, load, close)


def test_after_the_end_all_is_closed(registry: Path) -> None:
    held = Held(registry, load, close)
    one = held.current()
    held.stop()
    held.stop()
    assert one.closed
    with pytest.raises(Unavailable):
        held.current()


def test_no_reader_ever_sees_a_closed_bundle(registry: Path) -> None:
    """Bundles change as fast as they are loaded, and every reader works on open ones only."""
    names = [publish(registry, text) for text in ("two", "three", "four")]
    held = Held(registry, load, close, keep_seconds=0.5, poll=0.001)
    stop = threading.Event()
    seen: list[set[str]] = [set() for _ in range(4)]
    wrong: list[str] = []

    def read(texts: set[str]) -> None:
        while not stop.is_set():
            opened = held.current()
            before = opened.closed
            time.sleep(0.0005)
            if before or opened.closed:
                wrong.append(opened.text)
            texts.add(opened.text)

    readers = [threading.Thread(target=read, args=(texts,)) for texts in seen]
    for reader in readers:
        reader.start()
    for name in names * 10:
        bundle.make_current(registry, name)
        eventually(lambda name=name: served(held) == name)
    stop.set()
    for reader in readers:
        reader.join()
    held.stop()
    assert wrong == []
    assert set.union(*seen) >= {"two", "three"}


PUBLISHER = """
import sys
from pathlib import Path
from dlrs import bundle
registry, content = Path(sys.argv[1]), Path(sys.argv[2])
n = 0
while True:
    content.mkdir(exist_ok=True)
    (content / "text").write_text(f"{sys.argv[3]} {n}")
    bundle.publish(registry, content, facts={})
    if n == 0:
        print("published", flush=True)
    n += 1
"""


def test_killed_at_any_moment_a_publisher_leaves_a_whole_current_bundle(
    registry: Path, held: Held[Opened], tmp_path: Path
) -> None:
    rng = random.Random(0)
    for turn in range(6):
        arguments = [sys.executable, "-c", PUBLISHER, registry, tmp_path / f"from{turn}", str(turn)]
        with subprocess.Popen([*map(str, arguments)], stdout=subprocess.PIPE) as publisher:
            assert publisher.stdout is not None
            assert publisher.stdout.readline() == b"published\n"
            time.sleep(rng.uniform(0, 0.05))
            os.kill(publisher.pid, signal.SIGKILL)
        found = bundle.current_bundle(registry)
        found.verify()
        eventually(lambda found=found: served(held) == found.path.name)
        assert held.current().text == (found / "text").read_text()
