"""`dlrs serve` as real processes: alone and with workers, stopped, killed, with another clock, in parts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dlrs.client import Client
from dlrs.errors import RequestError
from dlrs.folders import RunFolder


@contextmanager
def serving(
    run: Path, state: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[str], Client, list[str]]]:
    """Give a service that is ready, a client of it, and what it said."""
    command = [
        sys.executable,
        "-m",
        "dlrs",
        "serve",
        str(run),
        "--state",
        str(state),
        "--port",
        "0",
        *options,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line.strip())
            if line.startswith("ready: "):
                break
        else:
            pytest.fail(f"not ready: {said}")
        with Client(said[-1].split()[1], attempts=20) as client:
            yield process, client, said
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(child) for child in children.split()]


def eventually(test: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while not test() and time.monotonic() < until:
        time.sleep(0.05)
    return test()


def is_gone(client: Client, decision: str) -> bool:
    try:
        client.decision(decision)
    except RequestError:
        return True
    return False


def test_it_answers_stops_when_asked_and_goes_on_with_its_clock(world: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "live" / "deleted" / "writer").mkdir(parents=True)
    with serving(world.path, tmp_path, "--as-of", "watermark") as (process, client, said):
        assert [folder.name for folder in (tmp_path / "live").iterdir()] == [said[0].split()[1]]
        assert client.ready()["status"] == "ready"
        listed = client.recommendations("nobody", 5)
        assert len(listed["items"]) == 5
        assert f"bundle {listed['bundle_id']}" in said[0]
        assert any("only this machine writes" in line for line in said)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    with serving(world.path, tmp_path) as (_, _, said):
        assert any("--as-of" in line for line in said)
        assert not any("warning" in line for line in said)


def test_it_says_that_the_log_is_old(world: RunFolder, tmp_path: Path) -> None:
    with serving(world.path, tmp_path) as (process, _, said):
        assert any(line.startswith("warning") for line in said)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find workers")
def test_killed_workers_come_back_and_all_share_their_numbers(world: RunFolder, tmp_path: Path) -> None:
    with serving(world.path, tmp_path, "--as-of", "watermark", "--workers", "2") as (process, client, _):
        item = client.recommendations("nobody", 1)["items"][0]["id"]
        for _ in range(2):
            first = workers_of(process)
            assert len(first) == 2
            for worker in first:
                os.kill(worker, signal.SIGKILL)
            until = time.monotonic() + 20
            while (len(workers_of(process)) < 2 or set(workers_of(process)) & set(first)) and (
                time.monotonic() < until
            ):
                time.sleep(0.05)
            assert client.live() == {"status": "live"}
        client.delete_item(item)
        assert item not in [one["id"] for one in client.recommendations("nobody", 500)["items"]]
        counted = [
            line for line in client.metrics().splitlines() if line.startswith("dlrs_request_seconds_c")
        ]
        assert any('route="/recommendations/' in line for line in counted)
        last = workers_of(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert not any(Path(f"/proc/{worker}").exists() for worker in last)


def test_in_parts_it_gives_the_same_lists(world: RunFolder, tmp_path: Path) -> None:
    clock = ("--as-of", "watermark")
    with (
        serving(world.path, tmp_path / "whole", *clock) as (_, whole, _),
        serving(world.path, tmp_path / "c", *clock, "--only", "candidates") as (_, candidates, said),
    ):
        there = ("--candidates-url", said[-1].split()[1])
        with serving(world.path, tmp_path / "p", *clock, "--only", "profiles", *there) as (_, profiles, said):
            both = (*there, "--profiles-url", said[-1].split()[1], "--deadline", "5")
            with serving(world.path, tmp_path / "r", *clock, "--only", "ranking", *both) as (_, ranking, _):
                item = whole.recommendations("nobody", 1)["items"][0]["id"]
                event = {"id": "e", "user_id": "somebody", "item_id": item, "type": "view"}
                for service in (whole, profiles):
                    service.events([event])
                lists = [service.recommendations("somebody", 10) for service in (whole, ranking)]
                assert lists[0]["items"] == lists[1]["items"]
                assert lists[1]["degraded"] is None
                assert ranking.decision(lists[1]["decision_id"])["user_id"] == "somebody"
                profiles.erase("somebody")
                assert eventually(lambda: is_gone(ranking, lists[1]["decision_id"]))
                assert ranking.recommendations("somebody", 10)["basis"] == "popular"
                candidates.delete_item(item)
                assert item not in [one["id"] for one in ranking.recommendations("nobody", 500)["items"]]


def test_what_is_missing_is_said_before_anything_starts(world: RunFolder, tmp_path: Path) -> None:
    for options, expected in (
        ((str(tmp_path),), "published bundle"),
        ((str(world.path), "--only", "ranking"), "--candidates-url"),
        ((str(world.path), "--as-of", "yesterday"), "--as-of"),
        ((str(world.path), "--keys", str(tmp_path / "none")), "dlrs keys new"),
    ):
        command = [
            sys.executable,
            "-m",
            "dlrs",
            "serve",
            *options,
            "--state",
            str(tmp_path / "s"),
            "--port",
            "0",
        ]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 2
        assert expected in ended.stderr
