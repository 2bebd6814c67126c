"""A Candidate Service over the small world, in this process and over HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from dlrs.bundle import current_bundle
from dlrs.folders import RunFolder
from dlrs.service.bundle import ServingBundle
from dlrs.service.candidates.candidate_service import CandidateService
from dlrs.service.candidates.catalogue import Catalogue
from dlrs.service.candidates.client import HttpCandidates
from dlrs.service.candidates.routes import router
from dlrs.service.http.errors import add_errors
from dlrs.service.metrics import Metrics
from dlrs.service.other_service import OtherService
from dlrs.service.seams import CandidateSource
from service.candidates.fakes import MemoryItems


@dataclass
class Market:
    """A catalogue, its item storage and the service over it."""

    store: MemoryItems
    catalogue: Catalogue
    service: CandidateService
    client: httpx.Client
    state: Path


@pytest.fixture(scope="session")
def bundle(world: RunFolder) -> ServingBundle:
    return ServingBundle.load(current_bundle(world.registry))


@pytest.fixture
def market(bundle: ServingBundle, tmp_path: Path) -> Iterator[Market]:
    store, metrics = MemoryItems(), Metrics()
    catalogue = Catalogue.open(bundle, tmp_path / "state", store, metrics)
    service = CandidateService(
        lambda: {bundle.id: catalogue}, store, lambda: catalogue.items_as_of + 10, metrics
    )
    with _served(service, bundle) as client:
        yield Market(store, catalogue, service, client, tmp_path / "state")
    catalogue.close()


@pytest.fixture(params=["here", "http"])
def candidates(request: pytest.FixtureRequest, market: Market) -> CandidateSource:
    return (
        market.service
        if request.param == "here"
        else HttpCandidates(OtherService("Candidate Service", market.client))
    )


@contextmanager
def _served(service: CandidateService, bundle: ServingBundle) -> Iterator[httpx.Client]:
    app = FastAPI()
    app.include_router(router(service, lambda: bundle.recipe.marketplace.features))

    add_errors(app)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as client:
            yield client
        server.should_exit = True
        thread.join()
