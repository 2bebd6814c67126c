"""Markets at the edge of what can be learnt from: a right result where there is one, else a clear error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dlrs import pipeline
from dlrs.errors import DataError, DlrsError, SchemaError
from dlrs.prepared import Prepared, open_prepared
from dlrs.schema import ITEM
from safety.market import CUT, DAYS, START, TRAIN_FROM, Market, market

Bend = Callable[[Market], Market]
USER = "u0"
ITEMS, EVENTS = 30, 6 * DAYS // 2
ODD_IDS = [
    '"quoted"', "it's", "new\nline", "ünï\u202e©ødé 🚗", "007", "7", "long" * 256, "a,b", "<b>&amp;</b>",
    "[red]x[/red]", "tab\t", " space ", "NULL", "nan", "-1", "1e5", "True",
]  # fmt: skip


@dataclass(frozen=True)
class Right:
    """What the manifest must say; all else must be finite, and what can be recommended is."""

    versions: int = ITEMS
    kept: int = EVENTS
    left_out: Mapping[str, int] = field(default_factory=dict)
    constant: tuple[str, ...] = ()  # continuous features that say nothing
    user: str = USER


def numbers(*values: float | None) -> Bend:
    """Let the prices be these, over and over."""
    return lambda m: m.with_items(
        price=pa.array([values[n % len(values)] for n in range(ITEMS)], pa.float64())
    )


def values(*colours: str | None) -> Bend:
    return lambda m: m.with_items(
        colour=pa.array([colours[n % len(colours)] for n in range(ITEMS)], pa.string())
    )


def recipe(section: str, **settings: Any) -> Bend:
    return lambda m: m.with_settings(section, **settings)


def at(moment: datetime) -> Bend:
    return lambda m: m.with_events(when=[moment] * EVENTS)


def happening(when: Callable[[datetime], bool]) -> Bend:
    return lambda m: m.events_where([when(time) for time in m.events["when"]])


def renamed(m: Market, table: str = "parquet") -> Market:
    """Give the first items and users odd names."""
    name = {f"{kind}{n}": odd for n, odd in enumerate(ODD_IDS) for kind in "iu"}
    named = m.with_items(id=[name.get(i, i) for i in m.items["id"]]).with_events(
        who=[name[u] for u in m.events["who"]], which=[name.get(i, i) for i in m.events["which"]]
    )
    for part in ("items", "events"):
        named = named.with_settings(f"marketplace.{part}", table=f"{part}.{table}")
    return named


def busy(m: Market) -> Market:
    """Add somebody who looks at an item every ten minutes."""
    count = 5000
    more: dict[str, list[Any]] = {
        "who": ["busy"] * count,
        "which": [f"i{n % 20}" for n in range(count)],
        "when": [START + timedelta(minutes=10 * n) for n in range(count)],
        "did": ["view"] * count,
    }
    return m.with_events(**{name: [*column, *more[name]] for name, column in m.events.items()})


def repeated(m: Market) -> Market:
    return m.with_items(**{n: [*c, *c] for n, c in m.items.items()}).with_events(
        **{n: [*c, *c, *c] for n, c in m.events.items()}
    )


def ended(m: Market) -> Market:
    """Delete all items a day before the cut, and end the log there."""
    rows = {n: [*c, *c] for n, c in m.items.items()}
    since = [START] * ITEMS + [CUT - timedelta(days=1)] * ITEMS
    operations = ["create"] * ITEMS + ["delete"] * ITEMS
    deleted = m.with_items(**rows, since=since, operation=operations)
    return deleted.with_settings("marketplace.items", valid_from="since", operation="operation")


def mispriced_after_the_cut(m: Market) -> Market:
    rows = {n: [*c, *c] for n, c in m.items.items()}
    rows["price"] = [*m.items["price"], *[1e60] * ITEMS]
    since = [START] * ITEMS + [CUT + timedelta(days=1)] * ITEMS
    return m.with_items(**rows, since=since).with_settings("marketplace.items", valid_from="since")


def dated(*moments: int | None) -> Bend:
    """Let size be a time; microseconds since 1970, over and over."""
    times = pa.array([moments[n % len(moments)] for n in range(ITEMS)], pa.timestamp("us", "UTC"))
    return lambda m: m.with_items(size=times).with_settings(
        "marketplace.features.continuous", size={"kind": "time"}
    )


def in_turns(m: Market) -> Market:
    """Two items; each user looks at one, and in the test week at the other."""
    two = market(items=2)
    times, users = m.events["when"], m.events["who"]
    return two.with_events(
        who=users,
        when=times,
        which=[f"i{(int(user[1:]) + (time >= CUT)) % 2}" for user, time in zip(users, times, strict=True)],
        did=["view"] * len(users),
    )


RIGHT: dict[str, tuple[Bend, Right]] = {
    "nothing special": (lambda m: m, Right()),
    "one user": (lambda _: market(users=1, items=200), Right(versions=200, kept=DAYS // 2)),
    "two items": (in_turns, Right(versions=2)),
    "a constant feature": (numbers(5.0), Right(constant=("price",))),
    "a constant that has no exact double": (numbers(0.1), Right(constant=("price",))),
    "a feature that is missing everywhere": (numbers(None), Right(constant=("price",))),
    "a column without a type": (lambda m: m.with_items(price=pa.nulls(ITEMS)), Right(constant=("price",))),
    "NaN for each price": (numbers(np.nan), Right(constant=("price",))),
    "NaN for some prices": (numbers(np.nan, 3.0, 4.0), Right()),
    "infinite prices": (
        lambda m: m.with_items(price=[np.inf, -np.inf, *m.items["price"][2:]]),
        Right(versions=ITEMS - 2, kept=EVENTS - 7, left_out={"price is infinite or beyond 1e+100": 2}),
    ),
    "prices that differ by too little to tell": (numbers(1e-300, 2e-300), Right(constant=("price",))),
    "a price beyond all measure after the cut": (mispriced_after_the_cut, Right(versions=2 * ITEMS)),
    "whole numbers of 64 bits": (
        lambda m: m.with_items(price=[2**63 - 1 - n for n in range(ITEMS)]), Right(constant=("price",)),
    ),
    "a time that is missing everywhere": (dated(None), Right(constant=("size",))),
    "a category of one value": (values("red"), Right()),
    "a category that is missing everywhere": (values(None), Right()),
    "a category of its own for each item": (values(*ODD_IDS), Right()),
    "the id as a category": (recipe("marketplace.features", categorical=["id", "kind"]), Right()),
    "negatives by a category that is missing everywhere": (
        lambda m: m.with_items(kind=pa.nulls(ITEMS, pa.string())), Right(),
    ),
    "no continuous feature": (recipe("marketplace.features", continuous={}), Right()),
    "features named like dlrs's own columns": (
        lambda m: m.with_items(value=m.items["price"], events=m.items["size"]).with_settings(
            "marketplace.features", continuous={"value": {}, "events": {}}
        ),
        Right(),
    ),
    "one interaction type": (
        lambda m: m.with_settings("marketplace", interaction_types=["view"]).with_settings(
            "marketplace.events", type=None
        ),
        Right(),
    ),
    "a type that nobody used": (lambda m: m.with_events(did=["view"] * EVENTS), Right()),
    "a user with thousands of events": (busy, Right(kept=EVENTS + 5000)),
    "ids with odd characters": (renamed, Right(user=ODD_IDS[0])),
    "ids with odd characters, in CSV": (lambda m: renamed(m, "csv"), Right(user=ODD_IDS[0])),
    "every row twice or thrice": (
        repeated, Right(kept=3 * EVENTS, left_out={"a later row of this item has the same time": ITEMS}),
    ),
    "k beyond the catalogue": (recipe("evaluation", k=[1, 500]), Right()),
    "k of one": (recipe("evaluation", k=[1]), Right()),
    "T beyond the catalogue": (recipe("candidates", count=10**6), Right()),
    "T below k": (recipe("candidates", count=1), Right()),
    "a batch larger than all pairs": (recipe("training", batch_size=10**6), Right()),
    "batches of two": (recipe("training", batch_size=2), Right()),
    "no user left but one to judge on": (recipe("evaluation", max_users=1), Right()),
    "more factors than items": (recipe("baselines", cf_factors=200, hybrid_factors=200), Right()),
}  # fmt: skip

WRONG: dict[str, tuple[Bend, type[DlrsError], str]] = {
    "no items": (
        lambda m: m.with_items(**{n: pa.array([], pa.string()) for n in m.items}),
        DataError, r"items\.parquet: expected at least one row, received none",
    ),
    "no events": (
        lambda m: m.with_events(**{n: pa.array([], pa.string()) for n in m.events}),
        DataError, r"events\.parquet: expected at least one row, received none",
    ),
    "one item": (lambda _: market(items=1), DataError, r"samples: expected pairs to train on, received none"),
    "a user who has met everything": (
        lambda _: market(users=1, items=2), DataError, r"samples: expected pairs to train on, received none",
    ),
    "infinite prices only": (numbers(np.inf), DataError, r"expected at least one usable item, received none"),
    "prices whose squares are infinite": (
        numbers(1e300, -1e300), DataError, r"expected at least one usable item, received none",
    ),
    "a time that no calendar has": (
        dated(0, 10**18), DataError, r"'size', row 2: expected a time like .*, received '33658-09-27",
    ),
    "a log that never ends": (
        lambda m: m.with_events(when=["infinity"] * EVENTS),
        DataError, r"'when', row 1: expected a time like .*, received 'infinity'",
    ),
    "negatives by a category of its own for each item": (
        lambda m: m.with_items(kind=m.items["id"]).with_settings("samples", uniform=0),
        DataError, r"no negative: .* Set negatives_by to a coarser feature, or samples\.uniform = 1",
    ),
    "no categorical feature": (
        recipe("marketplace.features", categorical=[]),
        SchemaError, r"negatives_by: expected one of the categorical features \(there are none; add one\)",
    ),
    "k of nothing": (recipe("evaluation", k=[]), SchemaError, r"evaluation\.k: "),
    "k of zero": (recipe("evaluation", k=[0]), SchemaError, r"evaluation\.k\.0: "),
    "no epochs": (recipe("training", epochs=0), SchemaError, r"training\.epochs: .*, received 0"),
    "all events at one moment of training": (
        at(TRAIN_FROM + timedelta(days=10)),
        DataError, r"samples: expected events of users with a profile .* Move the split or widen",
    ),
    "all events at one moment of the test": (
        at(CUT), DataError, r"events: expected some before the cut .* received none among 126\. Move",
    ),
    "all events before the cut": (
        happening(lambda time: time < CUT), DataError, r"test window .*: expected .* new item .* Move the",
    ),
    "all events after the cut": (
        happening(lambda time: time >= CUT), DataError, r"events: expected some before the cut .* Move the",
    ),
    "items that all end before the cut": (
        ended, DataError, r"test window .*: expected .* new item .* Move the",
    ),
    "an empty user id": (
        lambda m: m.with_events(who=["", *m.events["who"][1:]]),
        DataError, r"events\.parquet, column 'who', row 1: expected text, received an empty cell",
    ),
    "a learning rate that explodes": (
        recipe("training", learning_rate=1e30), DlrsError, r"expected a loss, received nan\. Lower",
    ),
}  # fmt: skip


@pytest.mark.parametrize("edge", RIGHT)
def test_an_edge_with_a_right_result(edge: str, tmp_path: Path) -> None:
    bend, right = RIGHT[edge]
    bent = bend(market())
    run = pipeline.run(bent.write(tmp_path), tmp_path / "run")
    prepared = open_prepared(run.prepared)
    assert prepared.versions.num_rows == right.versions
    assert len(prepared.interactions) == right.kept
    assert prepared.facts["items"]["quarantined"] == right.left_out
    check_numbers(prepared, right)
    check_reports(run.path)
    unusable = set(prepared.quarantine["items"][ITEM].to_pylist()) - set(prepared.item_ids.to_pylist())
    found = pipeline.recommend(run.prepared, run.registry, right.user, k=1000)
    assert sorted(item[ITEM] for item in found.items) == sorted(set(bent.unmet_by(right.user)) - unusable)


@pytest.mark.parametrize("edge", WRONG)
def test_an_edge_without_a_right_result(edge: str, tmp_path: Path) -> None:
    bend, error, says = WRONG[edge]
    with pytest.raises(error, match=re.compile(says, re.DOTALL)):
        pipeline.run(bend(market()).write(tmp_path), tmp_path / "run")
    assert not list((tmp_path / "run").glob(".*.partial"))


def check_numbers(prepared: Prepared, right: Right) -> None:
    for rows in (prepared.encoded_versions, prepared.profiles):
        assert np.isfinite(rows.continuous_NC).all()
        assert np.isfinite(rows.weights_E).all()
    for column, name in enumerate(prepared.encoding.space.continuous):
        varies = prepared.encoded_versions.continuous_NC[:, column].any()
        assert bool(varies) is (name not in right.constant)


def check_reports(folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text(), parse_constant=pytest.fail)
    for means in report["models"].values():
        assert all(0 <= mean <= 1 for metric, mean in means.items() if not metric.startswith("novelty"))
    assert not re.search(r"\b(nan|inf)\b", (folder / "report.html").read_text())
