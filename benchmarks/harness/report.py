"""Rows as text, on the terminal and between markers in README.md."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

from cases import CASES, IMPORT_CASE

from .measure import Row

HEADINGS = ("work", "ours", "rate", "against", "theirs", "ratio", "target", "")
WIDTHS = (28, 10, 20, 20, 10, 8, 8, 6)


def time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for scale, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def ratio_text(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "cost":  # of ours, as a multiple of theirs
        return f"1/{1 / value:.2f}"
    return f"{100 * value:.0f} %" if unit == "%" else f"{value:.2f}x"


def cells(row: Row) -> list[str]:
    """A row as text."""
    return [
        row.case,
        time(row.seconds),
        row.rate,
        row.peer,
        time(row.peer_seconds),
        ratio_text(row.ratio, row.unit),
        "" if row.target is None else ratio_text(row.target, row.unit),
        row.verdict,
    ]


def line(values: list[str] | tuple[str, ...], note: str = "") -> str:
    """One line for the terminal."""
    padded = "  ".join(value.ljust(width) for value, width in zip(values, WIDTHS, strict=True))
    return f"{padded}  {note}".rstrip()


def cpu_model() -> str:
    """The name of the processor, with the widest vector instructions it has."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    fields = dict(part.split(":", 1) for part in text.splitlines() if ":" in part)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = fields.get("flags", "").split()
    isa = next((name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "")
    name = fields.get("model name") or platform.processor() or platform.machine()
    family = f"family {fields['cpu family']}, model {fields['model']}" if "cpu family" in fields else ""
    return ", ".join(part for part in (name, family, isa) if part)


def section(path: Path, name: str, lines: list[str] | None = None) -> list[str]:
    """The lines between the markers of a section; replaced by others, if some are given."""
    text = path.read_text(encoding="utf8")
    start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
    if start not in text or end not in text:
        raise SystemExit(f"{path} has no lines {start!r} and {end!r} to write the results between")
    before, rest = text.split(start, 1)
    inside, after = rest.split(end, 1)
    if lines is not None:
        path.write_text("\n".join([before + start, *lines, end + after]), encoding="utf8")
    return inside.strip().splitlines()


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table."""
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    return lines + ["| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows]


def parse(lines: list[str]) -> list[list[str]]:
    """The rows of a table, without its head."""
    table = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines if line[:2] == "| "]
    return table[1:]


def measured(versions: str) -> str:
    """When and where."""
    date = datetime.date.today().isoformat()
    return f"Measured on {date}, {cpu_model()}, one thread. {versions}".strip()


def still_measured(lines: list[str], versions: str | None) -> str:
    """The same; where only some rows were measured (no versions), what was written about all of them."""
    before = next((line for line in lines if line.startswith("Measured on")), None)
    return before if before and versions is None else measured(versions or "")


def write_headlines(path: Path, rows: list[Row], versions: str | None) -> list[list[str]]:
    """Replace the rows that were measured, keep the others; all of them come back."""
    new = [[*cells(row)[:-1], f"{row.verdict} {row.note}".strip()] for row in rows]
    cases = {row[0] for row in new}
    old = section(path, "results")
    kept = [row for row in parse(old) if row[0] not in cases]
    order = [*(case.name for case in CASES), IMPORT_CASE]
    everything = sorted(
        (row for row in [*kept, *new] if row[0] in order), key=lambda row: order.index(row[0])
    )
    section(path, "results", [still_measured(old, versions), "", *markdown(HEADINGS, everything)])
    return everything
