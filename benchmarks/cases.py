"""What is measured, against whom, and what it must reach: data only."""

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


def _peer(name: str, function: str, args: tuple[Any, ...], target: float | None = None) -> Peer:
    package = name.split()[0]
    module = "" if package == "published" else f"{package}_work"
    return Peer(name, module, function, args, target)


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
# Batches of sequences: how many, their shortest and longest, the width.
SEQUENCES = {"tiny": (3, 1, 5, 64), "typical": (32, 5, 40, 96), "large": (200, 50, 50, 300)}
LAYERS = (
    *("list2array", "list2ragged", "list2padded", "ragged2list", "padded2list"),
    *("with_array-list", "with_array-ragged", "with_array-padded"),
    *("with_array2d-list", "with_array2d-ragged", "with_array2d-padded"),
    *("with_list-list", "with_list-ragged", "with_list-padded"),
    *("with_ragged-list", "with_ragged-ragged", "with_ragged-padded"),
    *("with_padded-list", "with_padded-ragged", "with_padded-padded", "with_padded-array"),
    *(
        "with_flatten",
        "with_flatten_v2",
        "with_getitem",
        "with_cpu",
        "with_cpu-list",
        "with_reshape",
        "with_debug",
    ),
    *("reduce_first", "reduce_last", "reduce_max", "reduce_mean", "reduce_sum"),
    *("bidirectional", "attention", "attention_v2", "cauchysimilarity", "siamese", "tuplify", "map_list"),
    *("add", "residual", "residual-list", "concatenate", "expand_window", "chain"),
    *("sparselinear", "sparselinear_v2", "uniqued", "array_getitem"),
    *("premap_ids", "remap_ids", "strings2arrays"),
)
# The published bidirectional does not reverse anything; its with_reshape raises in the backward pass.
NOT_THE_SAME = {("bidirectional", "forward"), ("bidirectional", "backward"), ("with_reshape", "backward")}
LIST_OPERATIONS = ("flatten", "unflatten", "pad", "unpad", "list2padded", "padded2list")
ACTIVATIONS = ("relu", "gelu", "mish", "swish", "softmax", "layernorm", "maxout")


def _gemm() -> Iterator[Case]:
    for size in GEMM:
        peers = [
            _limit("FMA peak", "fma", size, 0.75),
            _peer("numpy", "gemm", size, LEVEL),
            *[_peer(name, "gemm", size) for name in ("torch", "jax", "published")],
        ]
        yield _product(size, "nn", peers)
    for size in GEMM_SWEEP:
        for layout in ("nn", "nt", "tn"):
            if layout == "nt" or size[0] >= 96 or layout == "nn":
                yield _product(size, layout, [_peer("numpy", "gemm", (*size, layout), LEVEL)])


def _product(size: tuple[int, int, int], layout: str, peers: list[Peer]) -> Case:
    m, n, k = size
    name = f"gemm/{m}x{n}x{k}" + ("" if layout == "nn" else f"/{layout}")
    return Case(
        name, "gemm", (*size, layout), peers, 2e-9 * m * n * k, "GFLOP/s", "thinc_ops", rtol=1e-3, atol=1e-3
    )


def _optimizers() -> Iterator[Case]:
    for n in (1_000_000, 10_000_000):
        small = n == 1_000_000
        peers = [
            _limit("update bandwidth", "update", (n,), None if small else 0.75),
            _peer("published", "adam", (n,), 6.0 if small else None),
            _peer("torch", "adam", (n,), LEVEL if small else None),
            _peer("torch step alone", "adam_step", (n,)),
        ]
        yield Case(f"adam/{n:.0e}".replace("+0", ""), "adam", (n,), peers, 32e-9 * n, "GB/s")
    peers = [
        _peer("published", "adam_many", (), 4.0),
        _peer("torch", "adam_many", (), 1.0),
        _peer("torch foreach", "adam_many", ("foreach",), 1.0),
    ]
    yield Case("adam/36-tensors", "adam_many", (), peers)


def _losses_and_batches() -> Iterator[Case]:
    for size, target in (((4096, 1000), 6.0), ((1024, 10), 1.0)):
        peers = [
            _peer("published", "cross_entropy", size, target),
            _peer("torch", "cross_entropy", size, 1.0),
            _peer("torch autograd", "cross_entropy_autograd", size, 1.0),
            _peer("jax", "cross_entropy", size, 1.0),
        ]
        yield Case(f"cross-entropy/{size[0]}x{size[1]}", "cross_entropy", size, peers, atol=1e-7)
    n, width, batch = 20_000, 784, 128
    peers = [
        _limit("memcpy", "memcpy", (n, width), 0.8),
        _limit("memcpy to one batch", "memcpy_batches", (n, width, batch), 0.8),
        _peer("published", "multibatch", (n, width, batch)),
    ]
    yield Case(
        "multibatch/20000x784", "multibatch", (n, width, batch), peers, 4e-9 * n * width, "GB/s", "thinc_ops"
    )


