"""Pictures of the results: dots on a logarithmic scale, one colour for each peer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .table import PEERS, SIZES, Line, mean

COLOURS = {"published": "tab:grey", "torch": "tab:orange", "jax": "tab:blue", "numpy": "tab:green"}
TICKS = (0.2, 0.5, 1, 2, 5, 10, 30, 100, 300, 1000)


def figure(width: float, height: float) -> Any | None:
    """An empty figure, or nothing where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("matplotlib is not installed: the pictures are left as they are.")
        return None
    return Figure(figsize=(width, height), layout="constrained")


def _scale(axes: Any, values: Sequence[float]) -> None:
    low, high = min([0.8, *values]) / 1.1, max([2.0, *values]) * 1.1
    axes.set_xscale("log")
    ticks = [tick for tick in TICKS if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(low, high)
    axes.axvline(1, color="black", linewidth=1)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _save(drawn: Any, path: Path) -> None:
    drawn.savefig(path, dpi=110, metadata={"Software": None})


def draw_table(path: Path, lines: list[Line]) -> None:
    """A panel for each size, a strip for each family, a bar at the geometric mean."""
    drawn = figure(12, 7)
    if drawn is None:
        return
    jitter = random.Random(0)
    families = list(dict.fromkeys(line.family for line in lines))[::-1]
    panels = drawn.subplots(1, len(SIZES), sharey=True)
    for axes, size in zip(panels, SIZES, strict=True):
        seen: list[float] = []
        for i, family in enumerate(families):
            for k, peer in enumerate(PEERS):
                ratios = [
                    line.ratios[peer]
                    for line in lines
                    if line.size == size and line.family == family and peer in line.ratios
                ]
                if not ratios:
                    continue
                seen += ratios
                y = i + 0.25 * (1 - k)
                heights = [y + jitter.uniform(-0.08, 0.08) for _ in ratios]
                axes.scatter(ratios, heights, s=9, color=COLOURS[peer], alpha=0.5, linewidths=0)
                axes.plot([mean(ratios)] * 2, [y - 0.12, y + 0.12], color=COLOURS[peer], linewidth=3)
        _scale(axes, seen)
        axes.set_title(size)
    panels[0].set_yticks(range(len(families)), families)
    panels[1].set_xlabel(
        "time of the other package / ours (right of the line ours is faster); bars: geometric means"
    )
    _legend(drawn, PEERS)
    _save(drawn, path)


def draw_headlines(path: Path, rows: list[list[str]]) -> None:
    """A strip for each row, from the cells in README.md; a package's variants are left out."""
    points = [
        (row[0], row[3], float(row[5][:-1])) for row in rows if row[3] in COLOURS and row[5][-1:] == "x"
    ]
    points = [point for point in points if not point[0].startswith("gemm/") or point[1] != "numpy"]
    if not points:
        return
    cases = list(dict.fromkeys(case for case, _, _ in points))[::-1]
    drawn = figure(8, 1.2 + 0.2 * len(cases))
    if drawn is None:
        return
    axes = drawn.subplots()
    for peer, colour in COLOURS.items():
        mine = [(ratio, cases.index(case)) for case, name, ratio in points if name == peer]
        axes.scatter(*zip(*mine, strict=True) if mine else ([], []), s=28, color=colour, zorder=2)
    _scale(axes, [ratio for _, _, ratio in points])
    axes.set_yticks(range(len(cases)), cases, fontsize=8)
    axes.grid(axis="y", color="0.95")
    axes.margins(y=0.01)
    axes.set_xlabel("time of the other package / ours (right of the line ours is faster)")
    _legend(drawn, [peer for peer in COLOURS if any(name == peer for _, name, _ in points)])
    _save(drawn, path)


def _legend(drawn: Any, peers: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    marks = [Line2D([], [], marker="o", linestyle="", color=COLOURS[peer], label=peer) for peer in peers]
    drawn.legend(handles=marks, loc="outside upper right", ncols=len(peers), frameon=False)
