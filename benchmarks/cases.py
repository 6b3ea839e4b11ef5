"""What is measured in the first place, against whom, and what it must reach: data only. For the rest see table.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from work import data

LEVEL = 0.97  # "level with" and "never below": 3 % are left to the noise of measuring


@dataclass(frozen=True)
class Peer:
    """Another way to do the work. Without a module it is ours, run by another package.

    ``target`` is the least ratio of its time to ours, ``None`` for information only. ``unit`` says how the
    ratio reads: ``x`` times as fast, or ``%`` of a limit of the machine.
    """

    name: str
    module: str
    function: str
    args: tuple[Any, ...] = ()
    target: float | None = None
    unit: str = "x"


@dataclass(frozen=True)
class Case:
    """One row: our work, its size, and the peers."""

    name: str
    function: str
    args: tuple[Any, ...]
    peers: list[Peer] = field(default_factory=list)
    amount: float | None = None  # of work in one run
    unit: str = ""  # of the amount per second
    module: str = "thinc_work"
    rtol: float = 1e-4
    atol: float = 1e-5
    unchecked: tuple[str, ...] = ()  # peers whose results are not compared with ours
    stray: float = 0.0  # share of the numbers that may differ: where a maximum or a sign hangs on rounding


def peer(
    name: str, function: str, args: tuple[Any, ...], target: float | None = None, kind: str = "work"
) -> Peer:
    """A package that does the work in its own module of this kind, or in ours."""
    package = name.split()[0]
    module = "" if package == "published" else f"{package}_{kind}"
    return Peer(name, module, function, args, target)


def _op(
    name: str, numbers: tuple[Any, ...], targets: dict[str, float | None], case: str, **more: Any
) -> Case:
    """A line of the table at a size of its own."""
    args = (name, "float32", *numbers)
    limits = more.pop("limits", [])
    peers = [*limits, *(peer(p, "op", args, target, "table") for p, target in targets.items())]
    return Case(case, "op", args, peers, module="thinc_table", **more)


def _limit(name: str, function: str, args: tuple[Any, ...], target: float | None = None) -> Peer:
    return Peer(name, "machine_work", function, args, target, "%")


GEMM = [(128, 256, 784), (512, 512, 512), (2000, 288, 288)]
GEMM_SWEEP = [
    *[(m, 96, 96) for m in (1, 2, 3, 4, 8, 16, 32, 64, 128, 512)],
    *[(1, 256, 784), (1, 288, 288), (32, 128, 96), (64, 64, 64), (100, 300, 300), (128, 10, 256)],
    *[
        (128, 256, 256),
        (256, 784, 128),
        (1000, 50, 96),
        (1000, 288, 288),
        (1000, 288, 384),
        (1024, 1024, 1024),
    ],
]
ACTIVATIONS = ("relu", "gelu", "mish", "swish", "softmax", "maxout")


def _gemm() -> Iterator[Case]:
    for size in GEMM:
        limits = [_limit("FMA peak", "fma", size, 0.75), peer("numpy", "gemm", size, LEVEL)]
        yield _product(size, "nn", limits, {"torch": None, "jax": None, "published": None})
    for size in GEMM_SWEEP:
        for layout in ("nn", "nt", "tn"):
            if layout != "tn" or size[0] >= 96:
                yield _product(size, layout, [peer("numpy", "gemm", (*size, layout), LEVEL)], {})


def _product(size: tuple[int, int, int], layout: str, limits: list[Peer], targets: dict) -> Case:
    m, n, k = size
    suffix = {"nn": ("", ""), "nt": ("/nt", "-nt"), "tn": ("/tn", "-tn")}[layout]
    more: dict[str, Any] = {"amount": 2e-9 * m * n * k, "unit": "GFLOP/s", "rtol": 1e-3, "atol": 1e-3}
    return _op(f"gemm{suffix[1]}", size, targets, f"gemm/{m}x{n}x{k}{suffix[0]}", limits=limits, **more)


def _optimizers() -> Iterator[Case]:
    for n in (1_000_000, 10_000_000):
        small = n == 1_000_000
        peers = [
            _limit("update bandwidth", "update", (n,), None if small else 0.75),
            peer("published", "adam", (n,), 6.0 if small else None),
            peer("torch", "adam", (n,), LEVEL if small else None),
            peer("torch step alone", "adam_step", (n,)),
        ]
        yield Case(f"adam/{n:.0e}".replace("+0", ""), "adam", (n,), peers, 32e-9 * n, "GB/s")
    peers = [
        peer("published", "adam_many", (), 4.0),
        peer("torch", "adam_many", (), 1.0),
        peer("torch foreach", "adam_many", ("foreach",), 1.0),
    ]
    yield Case("adam/36-tensors", "adam_many", (), peers)


def _losses_and_batches() -> Iterator[Case]:
    for size, target in (((4096, 1000), 6.0), ((1024, 10), 1.0)):
        targets = {"published": target, "torch": 1.0, "jax": 1.0}
        name, autograd = f"cross-entropy/{size[0]}x{size[1]}", "cross_entropy_autograd"
        limits = [peer("torch autograd", autograd, size, 1.0)]
        yield _op("CategoricalCrossentropy", size, targets, name, limits=limits, atol=1e-7)
    n, width, batch = 20_000, 784, 128
    peers = [
        _limit("memcpy", "memcpy", (n, width), 0.8),
        _limit("memcpy to one batch", "memcpy_batches", (n, width, batch), 0.8),
        peer("published", "multibatch", (n, width, batch)),
    ]
    yield Case("multibatch/20000x784", "multibatch", (n, width, batch), peers, 4e-9 * n * width, "GB/s")


def _activations() -> Iterator[Case]:
    targets = {"torch": 1.0, "published": None}
    for name in ACTIVATIONS:
        numbers = (2000, 300, 3) if name == "maxout" else (2000, 300)
        for prefix, direction in (("", "forward"), ("backprop_", "backward")):
            case = f"{name}/{direction}"
            yield _op(f"{prefix}{name}", numbers, targets, case, rtol=1e-3, atol=1e-4)
    for direction in ("forward", "backward"):  # a layer, not an operation
        args = (direction, 2000, 300)
        peers = [peer(name, "layernorm", args, target) for name, target in targets.items()]
        yield Case(f"layernorm/{direction}", "layernorm", args, peers, rtol=1e-3, atol=1e-4)


def _products(macs: int) -> Peer:
    """The time that a model's products alone take at peak: forward, and backward to weights and input."""
    return _limit("FMA peak", "fma", (1, 3, macs))


