"""Telling: an answer as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson

from dlrs.service.seams import Answer

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_SERIALIZE_DATACLASS
FIELDS = ("decision_id", "bundle_id", "user_id", "items", "degraded", "basis", "steps")


def told(answer: Answer, **more: Any) -> bytes:
    """Return an answer as `AnswerForm` has it, and more beside."""
    filters = [wanted.model_dump(mode="json", exclude_defaults=True) for wanted in answer.filters]
    shortfall = None if answer.shortfall is None else asdict(answer.shortfall)
    stages = {name: round(spent, 3) for name, spent in answer.stages.items()}
    content = {name: getattr(answer, name) for name in FIELDS}
    content |= {"filters": filters, "shortfall": shortfall, "stages": stages, **more}
    return as_json(content)


def as_json(content: Any) -> bytes:
    """Return JSON."""
    return orjson.dumps(content, option=OPTIONS)
