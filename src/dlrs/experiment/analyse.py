"""Analyse the logs of a test: two tables in, a folder with experiment.json out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table

from dlrs import bundle
from dlrs.data.sources import Source
from dlrs.errors import SchemaError
from dlrs.experiment.analysis import analyse
from dlrs.experiment.assignment import ARM, Arms, assign
from dlrs.experiment.interleaving import preference
from dlrs.experiment.report import DETECT, Teams, arms_json, arms_table, as_text, teams_json, teams_table
from dlrs.experiment.tables import TEAM, Rules, Shown

KIND = "experiment"
RESULT = "experiment.json"


@dataclass(frozen=True)
class Setup:
    """How a test was set up, and how it is to be analysed."""

    arms: Arms | None = None  # none: those of the column, in equal shares
    name: str | None = None  # given: users are assigned by it, and the column is not read
    interleaved: bool = False
    rules: Rules = field(default_factory=Rules)
    detect: float = DETECT
    names: Mapping[str, str] = field(default_factory=dict)  # what the tables call our columns


@dataclass(frozen=True)
class Finding:
    """What was found, for programs and for people."""

    content: dict[str, Any]
    shown: Group | Table


def analyse_tables(impressions: Source, outcomes: Source, setup: Setup) -> Finding:
    """Read both tables and analyse the test.

    Raises:
        DataError: a table is not what it should be, or holds too little.
        SchemaError: the test has a name, but no arms.
    """
    if setup.interleaved:
        return _interleaved(impressions, outcomes, setup)
    if setup.name is not None and setup.arms is None:
        raise SchemaError("arms: expected them with the name of the test, like --arms A=0.5,B=0.5.")
    shown = Shown.read(impressions, setup.names, ARM if setup.name is None else None)
    arms = setup.arms or shown.arms()
    if setup.name is None:
        arm_U = shown.arm_of_users(arms, setup.names.get(ARM, ARM))
    else:
        arm_U = assign(shown.user_ids.to_pylist(), setup.name, arms)
    found = analyse(shown.exposures(outcomes, setup.names, setup.rules), arm_U, arms)
    return Finding(arms_json(found, setup.detect), arms_table(found, setup.detect))


def write(folder: Path, found: Finding, facts: dict[str, Any]) -> None:
    """Write experiment.json into a folder that is being written."""
    (folder / RESULT).write_text(as_text(facts | found.content), encoding="utf-8")


def analyse_into(out: Path, impressions: Source, outcomes: Source, setup: Setup) -> Finding:
    """Analyse the test and write the folder `out`."""
    found = analyse_tables(impressions, outcomes, setup)
    facts = {"tables": {"impressions": str(impressions), "outcomes": str(outcomes)}}
    with bundle.writing(out, KIND, facts=facts) as folder:
        write(folder, found, facts)
    return found


def _interleaved(impressions: Source, outcomes: Source, setup: Setup) -> Finding:
    shown = Shown.read(impressions, setup.names, TEAM)
    names, team_I = shown.teams()
    exposures = shown.exposures(outcomes, setup.names, setup.rules)
    credited = {"clicks": exposures.clicked_I, "contacts": exposures.contacted_I}
    by = {what: preference(shown.user_I, team_I, credited_I) for what, credited_I in credited.items()}
    found = Teams(names, len(shown.user_ids), len(team_I), by)
    return Finding(teams_json(found), teams_table(found))
