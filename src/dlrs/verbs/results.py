"""`dlrs results`: reports of several data sets as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dlrs.progress import FOLLOWS

console = Console(quiet=FOLLOWS)


def results(
    reports: Annotated[
        list[Path],
        typer.Argument(help="folders that `dlrs evaluate` wrote, or their report.json", metavar="REPORT…"),
    ],
    out: Annotated[Path, typer.Option(help="Markdown file to write; an older one is replaced")] = Path(
        "docs/results.md"
    ),
) -> None:
    """Write one page of results: a table for each data set, with the commands that lead to it."""
    from dlrs.atomic import write_text
    from dlrs.bundle import writable
    from dlrs.evaluation.results_page import read_report, results_page

    page = results_page(read_report(report) for report in reports)
    with writable(out):
        write_text(out, page)
    console.print(f"Results of {len(reports)} reports: {out}", highlight=False, soft_wrap=True, markup=False)
