"""The loop: simulate the marketplace again, let two bundles recommend in its test week, and analyse.

What happens before the test week is what the bundles were trained on, so the same settings are needed.
The impressions and outcomes are written as a real site would log them, and `experiment` analyses
them as it does real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dlrs import bundle
from dlrs.arrays import Ints
from dlrs.bundle import Folder
from dlrs.closed_loop.records import SECOND, Records
from dlrs.closed_loop.serve_two import Exposure, ServeTwo, exposures
from dlrs.closed_loop.serving import BundleRecommender, foreign
from dlrs.data.interactions import micros
from dlrs.data.sources import Source
from dlrs.errors import DataError, SchemaError
from dlrs.experiment.analyse import Finding, Setup, analyse_tables, write
from dlrs.experiment.assignment import ARM, Arms, assign
from dlrs.experiment.tables import CONTACT, TEAM, Rules
from dlrs.progress import stage
from dlrs.publishing.published import Published
from dlrs.schema import ITEM, TIME, TYPE, USER
from dlrs.simulator.chains import TYPES, Events
from dlrs.simulator.marketplace import Market, populate, write_log
from dlrs.simulator.settings import Simulation
from dlrs.simulator.widget import Widget

KIND = "closed-loop"
ARMS = Arms.equal(("A", "B"))
CLICK = "click"
IMPRESSIONS, OUTCOMES, EVENTS = "impressions.parquet", "outcomes.parquet", "events.parquet"
MOMENT = pa.timestamp("us", "UTC")


@dataclass(frozen=True)
class Loop:
    """How two bundles meet the simulated users."""

    interleave: bool = False  # both in every list; else each user has an arm
    k: int = 5  # places of a list
    share: float = 1 / 3  # of the visits that meet a list
    name: str = "closed loop"  # of the test: another one splits the users otherwise


def closed_loop(out: Path, settings: Simulation, places: Sequence[str], loop: Loop) -> Finding:
    """Run the test week with two bundles and write the folder `out`.

    Args:
        out: takes impressions.parquet, outcomes.parquet, events.parquet and experiment.json.
        settings: those of the simulation that the bundles were trained on.
        places: where two bundles are: see `bundle.bundle_at`. The same one twice is a test of the test.
        loop: how they meet the users.

    Raises:
        SchemaError: there are not two places.
        ArtifactError: there is no bundle, or one of another marketplace.
        DataError: too few users met the widget, or nobody clicked.
    """
    if len(places) != 2:
        raise SchemaError(
            f"--against: expected two bundles, received {len(places)}. Name one of them twice to see that "
            "there is no difference without one."
        )
    opened = [bundle.bundle_at(place) for place in places]
    facts: dict[str, Any] = {
        "bundles": {
            arm: {"place": place, "bundle_id": found.facts["bundle_id"]}
            for arm, place, found in zip(ARMS.names, places, opened, strict=True)
        },
        "settings": asdict(settings),
        "loop": asdict(loop),
    }
    with bundle.writing(out, KIND, facts=facts) as folder:
        with stage("Read the marketplace as the bundles do"):
            market = populate(settings)
            serve = _serve(market, opened, loop, folder)
        life = market.live(Widget(serve, (settings.test_from - settings.start).days, loop.share))
        shown, others = exposures(life.impressions, serve.served)
        if not shown.opened_I.any():
            raise DataError(
                f"closed loop: expected clicks, received none on {len(shown.user_I):,} impressions of users "
                "with a profile. Simulate, prepare and train with more --users, or show more with --k."
            )
        facts["shown"] = {"in_test": len(shown.user_I), "before_any_profile": others}
        tables = _Tables(market, shown, life.events)
        pq.write_table(tables.impressions(serve.arm_N), folder / IMPRESSIONS)
        pq.write_table(tables.outcomes(), folder / OUTCOMES)
        write_log(market, life.events, folder / EVENTS)
        rules = Rules(within=timedelta(days=settings.days), clicks=(CLICK,))
        setup = Setup(arms=ARMS, interleaved=loop.interleave, rules=rules)
        found = analyse_tables(Source(folder, IMPRESSIONS), Source(folder, OUTCOMES), setup)
        write(folder, found, facts)
    return found


def _serve(market: Market, opened: Sequence[Folder], loop: Loop, folder: Path) -> ServeTwo:
    """Make both bundles ready to recommend; the same one twice is read once."""
    ready: dict[Path, BundleRecommender] = {}
    for place in opened:
        if place.path.resolve() not in ready:
            ready[place.path.resolve()] = _ready(market, place, folder)
    first, second = (ready[place.path.resolve()] for place in opened)
    arm_N = None if loop.interleave else assign(market.user_ids_U.astype(str).tolist(), loop.name, ARMS)
    return ServeTwo((first, second), arm_N, loop.k, np.random.default_rng(market.settings.seed))


def _ready(market: Market, place: Folder, folder: Path) -> BundleRecommender:
    published = Published.load(place)
    described, settings = published.recipe.marketplace, market.settings
    split = described.split
    cuts = settings.train_from, settings.test_from, settings.test_until
    if described.users is not None or (split.train_from, split.test_from, split.test_until) != cuts:
        raise foreign(published, f"of marketplace '{described.name}', tested from {split.test_from}")
    records = Records.of(market, described, folder)
    expected = records.ids_at(settings.days)
    if not published.items[ITEM].combine_chunks().cast(pa.string()).equals(expected):
        raise foreign(
            published, f"with {published.items.num_rows:,} other ads than the {len(expected):,} here"
        )
    return BundleRecommender(published, records, (settings.test_from - settings.start).days)


@dataclass(frozen=True)
class _Tables:
    """What happened as the tables that a real site would log."""

    market: Market
    shown: Exposure
    events: Events

    def impressions(self, arm_N: Ints | None) -> pa.Table:
        """Return a row for each ad shown to a user of the test: who, what, when, at which place, by which."""
        shown = self.shown
        who = pa.array([*ARMS.names, None])  # NO_TEAM is −1: the last, null
        by = {"shown_by": who.take(pa.array(np.where(shown.team_I < 0, len(ARMS.names), shown.team_I)))}
        if arm_N is None:
            by[TEAM] = by.pop("shown_by")
        else:
            by[ARM] = who.take(pa.array(arm_N[shown.user_I]))
        place = {"position": pa.array(shown.place_I + 1)}
        return pa.table(self._keys(shown.user_I, shown.ad_I, shown.time_I) | place | by)

    def outcomes(self) -> pa.Table:
        """Return the clicks on what was shown, and the contacts that followed with what was clicked."""
        shown, events, ads = self.shown, self.events, self.market.settings.items
        clicked = np.flatnonzero(shown.opened_I)
        user_I, ad_I = shown.user_I[clicked], shown.ad_I[clicked]
        contact = np.flatnonzero(events.type_E == TYPES.index(CONTACT))
        user_E, ad_E = events.user_E[contact].astype(np.int64), events.item_E[contact]
        of_clicked = np.isin(user_E * ads + ad_E, user_I * ads + ad_I)
        contact = contact[of_clicked]
        keys = self._keys(
            np.concatenate([user_I, events.user_E[contact]]),
            np.concatenate([ad_I, events.item_E[contact]]),
            np.concatenate([shown.time_I[clicked], events.time_E[contact]]),
        )
        types = np.repeat([CLICK, CONTACT], [len(clicked), len(contact)])
        return pa.table(keys | {TYPE: pa.array(types)})

    def _keys(self, users: Ints, ads: Ints, seconds: Ints) -> dict[str, pa.Array]:
        market = self.market
        times = micros(market.settings.start) + seconds.astype(np.int64) * SECOND
        return {
            USER: pa.array(market.user_ids_U[users].astype(str)),
            ITEM: pa.array(market.item_ids_N[ads].astype(str)),
            TIME: pa.array(times).cast(MOMENT),
        }
