"""A Candidate Service over the small world, in this process and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient

from dlrs.bundle import current_bundle
from dlrs.errors import DataError, DlrsError, RequestError, WrongBundle
from dlrs.folders import RunFolder
from dlrs.service.bundle import ServingBundle
from dlrs.service.candidates.candidate_service import CandidateService
from dlrs.service.candidates.catalogue import Catalogue
from dlrs.service.candidates.client import HttpCandidates
from dlrs.service.candidates.routes import router
from dlrs.service.metrics import Metrics
from dlrs.service.seams import CandidateSource
from service.candidates.fakes import MemoryItems

STATUS = {WrongBundle: 409, RequestError: 422, DataError: 422}


@dataclass
class Market:
    """A catalogue, its item storage and the service over it."""

    store: MemoryItems
    catalogue: Catalogue
    service: CandidateService
    client: TestClient
    state: Path


@pytest.fixture(scope="session")
def bundle(world: RunFolder) -> ServingBundle:
    return ServingBundle.load(current_bundle(world.registry))


@pytest.fixture
def market(bundle: ServingBundle, tmp_path: Path) -> Iterator[Market]:
    store, metrics = MemoryItems(), Metrics()
    catalogue = Catalogue.open(bundle, tmp_path / "state", store, metrics)
    service = CandidateService(
        lambda: {bundle.id: catalogue}, store, lambda: catalogue.watermark + 10, metrics
    )
    yield Market(store, catalogue, service, _client(service, bundle), tmp_path / "state")
    catalogue.close()


@pytest.fixture(params=["here", "http"])
def candidates(request: pytest.FixtureRequest, market: Market) -> CandidateSource:
    return market.service if request.param == "here" else HttpCandidates(market.client)


def _client(service: CandidateService, bundle: ServingBundle) -> TestClient:
    app = FastAPI()
    app.include_router(router(service, lambda: bundle.recipe.marketplace.features))

    @app.exception_handler(DlrsError)
    def told(_: Request, error: DlrsError) -> Response:
        content = {"type": type(error).__name__, "message": str(error), **vars(error)}
        return Response(orjson.dumps({"error": content}), status_code=STATUS[type(error)])

    return TestClient(app)
