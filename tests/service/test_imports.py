"""What the service does not need it does not import: that is a quarter of a second and 50 MB of its start."""

from __future__ import annotations

import subprocess
import sys

LEFT_OUT = ("torch", "ibis", "duckdb", "sqlglot", "pandas", "matplotlib", "optuna")
CODE = "import sys, dlrs.service.wiring, dlrs.service.starting; print(*sorted(sys.modules))"


def test_the_service_starts_without_what_prepares_trains_and_draws() -> None:
    found = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True).stdout
    imported = set(found.split())
    assert "dlrs.service.wiring" in imported
    assert imported.isdisjoint(LEFT_OUT)
