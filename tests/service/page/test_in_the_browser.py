"""The page in a real browser: the click path, filters, keyboard, a phone; nothing leaves, no error shows."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from dlrs.folders import RunFolder
from dlrs.service.http.access import new_key
from service.http.test_serving import serving

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PICTURES = os.environ.get("DLRS_PICTURES")
"""A folder that gets pictures of the page, for the README."""

NOT_SO = "Not with this key, or not from here"

LEAST_CONTRAST = """() => {
  const lightness = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    const colour = getComputedStyle(element).backgroundColor;
    return /, 0\\)/.test(colour) ? ground(element.parentElement) : colour;
  };
  const texts = [...document.querySelectorAll("p, h1, h2, h3, a, button, li, summary, label, footer")];
  return Math.min(...texts.filter(element => element.checkVisibility()).map(element => {
    const pair = [getComputedStyle(element).color, ground(element)].map(lightness).sort((a, b) => b - a);
    return (pair[0] + 0.05) / (pair[1] + 0.05);
  }));
}"""
"""Of the texts of a page, how much the one that is hardest to read stands out."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")


@pytest.fixture(scope="module")
def address(world: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state = tmp_path_factory.mktemp("state")
    with serving(world.path, state, "--as-of", "watermark") as (_, _, said):
        yield said[-1].split()[1]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=address)
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if _leaves(request.url, address) else None)
    yield page
    context.close()
    assert wrong == []


def _leaves(url: str, address: str) -> bool:
    return urlsplit(url).scheme != "data" and urlsplit(url).netloc != urlsplit(address).netloc


def example(page: Page) -> str:
    page.goto("/")
    return page.locator(".examples a").first.inner_text()


def shown(page: Page) -> list[str]:
    return page.locator(".card").evaluate_all("cards => cards.map(card => card.dataset.item)")


def test_the_click_path(page: Page) -> None:
    user = example(page)
    page.get_by_label("A user's id").fill(user)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name=f"For {user}")).to_be_visible()
    before, events = shown(page), int(page.locator("#events").inner_text())
    assert len(before) == 12
    assert page.locator(".reason").count() > 0
    assert page.locator(".bar").count() > 3

    first = page.locator(".card").first
    first.get_by_role("button", name="bookmark").click()
    expect(page.locator("#events")).to_have_text(str(events + 1))
    after = shown(page)
    assert before[0] not in after
    assert after != before[1:]  # not only one less: he is known better now
    expect(page.locator(".history li").first).to_contain_text("bookmark")

    page.locator(".card").first.get_by_role("button", name="contact").click()
    expect(page.locator("#events")).to_have_text(str(events + 2))

    title = page.locator(".card .title").first
    name = title.inner_text()
    title.click()
    expect(page).to_have_url(re.compile("/ad/"))
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("heading", name="Like this one")).to_be_visible()
    page.locator("#back").click()
    expect(page.locator("#events")).to_have_text(str(events + 3))


def test_filters_and_what_is_never_shown(page: Page) -> None:
    user = example(page)
    page.goto(f"/u/{user}")
    page.get_by_text("Filter", exact=True).first.click()
    page.get_by_label("price to").fill("9000")
    page.locator("#filters").get_by_role("button", name="Filter").click()
    expect(page.locator(".chips")).to_contain_text("price ≤ 9,000")
    prices = [int(text.replace(",", "")) for text in page.locator(".price").all_inner_texts()]
    assert prices
    assert max(prices) <= 9000

    page.get_by_label("never show").select_option("fuel=PETROL")
    page.get_by_role("button", name="Keep to this").click()
    expect(page.locator(".chips")).to_contain_text("never fuel PETROL")
    expect(page.locator(".chips")).to_contain_text("price ≤ 9,000")  # one stays where one was
    assert "fuel PETROL" not in page.locator(".cards").inner_text()
    page.get_by_role("button", name="Drop these").click()
    expect(page.locator(".chips")).not_to_contain_text("never")

    page.goto(f"/u/{user}?price.max=cheap")
    expect(page.get_by_role("alert")).to_contain_text("expected a number")