def _activations() -> Iterator[Case]:
    for name in ACTIVATIONS:
        for direction in ("forward", "backward"):
            args: tuple[Any, ...] = (name, direction, 2000, 300)
            function, module = "activation", "thinc_ops"
            if name == "layernorm":  # a layer, not an operation
                function, module, args = name, "thinc_work", args[1:]
            peers = [_peer("torch", function, args, 1.0), _peer("published", function, args)]
            yield Case(f"{name}/{direction}", function, args, peers, module=module, atol=1e-4, rtol=1e-3)


def _products(macs: int) -> Peer:
    """The time that a model's products alone take at peak: forward, and backward to weights and input."""
    return _limit("FMA peak", "fma", (1, 3, macs))


def _models() -> Iterator[Case]:
    samples = 20 * 128
    peers = [
        _peer("published", "mlp_train", (), 6.0),
        _peer("torch", "mlp_train", (), 2.0),
        _peer("jax", "mlp_train", (), LEVEL),
        _products(samples * sum(nI * nO for nI, nO in pairwise(data.MLP_WIDTHS))),
    ]
    yield Case("mlp/train", "mlp_train", (), peers, samples, "samples/s", rtol=1e-2, atol=1e-3)
    words = sum(len(doc) for doc in data.documents()[0])
    per_row = data.TAGGER_WIDTH**2 * data.TAGGER_PIECES
    per_word = 4 * per_row + data.TAGGER_DEPTH * 3 * per_row + data.TAGGER_WIDTH * data.TAGGER_TAGS
    peers = [
        _peer("published", "tagger_train", (), 5.0),
        _peer("torch", "tagger_train", (), 2.0),
        _products(words * per_word),
    ]
    yield Case("tagger/train", "tagger_train", (), peers, words, "words/s", rtol=1e-2, atol=1e-2)
    peers = [_peer("published", "tagger_predict", ()), _peer("torch", "tagger_predict", ())]
    yield Case("tagger/predict", "tagger_predict", (), peers, words, "words/s", rtol=1e-3, atol=1e-4)
    for widths in ((784, 256, 256, 10), (96, 96, 96, 10)):
        peers = [_peer("published", "mlp_predict", widths, 2.0), _peer("torch", "mlp_predict", widths)]
        yield Case("predict-one/" + "-".join(map(str, widths)), "mlp_predict", widths, peers)
    yield from _steps()


def _steps() -> Iterator[Case]:
    """What calls cost: one row through small layers."""
    for rows in (1, 32):
        peers = [
            _peer("published", "mlp_step", (rows, 32), 2.5 if rows == 1 else None),
            _peer("torch", "mlp_step", (rows, 32)),
        ]
        yield Case(f"step/{rows}x32-32-32", "mlp_step", (rows, 32), peers)


def _lstm() -> Iterator[Case]:
    args: tuple[Any, ...] = (64, 64, 32, 5, 40)
    for passes in ("predict", "forward", "both"):
        peers = [
            _peer("published", "lstm", (passes, *args), 3.0),
            _peer("torch", "lstm", (passes, *args), LEVEL),
        ]
        yield Case(f"lstm/64-64/{passes}", "lstm", (passes, *args), peers, rtol=1e-3, atol=1e-4)


def _layers() -> Iterator[Case]:
    yield from _lstm()
    for size, numbers in SEQUENCES.items():
        for name in LAYERS:
            for direction in ("forward", "backward"):
                target: float | None = LEVEL
                if name.startswith("sparselinear") and direction == "forward":
                    target = 1.5
                elif (name, direction) in NOT_THE_SAME:
                    target = None
                args = (name, direction, *numbers)
                peers = [_peer("published", "layer", args, target)]
                yield Case(f"layers/{name}/{size}/{direction}", "layer", args, peers, module="thinc_layers")
        for name in LIST_OPERATIONS:
            peers = [_peer("published", "operation", (name, *numbers), LEVEL)]
            yield Case(
                f"layers/ops.{name}/{size}", "operation", (name, *numbers), peers, module="thinc_layers"
            )


def _spacy() -> Iterator[Case]:
    words = sum(map(len, data.texts()))
    for components in (("tagger",), ("parser",), ("ner",), ("tagger", "parser", "ner")):
        for function, target in (("train", 2.0), ("pipe", 1.5)):
            name = f"spacy/{function}/{components[0] if len(components) == 1 else 'all'}"
            peers = [_peer("published", function, components, target)]
            yield Case(
                name, function, components, peers, words, "words/s", "spacy_work", rtol=1e-2, atol=1e-2
            )


CASES = [
    *_gemm(),
    *_optimizers(),
    *_losses_and_batches(),
    *_activations(),
    *_models(),
    *_layers(),
    *_spacy(),
]
IMPORT_CASE = "import"  # measured by harness.imports, in fresh processes
IMPORT_LIMIT, IMPORT_LIMIT_PYDANTIC = 1.5, 2.0  # times `import numpy`
