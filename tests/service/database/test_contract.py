"""What the stores of `seams` promise, on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from dlrs.candidates.filtering.filters import parse_filters
from dlrs.errors import RequestError
from dlrs.service.database import Database
from dlrs.service.seams import Erased, Event, Raw, Wanted
from dlrs.service.stores import Decision, ItemChange, UserRecord

RED: Raw = {"colour": "red", "price": 1000, "extras": ["abs", "gps"], "seats": None}
BLUE: Raw = {"colour": "blue", "price": 12.5}


def event(id: str, user: str = "ann", item: str = "car", time: int = 100) -> Event:
    return Event(id, user, item, "view", time)


def decision(id: str, user: str | None = "ann", time: int = 100, **others: Any) -> Decision:
    known: dict[str, Any] = {
        "bundle_id": "b1",
        "seq": 3,
        "request": {"k": 2, "filters": []},
        "profile": b"\x00\xff'",
        "candidates": ["car", "van"],
        "answer": [("van", 0.75), ("car", -0.5)],
        "degraded": "cosine",
    }
    return Decision(id=id, time=time, user_id=user, **{**known, **others})


class TestEvents:
    def test_come_back_in_the_order_of_arrival_with_their_features(self, database: Database) -> None:
        late, early = event("2", time=200), event("1", time=100)
        assert database.events.add([(late, RED), (early, BLUE)]) == 2
        assert database.events.add([(event("3", user="bob"), RED)]) == 1
        found = database.events.of_user("ann")
        assert [each.event for each in found] == [late, early]
        assert found[0].seq < found[1].seq
        features = database.events.features([each.features for each in found])
        assert [features[each.features] for each in found] == [RED, BLUE]

    def test_only_those_after_a_number(self, database: Database) -> None:
        database.events.add([(event(str(n)), RED) for n in range(5)])
        found = database.events.of_user("ann")
        assert database.events.of_user("ann", found[2].seq) == found[3:]
        assert database.events.of_user("ann", found[0].seq, 2) == found[3:]
        assert database.events.of_user("ann", most=1) == found[4:]
        assert database.events.of_user("ann", found[-1].seq) == []
        assert database.events.of_user("nobody") == []

    def test_those_of_everybody_come_in_the_order_of_arrival(self, database: Database) -> None:
        database.events.add([(event("1", time=300), RED), (event("2", user="bob", time=100), RED)])
        database.events.add([(event("3", user="cem", time=200), BLUE)])
        found = database.events.after(0, 10)
        assert [each.event.id for each in found] == ["1", "2", "3"]
        assert database.events.after(found[0].seq, 1) == found[1:2]
        assert database.events.after(found[-1].seq, 10) == []

    def test_what_happened_since_a_time_arrived_after_a_number(self, database: Database) -> None:
        assert database.events.before(0) == 0
        database.events.add([(event("1", time=100), RED), (event("2", time=300), RED)])
        database.events.add([(event("3", time=200), RED)])
        first, second, third = database.events.after(0, 10)
        assert database.events.before(50) == first.seq - 1
        assert database.events.before(200) == second.seq - 1
        assert database.events.before(301) == third.seq

    def test_a_known_id_changes_nothing(self, database: Database) -> None:
        database.events.add([(event("1"), RED)])
        before = database.events.of_user("ann")
        assert database.events.add([(event("1", item="van"), BLUE), (event("1", user="bob"), BLUE)]) == 0
        assert database.events.of_user("ann") == before
        assert database.events.of_user("bob") == []

    def test_of_one_id_in_one_call_the_first_counts(self, database: Database) -> None:
        assert database.events.add([(event("1", item="van"), RED), (event("1"), BLUE)]) == 1
        assert [each.event.item_id for each in database.events.of_user("ann")] == ["van"]

    def test_equal_features_have_one_key_whatever_their_order(self, database: Database) -> None:
        turned = dict(reversed(RED.items()))
        database.events.add([(event("1"), RED), (event("2"), turned), (event("3"), BLUE)])
        first, second, third = (each.features for each in database.events.of_user("ann"))
        assert first == second != third

    def test_unknown_keys_are_left_out(self, database: Database) -> None:
        assert database.events.features(["none"]) == {}
        assert database.events.features([]) == {}

    def test_nothing_is_nothing(self, database: Database) -> None:
        assert database.events.add([]) == 0

    def test_popular_counts_each_user_once_an_item(self, database: Database) -> None:
        database.events.add([(event(f"loud-{n}", "loud", "van", 300), RED) for n in range(50)])
        database.events.add([(event(f"car-{n}", f"u{n}", "car", 200), RED) for n in range(2)])
        database.events.add([(event(f"bus-{n}", f"u{n}", "bus", 200), RED) for n in range(2)])
        assert database.events.popular(0, 10) == [("bus", 2), ("car", 2), ("van", 1)]
        assert database.events.popular(0, 2) == [("bus", 2), ("car", 2)]
        assert database.events.popular(201, 10) == [("van", 1)]
        assert database.events.popular(301, 10) == []

    def test_popular_leaves_types_out(self, database: Database) -> None:
        seen = [Event(f"s{n}", f"u{n}", "van", "shown", 300) for n in range(3)]
        chosen = [Event("c1", "u1", "car", "view", 300), Event("c2", "u1", "van", "view", 300)]
        database.events.add([(one, RED) for one in (*seen, *chosen)])
        assert database.events.popular(0, 10) == [("van", 3), ("car", 1)]
        assert database.events.popular(0, 10, ["shown"]) == [("car", 1), ("van", 1)]
        assert database.events.popular(0, 10, ["shown", "view"]) == []

    def test_texts_of_all_kinds(self, database: Database) -> None:
        odd = "é'\"\\ %s :x ? {} \U0001f600\n" + "x" * 400
        database.events.add([(Event(odd, odd, odd, odd, -1), {odd: [odd, "\0"]})])
        (found,) = database.events.of_user(odd)
        assert found.event == Event(odd, odd, odd, odd, -1)
        assert database.events.features([found.features]) == {found.features: {odd: [odd, "\0"]}}

    @pytest.mark.parametrize("bad", ["\ud800", 1 << 80])
    def test_what_no_database_can_hold_is_refused(self, database: Database, bad: Any) -> None:
        with pytest.raises(RequestError):
            database.events.add([(event("good"), RED), (event("1", time=5), {"colour": bad})])
        assert database.events.of_user("ann") == []

    @pytest.mark.parametrize(
        "bad",
        [event("\0"), event("\ud800"), event("é\udfff"), event("1", user="\0"), event("1", time=1 << 63)],
        ids=["NUL", "surrogate", "surrogate among others", "NUL in a user", "time"],
    )
    def test_what_one_of_the_databases_cannot_hold_is_refused(self, database: Database, bad: Event) -> None:
        with pytest.raises(RequestError):
            database.events.add([(event("good"), RED), (bad, RED)])
        assert database.events.of_user("ann") == []
        assert database.events.add([(event("good"), RED)]) == 1

    def test_ids_are_not_asked_about_that_cannot_be(self, database: Database) -> None:
        with pytest.raises(RequestError):
            database.events.of_user("\ud800")


class TestUsers:
    FILTERS = parse_filters(
        [
            {"feature": "colour", "none_of": ["red"]},
            {"feature": "price", "max": 15000},
            {"feature": "built", "min": "2017-10-14T03:00:00Z"},
            {"within_km": 50, "latitude": 52.5, "longitude": 13.4},
        ]
    )

    def test_an_unknown_user_has_an_empty_record(self, database: Database) -> None:
        assert database.users.get("ann") == UserRecord()

    def test_overrides_replace_the_last_ones(self, database: Database) -> None:
        database.users.override("ann", self.FILTERS[:1])
        database.users.override("ann", self.FILTERS)
        assert database.users.get("ann") == UserRecord(self.FILTERS, None, 2)
        database.users.override("ann", [])
        assert database.users.get("ann") == UserRecord((), None, 3)
        assert database.users.get("bob") == UserRecord()

    def test_erasure_leaves_a_tombstone_alone(self, database: Database) -> None:
        database.users.override("ann", self.FILTERS)
        database.events.add([(event("1"), RED), (event("2"), BLUE), (event("3", user="bob"), BLUE)])
        keys = [each.features for each in database.events.of_user("ann")]
        database.decisions.keep(decision("written"))
        database.decisions.flush()
        database.decisions.keep(decision("waiting"))
        database.decisions.keep(decision("of bob", user="bob"))
        database.users.erase("ann", 150)
        database.decisions.flush()
        assert database.users.get("ann") == UserRecord((), 150, 2)
        assert database.events.of_user("ann") == []
        assert database.decisions.get("written") is None
        assert database.decisions.get("waiting") is None
        assert database.decisions.get("of bob") is not None
        assert len(database.events.of_user("bob")) == 1
        # bob's event names the blue ones still
        assert database.events.features(keys) == {keys[1]: BLUE}

    def test_an_erased_user_may_come_again(self, database: Database) -> None:
        database.events.add([(event("1"), RED)])
        seen = database.events.of_user("ann")[-1].seq
        database.users.erase("ann", 150)
        database.events.add([(event("1", time=200), RED)])
        (found,) = database.events.of_user("ann", seen)  # numbers are not given out twice
        assert database.events.features([found.features]) == {found.features: RED}
        database.users.override("ann", self.FILTERS)
        assert database.users.get("ann") == UserRecord(self.FILTERS, 150, 2)
        database.users.erase("ann", 250)
        assert database.users.get("ann") == UserRecord((), 250, 3)

    def test_what_was_decided_while_he_was_erased_is_not_kept(self, database: Database) -> None:
        second = 1_000_000
        database.users.erase("ann", 100 * second)
        database.decisions.keep(decision("on its way", time=101 * second))  # by the profile of before
        database.decisions.keep(decision("of one who came again", time=200 * second))
        database.decisions.keep(decision("of bob", user="bob", time=101 * second))
        database.decisions.flush()
        assert database.decisions.get("on its way") is None
        assert database.decisions.get("of one who came again") is not None
        assert database.decisions.get("of bob") is not None

    def test_whom_nobody_knows_can_be_erased(self, database: Database) -> None:
        database.users.erase("ann", 150)
        assert database.users.get("ann") == UserRecord((), 150, 1)

    def test_erasures_are_told_in_their_order(self, database: Database) -> None:
        assert database.users.erased(0) == Erased(0, [])
        for number, user in enumerate(["bob", "ann", "cid", "bob"]):
            database.users.erase(user, 100 - number)  # whatever the clocks say
        database.users.override("ann", self.FILTERS)
        assert database.users.erased(0) == Erased(4, ["ann", "cid", "bob"])
        assert database.users.erased(3) == Erased(4, ["bob"])
        assert database.users.erased(4) == Erased(4, [])
        assert database.users.erased(99) == Erased(4, [])

    def test_decisions_of_users_erased_elsewhere(self, database: Database) -> None:
        decisions = database.decisions
        decisions.keep(decision("written"))
        decisions.keep(decision("of bob", user="bob"))
        decisions.flush()
        decisions.keep(decision("waiting"))
        assert decisions.followed() == 0
        decisions.erase(Erased(7, ["ann", "nobody"]))
        decisions.flush()
        assert (decisions.get("written"), decisions.get("waiting")) == (None, None)
        assert decisions.get("of bob") is not None
        assert decisions.followed() == 7
        decisions.erase(Erased(5, []))  # by another process that is behind
        assert decisions.followed() == 7


class TestItems:
    def test_changes_are_numbered_in_order(self, database: Database) -> None:
        items = database.items
        assert items.last() == 0
        assert items.after(0, 10) == []
        first = items.put({"car": RED, "van": BLUE}, 100)
        second = items.put({"car": None}, 200)
        assert items.last() == second > first
        changes = items.after(0, 10)
        assert [(each.item_id, each.features, each.time) for each in changes] == [
            ("car", RED, 100),
            ("van", BLUE, 100),
            ("car", None, 200),
        ]
        assert [each.seq for each in changes] == sorted({each.seq for each in changes})
        assert items.after(0, 2) == changes[:2]
        assert items.after(first, 10) == changes[2:]
        assert items.after(second, 10) == []
        assert items.put({}, 300) == second

    def test_the_change_that_held_at_a_time(self, database: Database) -> None:
        database.items.put({"car": RED, "van": RED}, 100)
        database.items.put({"car": BLUE}, 200)
        database.items.put({"car": None}, 200)
        database.items.put({"car": RED}, 150)  # a clock that went back
        changes = database.items.after(0, 10)
        wanted = [("car", 99), ("car", 100), ("car", 149), ("car", 150), ("car", 199), ("car", 200)]
        wanted += [("car", 10**15), ("van", 10**15), ("bus", 10**15), ("car", 100)]
        held = database.items.at([Wanted(*each) for each in wanted])
        one, two, three = changes[0], changes[4], changes[3]
        assert held == [None, one, one, two, two, three, three, changes[1], None, one]
        assert database.items.at([]) == []

    def test_a_change_that_came_first_is_not_undone(self, database: Database) -> None:
        first = database.items.put({"car": RED, "van": RED}, 100)
        second = database.items.put({"car": None}, 200, unchanged_since=first)
        assert second > first
        assert database.items.put({"bus": BLUE, "car": BLUE}, 300, unchanged_since=first) == 0
        assert database.items.last() == second
        assert database.items.put({"bus": BLUE, "van": BLUE}, 300, unchanged_since=first) > second

    def test_the_first_and_the_latest(self, database: Database) -> None:
        database.items.put({"car": RED, "van": RED}, 100)
        database.items.put({"car": BLUE}, 200)
        last = database.items.put({"van": None}, 300)
        assert database.items.first(["car", "van", "bus"]) == {
            "car": ItemChange(1, "car", RED, 100),
            "van": ItemChange(2, "van", RED, 100),
        }
        assert database.items.latest(["car", "van", "bus"]) == {
            "car": ItemChange(3, "car", BLUE, 200),
            "van": ItemChange(last, "van", None, 300),
        }
        assert database.items.first([]) == database.items.latest([]) == {}

    def test_many_at_once(self, database: Database) -> None:
        ids = [f"i{n}" for n in range(33_000)]  # more than SQLite takes as parameters of one statement
        database.items.put(dict.fromkeys(ids, BLUE), 100)
        assert len(database.items.latest(ids)) == len(ids)
        held = database.items.at([Wanted(id, 100) for id in ids])
        assert [each.item_id for each in held if each is not None] == ids


class TestDecisions:
    def test_come_back_whole_at_once_and_later(self, database: Database) -> None:
        kept, guest = decision("1"), decision("2", user=None, degraded=None, answer=[])
        database.decisions.keep(kept)
        database.decisions.keep(guest)
        assert database.decisions.get("1") == kept
        database.decisions.flush()
        assert database.decisions.get("1") == kept
        assert database.decisions.get("2") == guest
        assert database.decisions.get("3") is None
        assert database.decisions.dropped == 0
