"""A plain rival: FastAPI and brute force with numpy, as one writes it in an afternoon.

The same items, networks and k as the service; each user's vector is worked out beforehand. A request
multiplies it with the vectors of all items, takes the best k with `argpartition`, and looks up their features
in a table. No re-ranking, no known items left out, no filters, no new events, no new items.

    python -m benchmarks.load.rival FOLDER --port 8001    FOLDER is what `make` wrote
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import ORJSONResponse

from dlrs.arrays import Floats
from dlrs.data.interactions import micros
from dlrs.folders import RunFolder
from dlrs.model.forward import load_nets
from dlrs.prepared import open_prepared

ITEMS, USERS, TABLE, IDS = "items_ND.npy", "users_UD.npy", "items.parquet", "users.json"


def make(run: RunFolder, folder: Path) -> Path:
    """Write the vectors and features of a run's items, as they were at its end, and of its users."""
    if (folder / IDS).exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    prepared, nets = open_prepared(run.prepared), load_nets(run.trained / "refit")
    versions_N = prepared.catalog.alive_at(micros(prepared.recipe.marketplace.split.test_until))
    items = nets.embed_items(prepared.encoded_versions.take(versions_N))
    np.save(folder / ITEMS, _unit(items.embedding_ND))
    pq.write_table(prepared.versions.take(versions_N), folder / TABLE)
    rows_U = prepared.profile_of_QU[prepared.serving_period]
    known = np.flatnonzero(rows_U >= 0)
    np.save(folder / USERS, _unit(nets.embed_users(prepared.profiles.take(rows_U[known])).embedding_ND))
    ids = prepared.user_ids.take(pa.array(known)).cast(pa.string()).to_pylist()
    (folder / IDS).write_text(json.dumps(ids), encoding="utf-8")
    return folder


def _unit(vectors_ND: Floats) -> Floats:
    lengths_N = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors_ND / np.maximum(lengths_N, 1e-12), dtype=np.float32)


def application(folder: Path) -> FastAPI:
    """Build the app."""
    items_ND, users_UD = np.load(folder / ITEMS), np.load(folder / USERS)
    table = pq.read_table(folder / TABLE)
    row_of = {id: row for row, id in enumerate(json.loads((folder / IDS).read_text(encoding="utf-8")))}
    app = FastAPI(default_response_class=ORJSONResponse)

    @app.get("/recommendations/{user_id}")
    def recommendations(user_id: str, k: int = 20) -> dict[str, Any]:
        if user_id not in row_of:
            raise HTTPException(404, "no such user")
        scores_N = items_ND @ users_UD[row_of[user_id]]
        best_K = np.argpartition(scores_N, -k)[-k:]
        best_K = best_K[np.argsort(-scores_N[best_K])]
        records = table.take(best_K).to_pylist()
        scores = scores_N[best_K].tolist()
        return {"items": [{**r, "score": s} for r, s in zip(records, scores, strict=True)]}

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8001)
    options = parser.parse_args()
    uvicorn.run(application(options.folder), port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
