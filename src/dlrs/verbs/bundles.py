"""The verbs of a registry: `dlrs bundles` lists what was published, `dlrs rollback` goes back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from dlrs.publishing.publications import Listed

console = Console()

Registry = Annotated[
    Path, typer.Argument(help="folder of all published bundles", metavar="REGISTRY", show_default=False)
]


def rollback(
    registry: Registry,
    to: Annotated[
        str | None, typer.Option(help="name of the bundle to serve; none: the one that was replaced")
    ] = None,
) -> None:
    """Make an earlier bundle current again. Services that run follow at once, without a failed request."""
    from dlrs.publishing import publications

    before = publications.current_name(registry)
    bundle = publications.rollback(registry, to)
    console.print(
        escape(f"{registry}: {bundle.path.name} follows {before}; watermark {_watermark(bundle.facts)}."),
        highlight=False,
        soft_wrap=True,
    )


def bundles(registry: Registry) -> None:
    """List the bundles of a registry, those published last first, with what their rehearsals found."""
    from dlrs.publishing import publications

    console.print(_table(str(registry), publications.bundles(registry)))


def _table(registry: str, listed: list[Listed]) -> Table:
    table = Table(title=escape(registry), padding=(0, 1, 0, 0))
    for column in ("", "bundle", "published", "watermark", "items", "recall", "precision", "remark"):
        # a name is wanted whole, for `rollback --to`, however narrow the window
        justify: JustifyMethod = "right" if column in ("items", "recall", "precision") else "left"
        least = 10 if column in ("published", "watermark") else None
        table.add_column(
            column, justify=justify, no_wrap=column == "bundle", overflow="fold", min_width=least
        )
    for one in listed:
        published = _minute(one.publication.time) if one.publication else ""
        mark = "→" if one.current else ""
        facts = [_minute(_watermark(one.facts)), f"{one.facts.get('items', 0):,}"]
        table.add_row(mark, one.name, published, *facts, *_figures(one))
    return table


def _figures(one: Listed) -> tuple[str, str, str]:
    """Return recall, precision beside that of the bundle before, and what else is to be said."""
    publication = one.publication
    if publication is None or publication.rehearsal is None:
        return "", "", ""
    found = publication.rehearsal
    relevance, remark = found["relevance"], "forced" if found["below"] else ""
    if publication.refused:
        remark = f"refused: {publication.refused}"
    precision = ""
    if relevance:
        precision = f"{relevance['precision']:.4f} beside {relevance['current_precision']:.4f}"
    return f"{found['recall']['recall']:.3f}", precision, escape(remark)


def _watermark(facts: Mapping[str, Any]) -> str:
    return str(facts.get("watermark", "unknown"))


def _minute(time: str) -> str:
    """Return ISO 8601 as people read it, in words that a narrow column may part."""
    return time[:16].replace("T", " ")
