"""The database of the service: events, users, item changes and decisions, in SQLite or PostgreSQL."""

from dlrs.service.database.database import Database

__all__ = ["Database"]
