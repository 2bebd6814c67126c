"""A service that shows its page, and visitors of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from dlrs.folders import RunFolder
from dlrs.service.as_of import clock_offset
from dlrs.service.bundle import ServingBundle
from dlrs.service.settings import Settings
from dlrs.service.wiring import opened, read
from service_stub import over_http

PATIENT = 10.0  # seconds: no list of a busy machine is less than the whole path

HOSTILE = "<script>alert('&\"`{{7*7}}</script>"

Visit = Callable[..., httpx.Client]
"""Opens the service of a run, with a file of keys if any, and gives a visitor from this machine."""


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """Give a function that opens services; all of them are closed in the end."""
    with ExitStack() as stack:

        def open_run(run: RunFolder, keys: Path | None = None) -> httpx.Client:
            state = tmp_path_factory.mktemp("state")
            loaded = read(Settings(run.registry, state))
            offset = clock_offset(state, "watermark", loaded.bundle.watermark)
            settings = Settings(run.registry, state, clock_offset=offset, deadline=PATIENT, keys=keys)
            return stack.enter_context(over_http(stack.enter_context(opened(settings, loaded)).app))

        yield open_run


@pytest.fixture(scope="module")
def visitor(world: RunFolder, visit: Visit) -> httpx.Client:
    """A visitor of the world's page."""
    return visit(world)


@pytest.fixture(scope="module")
def bundle(world: RunFolder) -> ServingBundle:
    """The world's bundle."""
    return read(Settings(world.registry, world.path)).bundle


@pytest.fixture(scope="module")
def hostile(bundle: ServingBundle) -> dict[str, str]:
    """Features of an item as somebody who means harm would make them."""
    names = bundle.encoding.items.features.single_valued
    return {name: HOSTILE if place % 2 else "W" * 10_000 for place, name in enumerate(names)}
