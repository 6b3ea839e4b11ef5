"""The table, on the terminal and in README.md."""

from __future__ import annotations

import datetime
import platform
from pathlib import Path

from .measure import Row

HEADINGS = ("work", "ours", "rate", "against", "theirs", "ratio", "target", "")
WIDTHS = (28, 10, 20, 20, 10, 8, 8, 6)
START, END = "<!-- results: start -->", "<!-- results: end -->"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for scale, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _ratio(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "cost":  # of ours, as a multiple of theirs
        return f"1/{1 / value:.2f}"
    return f"{100 * value:.0f} %" if unit == "%" else f"{value:.2f}x"


def cells(row: Row) -> list[str]:
    """A row as text."""
    return [
        row.case,
        _time(row.seconds),
        row.rate,
        row.peer,
        _time(row.peer_seconds),
        _ratio(row.ratio, row.unit),
        "" if row.target is None else _ratio(row.target, row.unit),
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


def write_readme(path: Path, rows: list[Row], versions: str) -> None:
    """Replace what stands between the markers."""
    text = path.read_text(encoding="utf8")
    if START not in text or END not in text:
        raise SystemExit(f"{path} has no lines {START!r} and {END!r} to write the results between")
    date = datetime.date.today().isoformat()
    table = [f"Measured on {date}, {cpu_model()}, one thread. {versions}", ""]
    table += ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    table += ["| " + " | ".join(cells(row)) + (f" {row.note}" if row.note else "") + " |" for row in rows]
    before, rest = text.split(START, 1)
    after = rest.split(END, 1)[1]
    path.write_text(f"{before}{START}\n" + "\n".join(table) + f"\n{END}{after}", encoding="utf8")


def draw(path: Path, rows: list[Row]) -> None:
    """A bar for every ratio that has a target: how far we are from it, on a logarithmic scale."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        print(f"matplotlib is not installed: {path.name} is left as it is.")
        return
    shown = [row for row in rows if row.target is not None and row.ratio]
    figure = Figure(figsize=(8, 1 + 0.16 * len(shown)), layout="constrained")
    axes = figure.subplots()
    values = [row.ratio / row.target for row in shown if row.ratio and row.target]
    colours = ["tab:green" if row.verdict == "ok" else "tab:red" for row in shown]
    axes.barh([f"{row.case}: {row.peer}" for row in shown], [v - 1 for v in values], left=1, color=colours)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("reached, as a multiple of the target")
    axes.tick_params(axis="y", labelsize=6)
    axes.invert_yaxis()
    axes.margins(y=0.005)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "thinc"}):
        figure.savefig(path, metadata={"Date": None})
