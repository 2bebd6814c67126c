"""The whole service, as `dlrs serve` puts it together, with its own state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from dlrs.bundle import current_bundle
from dlrs.folders import RunFolder
from dlrs.service.as_of import clock_offset
from dlrs.service.settings import Settings
from dlrs.service.wiring import opened, read
from service_stub import over_http


@contextmanager
def whole(run: RunFolder, state: Path, **options: Any) -> Iterator[httpx.Client]:
    """Serve a run over HTTP at the time of its watermark, and give a client without any manners."""
    settings = Settings(run.registry, state, deadline=5.0, **options)
    loaded = read(settings)
    state.mkdir(parents=True, exist_ok=True)
    offset = clock_offset(state, "watermark", loaded.bundle.watermark)
    with opened(replace(settings, clock_offset=offset), loaded) as service, over_http(service.app) as client:
        yield client


@pytest.fixture(scope="module")
def client(world: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with whole(world, tmp_path_factory.mktemp("state")) as client:
        yield client


@pytest.fixture(scope="module")
def bundle_id(world: RunFolder) -> str:
    return str(current_bundle(world.registry).facts["bundle_id"])
