"""Which bundle followed which, and the way back."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from dlrs import bundle
from dlrs.errors import ArtifactError
from dlrs.publishing.publications import FILE, bundles, current_name, publications, record, rollback
from dlrs.verbs import bundles as bundle_verbs


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return tmp_path / "registry"


def enter(registry: Path, text: str) -> bundle.Folder:
    content = registry.parent / "content"
    content.mkdir(exist_ok=True)
    (content / "text").write_text(text)
    return bundle.enter(registry, content, facts={})


def publish(registry: Path, text: str) -> str:
    entered = enter(registry, text)
    record(registry, entered, refused=None, rehearsal=None)
    bundle.make_current(registry, entered.path.name)
    return entered.path.name


def test_the_way_back_is_what_each_replaced(registry: Path) -> None:
    one, two, three = (publish(registry, text) for text in ("one", "two", "three"))
    assert rollback(registry).path.name == two
    assert rollback(registry).path.name == one
    with pytest.raises(ArtifactError, match="Name one with --to"):
        rollback(registry)
    assert current_name(registry) == one
    assert rollback(registry, three).path.name == three == current_name(registry)


def test_what_was_taken_back_is_left_out(registry: Path) -> None:
    _, two, _ = (publish(registry, text) for text in ("one", "two", "three"))
    rollback(registry)
    publish(registry, "four")
    assert rollback(registry).path.name == two


def test_published_once_more_it_still_goes_back(registry: Path) -> None:
    one, two = publish(registry, "one"), publish(registry, "two")
    assert publish(registry, "two") == two
    assert rollback(registry).path.name == one


def test_killed_before_it_was_current_and_run_again(registry: Path) -> None:
    one = publish(registry, "one")
    record(registry, enter(registry, "two"), refused=None, rehearsal=None)  # … and no more
    with pytest.raises(ArtifactError, match="--to"):
        rollback(registry)
    assert current_name(registry) == one
    publish(registry, "two")
    assert rollback(registry).path.name == one


def test_what_was_refused_is_nobodys_predecessor(registry: Path) -> None:
    one = publish(registry, "one")
    record(registry, enter(registry, "bad"), refused="it is bad", rehearsal=None)
    publish(registry, "three")
    assert rollback(registry).path.name == one
    refused = {str(listed.publication.refused) for listed in bundles(registry) if listed.publication}
    assert refused == {"None", "it is bad"}


def test_a_damaged_bundle_is_not_gone_back_to(registry: Path) -> None:
    one, two = publish(registry, "one"), publish(registry, "two")
    (registry / one / "text").write_text("eno")
    with pytest.raises(ArtifactError, match="SHA-256"):
        rollback(registry)
    assert current_name(registry) == two


@pytest.mark.parametrize("missing", [False, True])
def test_from_a_damaged_bundle_one_goes_back(registry: Path, missing: bool) -> None:
    one, two = publish(registry, "one"), publish(registry, "two")
    if missing:
        shutil.rmtree(registry / two)
    else:
        (registry / two / "text").write_text("cut")
        (registry / two / "manifest.json").write_text("{")
    assert [listed.name for listed in bundles(registry)] == [one]
    assert rollback(registry).path.name == one == current_name(registry)


def test_a_path_is_no_name_of_a_bundle(registry: Path) -> None:
    one, elsewhere = publish(registry, "one"), publish(registry.parent / "elsewhere", "one")
    for path in (f"../elsewhere/{elsewhere}", str(registry.parent / "elsewhere" / elsewhere), "..", ".", ""):
        with pytest.raises(ArtifactError, match="expected the name of a bundle"):
            rollback(registry, path)
    assert current_name(registry) == one


def test_a_narrow_window_shows_whole_names(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [publish(registry, text) for text in ("one", "two")]
    written = io.StringIO()
    monkeypatch.setattr(bundle_verbs, "console", Console(width=80, file=written))
    bundle_verbs.bundles(registry)
    assert all(f"{name} " in written.getvalue() for name in names)


def test_bundles_of_an_older_dlrs_are_listed(registry: Path) -> None:
    one = bundle.publish(registry, _content(registry), facts={"items": 3}).path.name
    (listed,) = bundles(registry)
    assert (listed.name, listed.current, listed.publication, listed.facts["items"]) == (one, True, None, 3)


def test_a_damaged_list_is_an_error_that_says_what_is_lost(registry: Path) -> None:
    publish(registry, "one")
    (registry / FILE).write_text("[{}]")
    with pytest.raises(ArtifactError, match="Remove the file"):
        publications(registry)


def _content(registry: Path) -> Path:
    content = registry.parent / "content"
    content.mkdir()
    (content / "text").write_text("one")
    return content