def test_by_keyboard_alone(page: Page) -> None:
    user = example(page)
    page.keyboard.type(user)  # the field has the focus
    page.keyboard.press("Enter")
    expect(page.locator("#events")).to_be_visible()
    events = int(page.locator("#events").inner_text())
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.type") == "bookmark":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#events")).to_have_text(str(events + 1))


@pytest.mark.parametrize("where", ["/", "/u/{user}", "/report", "/live"])
def test_a_phone_scrolls_in_one_direction(page: Page, where: str) -> None:
    user = example(page)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(where.format(user=user))
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_long_texts_are_no_wider_than_a_phone(page: Page, address: str, hostile: dict[str, str]) -> None:
    user, item = "W" * 300, "W" * 400
    with httpx.Client(base_url=address) as client:
        assert client.post("/items", json={"upsert": {item: hostile}}).is_success
        event = {"id": "wide", "user_id": user, "item_id": item, "type": "contact"}
        assert client.post("/events", json=event).is_success
    page.set_viewport_size({"width": 360, "height": 740})
    for where in (f"/u/{user}", f"/u/{user}/ad/{item}"):
        page.goto(where)
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_one_stays_where_one_was(page: Page) -> None:
    page.goto(f"/u/{example(page)}")
    events = int(page.locator("#events").inner_text())
    button = page.locator(".card").nth(7).get_by_role("button", name="contact")
    button.focus()
    assert page.evaluate("scrollY") > 300
    page.keyboard.press("Enter")
    expect(page.locator("#events")).to_have_text(str(events + 1))
    expect(button).to_be_focused()  # that of the item which is there now
    expect(button).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(f"/u/{example(page)}")
    assert page.evaluate(LEAST_CONTRAST) >= 4.5  # WCAG 2.2, AA


def test_live_numbers_move(page: Page) -> None:
    page.goto("/live")
    row = page.locator("#numbers tr", has_text="Requests").locator("td").first
    before = row.inner_text()
    expect(row).not_to_have_text(before)


def test_without_scripts(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/u/{example(page)}")
    events = int(page.locator("#events").inner_text())
    page.locator(".card").first.get_by_role("button", name="bookmark").click()
    expect(page.locator("#events")).to_have_text(str(events + 1))
    context.close()


def test_errors_are_pages(browser: Browser, world: RunFolder, tmp_path: Path) -> None:
    """A key that may not read; one that may do nothing else; an address that leads nowhere."""
    keys = tmp_path / "keys.json"
    passwords: list[Any] = [
        {"username": "anybody", "password": new_key(keys, [scope])} for scope in ("events", "read")
    ]
    with serving(world.path, tmp_path, "--as-of", "watermark", "--keys", str(keys)) as (_, _, said):
        address = said[-1].split()[1]
        may_not, may = (
            browser.new_context(base_url=address, http_credentials=one).new_page() for one in passwords
        )
        may_not.goto("/")
        expect(may_not.get_by_role("heading", level=1)).to_have_text(NOT_SO)
        expect(may_not.get_by_role("alert")).to_contain_text("expected scope 'read'")
        assert may_not.evaluate(LEAST_CONTRAST) >= 4.5

        may.goto(f"/u/{example(may)}")
        may.locator(".card").first.get_by_role("button", name="bookmark").click()
        expect(may.get_by_role("heading", level=1)).to_have_text(NOT_SO)
        expect(may.get_by_role("alert")).to_contain_text("expected scope 'events'")
        may.get_by_role("link", name="To the users").click()
        expect(may.get_by_label("A user's id")).to_be_visible()
        may.goto("/nowhere")
        expect(may.get_by_role("heading", level=1)).to_have_text("Nothing is here")


@pytest.mark.skipif(PICTURES is None, reason="DLRS_PICTURES names no folder")
def test_pictures(browser: Browser, address: str) -> None:
    folder = Path(PICTURES or "")
    for name, width, height in (("page", 1280, 860), ("page-phone", 390, 844)):
        page = browser.new_context(base_url=address, viewport={"width": width, "height": height}).new_page()
        page.goto(f"/u/{os.environ.get('DLRS_PICTURED') or example(page)}")
        page.screenshot(path=folder / f"{name}.png")
