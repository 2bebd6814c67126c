"""Logs: a JSON object a line on stderr, with the request's name where there is one."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, cast

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

from dlrs.service.http.naming import request_id

STDERR = 2  # the descriptor: a line is one write, whole even where processes share it
LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
QUIET = ("httpx", "httpcore", "uvicorn.access", "alembic")


def start_logs(level: int = logging.INFO) -> FilteringBoundLogger:
    """Send this process's logs, those of the standard library too, to stderr as JSON; return our logger."""
    structlog.configure(
        processors=[
            _named,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_serialised),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(io.FileIO(STDERR, "w", closefd=False)),
        cache_logger_on_first_use=True,
    )
    logger = cast(FilteringBoundLogger, structlog.get_logger())
    logging.basicConfig(handlers=[_Forwarding(logger)], level=level, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    return logger


def write_line(event: str, **content: Any) -> None:
    """Write a line at level info, as the logger does, in part of its time: there is one each request."""
    said = {**content, "event": event, "level": "info", "timestamp": datetime.now(UTC)}
    if (name := request_id.get()) is not None:
        said["request_id"] = name
    os.write(STDERR, orjson.dumps(said, default=repr, option=LINE))


class _Forwarding(logging.Handler):
    """Hands records of the standard library on."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        self._logger.log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None
        )


def _named(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    name = request_id.get()
    if name is not None:
        event["request_id"] = name
    return event


def _serialised(event: Any, **_: Any) -> bytes:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS)