def _models() -> Iterator[Case]:
    samples = 20 * 128
    peers = [
        peer("published", "mlp_train", (), 6.0),
        peer("torch", "mlp_train", (), 2.0),
        peer("jax", "mlp_train", (), LEVEL),
        _products(samples * sum(nI * nO for nI, nO in pairwise(data.MLP_WIDTHS))),
    ]
    yield Case("mlp/train", "mlp_train", (), peers, samples, "samples/s", rtol=1e-2, atol=1e-3)
    words = sum(len(doc) for doc in data.documents()[0])
    per_row = data.TAGGER_WIDTH**2 * data.TAGGER_PIECES
    per_word = 4 * per_row + data.TAGGER_DEPTH * 3 * per_row + data.TAGGER_WIDTH * data.TAGGER_TAGS
    peers = [
        peer("published", "tagger_train", (), 5.0),
        peer("torch", "tagger_train", (), 2.0),
        _products(words * per_word),
    ]
    yield Case("tagger/train", "tagger_train", (), peers, words, "words/s", rtol=1e-2, atol=1e-2)
    peers = [peer("published", "tagger_predict", ()), peer("torch", "tagger_predict", ())]
    yield Case("tagger/predict", "tagger_predict", (), peers, words, "words/s", rtol=1e-3, atol=1e-4)
    for widths in ((784, 256, 256, 10), (96, 96, 96, 10)):
        peers = [peer("published", "mlp_predict", widths, 2.0), peer("torch", "mlp_predict", widths)]
        yield Case("predict-one/" + "-".join(map(str, widths)), "mlp_predict", widths, peers)
    yield from _steps()


def _steps() -> Iterator[Case]:
    """What calls cost: one row through small layers."""
    for rows in (1, 32):
        peers = [
            peer("published", "mlp_step", (rows, 32), 2.5 if rows == 1 else None),
            peer("torch", "mlp_step", (rows, 32)),
        ]
        yield Case(f"step/{rows}x32-32-32", "mlp_step", (rows, 32), peers)


def _lstm() -> Iterator[Case]:
    args: tuple[Any, ...] = (64, 64, 32, 5, 40)
    for passes in ("predict", "forward", "both"):
        peers = [
            peer("published", "lstm", (passes, *args), 3.0),
            peer("torch", "lstm", (passes, *args), LEVEL),
        ]
        yield Case(f"lstm/64-64/{passes}", "lstm", (passes, *args), peers, rtol=1e-3, atol=1e-4)


def _transformers() -> Iterator[Case]:
    for function, name in (("attention", "attention/512x256-8"), ("block", "transformer/512x256-8")):
        for passes in ("predict", "both"):
            args = (passes, 512, 256, 8)
            yield Case(
                f"{name}/{passes}",
                function,
                args,
                [peer("torch", function, args, LEVEL)],
                rtol=1e-3,
                atol=1e-3,
            )
    args: tuple[Any, ...] = (64, 64, 32, 5, 40)
    for passes in ("predict", "both"):
        peers = [peer("torch", "gru", (passes, *args), LEVEL)]
        yield Case(f"gru/64-64/{passes}", "gru", (passes, *args), peers, rtol=1e-3, atol=1e-4)


def _spacy() -> Iterator[Case]:
    words = sum(map(len, data.texts()))
    for components in (("tagger",), ("parser",), ("ner",), ("tagger", "parser", "ner")):
        for function, target in (("train", 2.0), ("pipe", 1.5)):
            name = f"spacy/{function}/{components[0] if len(components) == 1 else 'all'}"
            peers = [peer("published", function, components, target)]
            yield Case(
                name, function, components, peers, words, "words/s", "spacy_work", rtol=1e-2, atol=1e-2
            )


CASES = [
    *_gemm(),
    *_optimizers(),
    *_losses_and_batches(),
    *_activations(),
    *_models(),
    *_lstm(),
    *_transformers(),
    *_spacy(),
]
IMPORT_CASE = "import"  # measured by harness.imports, in fresh processes
IMPORT_LIMIT, IMPORT_LIMIT_PYDANTIC = 1.5, 2.0  # times `import numpy`
