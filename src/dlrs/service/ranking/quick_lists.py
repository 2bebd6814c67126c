"""QuickLists: a user's list as most ask for it, without filters, steps or another page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

from dlrs.service.http.quick import Known
from dlrs.service.ranking.forms import DEFAULT_LIST, LONGEST_ID, LONGEST_LIST, is_text
from dlrs.service.ranking.ranking_service import RankingService
from dlrs.service.ranking.routes import PATH
from dlrs.service.ranking.telling import told

PREFIX = PATH.partition("{")[0]
PLAIN = re.compile(rb"(?:k=([1-9][0-9]{0,2}))?")


@dataclass(frozen=True)
class QuickLists:
    """`http.quick.Quickly` for `GET /recommendations/{user}`."""

    service: RankingService
    waits: bool
    path: str = PATH

    def known(self, path: str, query: bytes) -> Known | None:
        """Return the list that is asked for; None where it is for the route to say what is wrong."""
        plain = PLAIN.fullmatch(query)
        if plain is None or not path.startswith(PREFIX):
            return None
        user, k = path[len(PREFIX) :], int(plain[1] or DEFAULT_LIST)
        if not 0 < len(user) <= LONGEST_ID or k > LONGEST_LIST or not is_text(user):
            return None
        return Known({"user": user}, partial(self._list, user, k))

    def _list(self, user: str, k: int) -> bytes:
        return told(self.service.recommend(user, k))
