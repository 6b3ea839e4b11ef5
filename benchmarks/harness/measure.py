"""Runs one case in all packages in alternation and takes the median of the paired ratios."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy
from cases import Case, Peer

from .workers import Worker, WorkerError, Workers, environment_of

MAX_REPEATS = 100_000
FEW = 3
BUSY = 1.1  # wall over processor time above which a measurement is called disturbed


@dataclass
class Row:
    """One line of the result."""

    case: str
    peer: str
    seconds: float | None = None  # ours
    peer_seconds: float | None = None
    ratio: float | None = None  # median of their time over ours
    target: float | None = None
    unit: str = "x"
    rate: str = ""
    note: str = ""
    wrong: bool = False  # the work was not done as it should be: no speed counts

    @property
    def verdict(self) -> str:
        """``ok``, ``short``, ``wrong`` or ``cannot``; nothing where there is no target."""
        if self.wrong:
            return "wrong"
        if self.target is None:
            return ""
        if self.ratio is None:
            return "cannot"
        return "short" if self.ratio < self.target else "ok"


@dataclass
class Contender:
    """A peer, or we, made ready to run."""

    name: str
    peer: Peer
    worker: Worker
    repeats: int = 1
    results: list[numpy.ndarray] | None = None
    times: list[dict[str, float]] = field(default_factory=list)

    def seconds(self, clock: str) -> list[float]:
        """Time per run, one for every round."""
        return [times[clock] for times in self.times]

    def median(self, clock: str) -> float:
        """The median of them."""
        return statistics.median(self.seconds(clock))


@dataclass(frozen=True)
class Settings:
    """How long, how often, and on which clock (``wall`` or ``cpu``)."""

    rounds: int
    budget: float  # seconds for one measurement
    clock: str
    patience: float = math.inf  # seconds that a round may take; of longer ones there are FEW


def measure(case: Case, workers: Workers, settings: Settings, chosen: set[str]) -> list[Row]:
    """All rows of a case; a package that fails gets a row that says why."""
    ours = Peer("ours", case.module, case.function, case.args)
    ready: list[Contender] = []
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        for peer in (ours, *case.peers):
            environment = environment_of(peer.name, peer.module or case.module)
            if peer is not ours and peer.module != "machine_work" and peer.name.split()[0] not in chosen:
                continue
            if not workers.has(environment, peer.module):
                continue
            try:
                ready.append(_set_up(case, peer, workers.get(environment), Path(scratch), settings))
            except WorkerError as error:
                rows.append(_failed(case, peer, error))
    try:
        _alternate(ready, settings)
    except WorkerError as error:
        return [*rows, *(_failed(case, contender.peer, error) for contender in ready)]
    finally:
        for contender in ready:
            if contender.worker.process.poll() is None:
                contender.worker.ask(drop=contender.name)
    return _rows(case, ready, settings.clock) + rows


def _failed(case: Case, peer: Peer, error: WorkerError) -> Row:
    return Row(case.name, peer.name, target=peer.target, unit=peer.unit, note=str(error))


def _set_up(case: Case, peer: Peer, worker: Worker, scratch: Path, settings: Settings) -> Contender:
    path = scratch / f"{peer.name.replace(' ', '-')}.npz"
    module = peer.module or case.module
    answer = worker.ask(
        setup=peer.name, module=module, function=peer.function, args=peer.args, check=str(path)
    )
    contender = Contender(peer.name, peer, worker)
    if answer["checked"]:
        with numpy.load(path) as saved:
            contender.results = [saved[name] for name in saved.files]
    once = worker.ask(time=peer.name, repeats=1 if answer["checked"] else 2)["wall"]
    if 2 * once < settings.budget:  # the first runs may have filled caches
        once = worker.ask(time=peer.name, repeats=4)["wall"]
    contender.repeats = max(1, min(MAX_REPEATS, round(settings.budget / max(once, 1e-9))))
    return contender


def _alternate(ready: list[Contender], settings: Settings) -> None:
    """Round by round, every second round in reverse, so that a drift hits all alike."""
    started, rounds = time.perf_counter(), settings.rounds
    for i in range(settings.rounds):
        if i == 1 and time.perf_counter() - started > settings.patience:
            rounds = min(rounds, FEW)
        if i == rounds:
            break
        for contender in ready if i % 2 == 0 else ready[::-1]:
            contender.times.append(contender.worker.ask(time=contender.name, repeats=contender.repeats))


def _rows(case: Case, ready: list[Contender], clock: str) -> list[Row]:
    ours = next((c for c in ready if c.name == "ours"), None)
    rows = []
    for c in ready:
        if c is ours and len(ready) > 1:
            continue
        row = Row(case.name, c.name, None, c.median(clock), target=c.peer.target, unit=c.peer.unit)
        if ours is not None:
            row.seconds = ours.median(clock)
            row.rate = _rate(case, row.seconds)
            pairs = zip(c.seconds(clock), ours.seconds(clock), strict=True)
            row.ratio = statistics.median(theirs / mine for theirs, mine in pairs)
            row.note = _disagreement(case, ours, c)
            row.wrong = bool(row.note)
            waiting = max(x.median("wall") / max(x.median("cpu"), 1e-9) for x in (ours, c))
            if clock == "wall" and waiting > BUSY and not row.note:
                row.note = f"busy machine: {waiting:.2f} s for each second of work"
        rows.append(row)
    return rows


def _rate(case: Case, seconds: float) -> str:
    if case.amount is None:
        return ""
    rate = case.amount / seconds
    return f"{rate:,.0f} {case.unit}" if rate >= 1000 else f"{rate:.3g} {case.unit}"


def _disagreement(case: Case, ours: Contender, peer: Contender) -> str:
    """Nothing, or by how much the results differ."""
    if peer.name in case.unchecked or ours.results is None or peer.results is None:
        return ""
    if len(ours.results) != len(peer.results):
        return f"results differ: {len(ours.results)} and {len(peer.results)} arrays"
    for mine, theirs in zip(ours.results, peer.results, strict=True):
        if mine.shape != theirs.shape:
            return f"results differ: shapes {mine.shape} and {theirs.shape}"
        close = numpy.isclose(mine, theirs, rtol=case.rtol, atol=case.atol)
        if numpy.count_nonzero(~close) > case.stray * close.size:
            return f"results differ by up to {numpy.abs(mine - theirs).max():.3g}"
    return ""
