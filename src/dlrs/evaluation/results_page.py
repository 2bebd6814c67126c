"""Results page: one table for each data set, in Markdown, from the report.json files of `dlrs evaluate`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dlrs.errors import DataError
from dlrs.evaluation.funnel import STAGES
from dlrs.evaluation.groups import ALL
from dlrs.evaluation.measures import AT_K, Measure
from dlrs.evaluation.page_stages import gap_cells, mark, times
from dlrs.evaluation.report import HEADLINE, Report, Section

COLUMNS = ("precision", "map", "recall", "ndcg", "coverage", "novelty", "diversity")
HEAD = """\
# Results

Written by `dlrs results` from the reports of `dlrs evaluate`: edit nothing here, run the commands again.

All items of the catalogue are ranked, none sampled. Values are means over users at the k named in the
column, the decisive ones with the 95 % interval of a paired bootstrap over users. The best of a column
is bold. A star marks what differs from our model beyond chance among all comparisons of its report
(Holm's correction), a star in brackets what would if it were the only one. *Warm* and *cold* judge the
same lists on items that somebody, or nobody, met before the cut; a dash stands where there was nothing
to judge on. In one list the two kinds take places from each other, so models are also asked for one kind
only.
"""


def read_report(path: Path) -> Report:
    """Read a report.json, named itself or by its folder.

    Raises:
        DataError: there is none.
    """
    file = path / "report.json" if path.is_dir() else path
    try:
        return Report.from_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{file}: expected a report that `dlrs evaluate` wrote, received: {error}. Evaluate again."
        ) from error


def results_page(reports: Iterable[Report]) -> str:
    """Return the page in Markdown: a section for each report, in the order given."""
    return "\n".join([HEAD, *(_section(report) for report in reports)])


def _section(report: Report) -> str:
    parts = [
        f"## {_name(report)}",
        _facts(report),
        _table(_model_rows(report)),
        _alone(report),
        _strict(report),
        _users(report),
        _stages(report),
        *(_more(section) for section in report.more),
        _commands(report.commands),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _name(report: Report) -> str:
    return report.data.marketplace if report.data is not None else "a marketplace without a name"


def _facts(report: Report) -> str:
    test = report.test
    seeds = f" Models that draw at random: means over {report.seeds} seeds." if report.seeds > 1 else ""
    return (
        f"{test['users']:,} users, {test['items']:,} items ({test['cold_items']:,} cold), "
        f"{test['pairs']:,} new positives ({test['pairs_of_cold_items']:,} of cold items). "
        f"Our model is *{report.reference}*; "
        f"{report.reservation or f'stars are over {report.comparisons} comparisons.'}{seeds}"
    )


def _model_rows(report: Report) -> list[dict[str, str]]:
    k = report.headline_k
    measures = {f"{metric}@{k}": AT_K[metric] for metric in COLUMNS}
    warm, cold = (f"precision@{k}, {items}" for items in ("warm", "cold"))
    return [
        {"model": name}
        | {_heading(key, measure): _cell(report, name, key, measure) for key, measure in measures.items()}
        | {
            warm: _shown(AT_K["precision"], report.warm_items[name], f"precision@{k}"),
            cold: _shown(AT_K["precision"], report.cold_items[name], f"precision@{k}"),
            f"{report.reference}, times its precision@{k}": times(report, name, f"precision@{k}"),
        }
        for name in report.models
    ]


def _heading(key: str, measure: Measure) -> str:
    return f"{measure.title.split('@')[0]}@{key.split('@')[1]}" + (
        f", {measure.unit}" if measure.unit else ""
    )


def _cell(report: Report, name: str, key: str, measure: Measure) -> str:
    means = report.models[name]
    if key not in means:
        return "–"
    text = measure.show(means[key])
    if measure.judges and means[key] == report.best(key):
        text = f"**{text}**"
    text += mark(report, name, key).replace("*", r"\*")
    if key.split("@")[0] in HEADLINE and key in report.intervals[name]:
        low, high = report.intervals[name][key]
        text += f"<br>{measure.show(low)} – {measure.show(high)}"
    return text


def _shown(measure: Measure, means: Mapping[str, float], key: str) -> str:
    return measure.show(means[key]) if key in means else "–"


def _alone(report: Report) -> str:
    """Return what models find that are asked for warm, or for cold items only."""
    k, measure = report.headline_k, AT_K["precision"]
    key = f"precision@{k}"
    columns = {
        f"{group} items only ({of.items:,} items, {of.users:,} users)": of
        for group, of in report.alone.items()
    }
    rows: list[dict[str, str]] = [{"model": name} for name in report.models]
    for heading, of in columns.items():
        for row in rows:
            name = row["model"]
            low, high = of.intervals[name][key]
            text = measure.show(of.models[name][key])
            if of.models[name][key] == max(means[key] for means in of.models.values()):
                text = f"**{text}**"
            text += mark(of, name, key).replace("*", r"\*")
            row[heading] = f"{text}<br>{measure.show(low)} – {measure.show(high)}"
            row[f"{report.reference}, times that of {heading.split()[0]}"] = times(of, name, key)
    head = f"Asked for one kind of items only, Precision@{k} in %:"
    return f"{head}\n\n{_table(rows)}" if columns else ""


def _strict(report: Report) -> str:
    if report.strict is None:
        return ""
    test = report.strict.test
    head = f"Strict, only items alive at the cut ({test['items']:,} items, {test['users']:,} users):"
    parts = [head, _table(_model_rows(report.strict)), _alone(report.strict)]
    return "\n\n".join(part for part in parts if part)


def _users(report: Report) -> str:
    """Return Precision at the headline k on users with few and with many events."""
    key, measure = f"precision@{report.headline_k}", AT_K["precision"]
    if not report.user_groups:
        return ""
    columns = {f"{of.name} ({of.least:,} to {of.most:,})": of for of in report.user_groups}
    rows = [
        {"model": name} | {heading: _shown(measure, of.models[name], key) for heading, of in columns.items()}
        for name in report.models
    ]
    users = ", ".join(f"{of.users:,} with {of.name}" for of in report.user_groups)
    return (
        f"Precision@{report.headline_k} in % by the user's events before the cut ({users}):\n\n{_table(rows)}"
    )


def _stages(report: Report) -> str:
    """Return where pairs end in each model of two stages, and what its ranking adds, at the headline k."""
    if not report.stages:
        return ""
    k = report.headline_k
    key, measure = f"precision@{k}", AT_K["precision"]
    rows = []
    for name, stages in report.stages.items():
        pairs = stages.pairs[ALL][f"@{k}"]
        total = max(1, sum(pairs.values()))
        gap = gap_cells(stages.gains[ALL][key])
        rows.append(
            {"model": name, "T": f"{stages.candidates:,}"}
            | {f"{stage}, %": f"{100 * pairs[stage] / total:.1f}" for stage in STAGES}
            | {
                "retrieval alone": _shown(measure, stages.retrieval[ALL], key),
                "ranked": _shown(measure, report.models[name], key),
                "best possible ranking": _shown(measure, stages.ceilings[ALL], key),
                "ranking adds, points": f"{gap['difference']} ({gap['95 % interval']}), {gap['verdict']}",
            }
        )
    head = f"Where the held-out pairs end at k = {k}, and Precision@{k} in % before and after ranking:"
    return f"{head}\n\n{_table(rows)}"


def _more(section: Section) -> str:
    tables = [f"{caption}:\n\n{_table(_texts(rows))}" for caption, rows in section.tables.items() if rows]
    return "\n\n".join([f"### {section.title}", section.text, *tables])


def _texts(rows: Sequence[Mapping[str, object]]) -> list[dict[str, str]]:
    def text(value: object) -> str:
        return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)

    return [{name: text(value) for name, value in row.items()} for row in rows]


def _commands(commands: Sequence[str]) -> str:
    return "\n".join(["```", *commands, "```"]) if commands else ""


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows with the same keys as a table; what stands first is words, the rest numbers."""
    names = list(rows[0])
    lines = [names, ["---"] + ["---:"] * (len(names) - 1), *(list(row.values()) for row in rows)]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", r"\|")
