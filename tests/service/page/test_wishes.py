from __future__ import annotations

import pytest

from dlrs.bundle import current_bundle
from dlrs.candidates.filtering.filters import AnyOf, Between, NoneOf, Within
from dlrs.errors import RequestError
from dlrs.folders import RunFolder
from dlrs.service.bundle import ServingBundle
from dlrs.service.page import wishes
from dlrs.service.page.routes import _local


@pytest.fixture(scope="module")
def bundle(world: RunFolder) -> ServingBundle:
    return ServingBundle.load(current_bundle(world.registry))


def test_fields_become_filters(bundle: ServingBundle) -> None:
    given = {"price.min": "1,000", "price.max": "9 000", "fuel": "DIESEL", "color": "", "other": "x"}
    given |= {"km": "50", "latitude": "52.5", "longitude": "13.4"}
    assert wishes.filters(given, bundle.encoding) == (
        Between(feature="price", min=1000.0, max=9000.0),
        AnyOf(feature="fuel", any_of=("DIESEL",)),
        Within(within_km=50.0, latitude=52.5, longitude=13.4),
    )
    assert wishes.filters({}, bundle.encoding) == ()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"price.min": "cheap"}, "expected a number"),
        ({"price.min": "9", "price.max": "1"}, "min ≤ max"),
        ({"price.min": "nan"}, "finite"),
        ({"km": "50"}, "latitude: expected a number"),
    ],
)
def test_wrong_fields_are_told(bundle: ServingBundle, given: dict[str, str], told: str) -> None:
    with pytest.raises(RequestError, match=told):
        wishes.filters(given, bundle.encoding)


def test_what_is_never_to_be_shown_adds_up() -> None:
    red = NoneOf(feature="color", none_of=("RED",))
    cheap = Between(feature="price", max=15_000.0)
    assert wishes.never({"never": "color=RED"}, [cheap, red]) == [cheap, red]
    assert wishes.never({"never": "", "of": "price", "at_most": "15,000"}, [red]) == [red, cheap]
    with pytest.raises(RequestError, match="neither"):
        wishes.never({"never": ""}, [])
    assert [wishes.in_words(one) for one in (red, cheap)] == ["never color RED", "price ≤ 15,000"]


@pytest.mark.parametrize(
    "address", ["https://else.where/", "//else.where", "/\\else.where", "u/x", "", "/a\r\nb", "//["]
)
def test_no_form_leads_elsewhere(address: str) -> None:
    assert _local(address) is None


def test_a_form_leads_back() -> None:
    assert _local("/u/x?price.max=9000") == "/u/x?price.max=9000"
