"""Comparison: everything that was measured, as it stands in compare.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from dlrs.comparing.measuring import Measured
from dlrs.comparing.ways import Built


@dataclass(frozen=True)
class Network:
    """A network, and Precision@k where RankNet orders every item: no candidates, the gold standard's head.

    `means` and `errors` as in `Measured`; `auc` is of the validation pairs.
    """

    objective: str
    best_epoch: int
    auc: float
    means: Mapping[str, float]
    errors: Mapping[str, float]


@dataclass(frozen=True)
class Comparison:
    """All networks, indexes and ways. `main` names the network that indexes and strategies are shown for."""

    marketplace: str
    main: str
    count: int
    test: Mapping[str, int]
    settings: Mapping[str, Any]
    networks: Sequence[Network]
    built: Sequence[Built]
    measured: Sequence[Measured]

    def to_json(self) -> str:
        """Return compare.json."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        content = json.loads(text)
        content["networks"] = [Network(**network) for network in content["networks"]]
        content["built"] = [Built(**built) for built in content["built"]]
        content["measured"] = [Measured(**measured) for measured in content["measured"]]
        return cls(**content)

    @property
    def objectives(self) -> list[str]:
        """The networks' names."""
        return [network.objective for network in self.networks]

    @property
    def indexes(self) -> list[str]:
        """The indexes' names, each once."""
        return list(dict.fromkeys(measured.index for measured in self.measured))

    @property
    def strategies(self) -> list[str]:
        """The strategies' names, each once."""
        return list(dict.fromkeys(measured.strategy for measured in self.measured))

    @property
    def reference(self) -> tuple[str, str]:
        """The index and the strategy that others are shown beside: `exact` and `direct`, or the first."""
        index = "exact" if "exact" in self.indexes else self.indexes[0]
        return index, "direct" if "direct" in self.strategies else self.strategies[0]

    def of(
        self, *, objective: str | None = None, index: str | None = None, strategy: str | None = None
    ) -> Iterator[Measured]:
        """Yield what was measured of one objective, index or strategy, or of all."""
        for measured in self.measured:
            wanted = (objective, measured.objective), (index, measured.index), (strategy, measured.strategy)
            if all(name in (None, found) for name, found in wanted):
                yield measured

    def usual(self, ways: Iterable[Measured]) -> list[Measured]:
        """Return the ways that look at as much of an index as the recipe says."""
        return [one for one in ways if one.effort == 1]

    def curve(self, objective: str, index: str, strategy: str) -> list[Measured]:
        """Return one way by the number of candidates."""
        ways = self.usual(self.of(objective=objective, index=index, strategy=strategy))
        return sorted(ways, key=lambda one: one.count)

    def at_count(self) -> list[Measured]:
        """Return every way at the table's T."""
        return [one for one in self.usual(self.measured) if one.count == self.count]
