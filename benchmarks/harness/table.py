"""The large table: a line for each operation or layer, size, dtype and direction, in table.md."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from cases import LEVEL
from table import TABLE

from .measure import Row
from .report import markdown, parse, section, still_measured, time

PEERS = ("published", "torch", "jax")
HEADINGS = ("work", "size", "numbers", "pass", "ours", *PEERS, "best")
SIZES = ("tiny", "typical", "large")
FAMILIES = {
    "products": ("gemm", "affine"),
    "softmax, maxout, windows": ("softmax", "maxout", "seq2col"),
    "pooling": ("reduce_",),
    "tables, hashing": ("gather_add", "scatter_add", "hash", "ngrams", "position_encode"),
    "lists, copies": (
        *("flatten", "unflatten", "pad", "unpad", "list2padded", "padded2list", "insert_into"),
        *("as_contig", "alloc", "tile"),
    ),
    "losses": ("CategoricalCross", "SequenceCategorical", "L2Distance", "CosineDistance", "logloss"),
    "optimizers": (
        *("adam", "Adam", "RAdam", "SGD", "AdamW", "MomentumSGD", "NAdam", "Lion"),
        *("LAMB", "ScheduleFreeAdamW", "Adafactor", "Muon"),
        *("clip_gradient", "update_averages"),
    ),
    "dropout, batches": ("get_dropout_mask", "minibatch", "multibatch"),
}


@dataclass
class Line:
    """What was measured; a ratio is the peer's time over ours."""

    work: str  # with "ops." in front, if it is an operation
    size: str
    numbers: str  # their dtype
    direction: str
    ours: str = "-"
    ratios: dict[str, float] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, ...]:
        """What it is about."""
        return self.work, self.size, self.numbers, self.direction

    @property
    def best(self) -> float | None:
        """The ratio to the fastest of the peers."""
        return min(self.ratios.values(), default=None)

    @property
    def best_framework(self) -> float | None:
        """The ratio to the faster of PyTorch and JAX."""
        return min((ratio for peer, ratio in self.ratios.items() if peer != "published"), default=None)

    @property
    def family(self) -> str:
        """The group that it belongs to."""
        if not self.work.startswith("ops."):
            return "layers with weights" if "torch" in self.ratios else "combinators"
        name = self.work.removeprefix("ops.").removeprefix("backprop_")
        families = (family for family, starts in FAMILIES.items() if name.startswith(starts))
        return next(families, "activations")

    def cells(self) -> list[str]:
        """As text."""
        texts = [self.remarks.get(peer) or _text(self.ratios.get(peer)) for peer in PEERS]
        return [*self.key, self.ours, *texts, _text(self.best)]


def _text(ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.1g}"


def key_of(case: str) -> tuple[str, ...]:
    """From the name of a case."""
    kind, name, size, last = case.split("/")
    if kind == "layers":
        return name, size, "float32", last
    return f"ops.{name}", size, last, "backward" if name.startswith("backprop") else "forward"


ORDER = {key_of(case.name): number for number, case in enumerate(TABLE)}


def lines_of(rows: Iterable[Row]) -> list[Line]:
    """One line for the rows of each case."""
    lines = []
    for case, group in groupby(rows, key=lambda row: row.case):
        line = Line(*key_of(case))
        for row in group:
            if row.seconds is not None:
                line.ours = time(row.seconds)
            if row.wrong:
                line.remarks[row.peer] = "differs"
            elif row.ratio is None:
                line.remarks[row.peer] = "cannot"
            else:
                line.ratios[row.peer] = row.ratio
        lines.append(line)
    return lines


def read(text: list[str]) -> list[Line]:
    """The lines of table.md."""
    lines = []
    for work, size, numbers, direction, ours, *texts in parse(text):
        line = Line(work, size, numbers, direction, ours)
        for peer, text in zip(PEERS, texts, strict=False):
            if text in ("differs", "cannot"):
                line.remarks[peer] = text
            elif text != "-":
                line.ratios[peer] = float(text)
        lines.append(line)
    return lines


def write(path: Path, new: list[Line], versions: str | None) -> list[Line]:
    """Replace the lines that were measured, keep the others; all of them come back."""
    before = path.read_text(encoding="utf8").splitlines() if path.exists() else []
    old = {line.key: line for line in read(before)}
    both = {**old, **{line.key: line for line in new}}
    lines = sorted((both[key] for key in both if key in ORDER), key=lambda line: ORDER[line.key])
    text = [
        "# Operations and layers",
        "",
        "Our time, and the time of others as a multiple of it: above 1, ours is faster. `best` is the fastest of",
        "them; `-`: it has no such operation, or none worth the name; `cannot`: it raises; `differs`: its results",
        "are others. How it is measured, and a summary: [README.md](README.md).",
        "",
        still_measured(before, versions),
        "",
        *markdown(HEADINGS, (line.cells() for line in lines)),
    ]
    path.write_text("\n".join(text) + "\n", encoding="utf8")
    return lines


def mean(ratios: Iterable[float | None]) -> float:
    """Geometric mean of those that are there."""
    logs = [math.log(ratio) for ratio in ratios if ratio]
    return math.exp(statistics.fmean(logs)) if logs else math.nan


def below(lines: list[Line]) -> list[tuple[float, Line]]:
    """The lines below level with the best peer, worst first."""
    found = [(line.best, line) for line in lines if line.best is not None and line.best < LEVEL]
    return sorted(found, key=lambda pair: pair[0])


def summary(lines: list[Line]) -> list[str]:
    """Geometric means by family, and the lines below level."""
    rows = []
    for name, of in [*_by_family(lines), ("**all**", lines)]:
        shares = [sum(line.best is not None and line.best >= LEVEL for line in of), len(of)]
        means = [mean(line.ratios.get(peer) for line in of) for peer in PEERS]
        means += [mean(line.best for line in of), mean(line.best_framework for line in of)]
        rows.append([name, f"{shares[0]} of {shares[1]}", *("-" if m != m else f"{m:.2f}" for m in means)])
    headings = ["family", "level", *PEERS, "best of all", "better of torch and jax"]
    text = ["Geometric means of the ratios; `level`: lines that reach 0.97 of the fastest peer.", ""]
    text += markdown(headings, rows)
    slow = below(lines)
    if slow:
        text += ["", f"Below level ({len(slow)} of {len(lines)}):", ""]
        names = ["work", "size", "numbers", "pass", "ours", *PEERS]
        text += markdown(names, (line.cells()[:-1] for _, line in slow))
    return text


def _by_family(lines: list[Line]) -> list[tuple[str, list[Line]]]:
    families = dict.fromkeys(line.family for line in lines)
    return [(family, [line for line in lines if line.family == family]) for family in families]


def write_summary(readme: Path, lines: list[Line]) -> None:
    """Into README.md."""
    section(readme, "table", summary(lines))
