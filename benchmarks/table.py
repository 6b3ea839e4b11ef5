"""The cases of the large table: every operation and layer, at three sizes, against every peer that has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cases import LEVEL, Case, peer
from work.layers_table import LAYERS
from work.ops_table import OPS
from work.table import Inputs, Layer, Op

# Batches of sequences: how many, their shortest and longest, the width.
SEQUENCES = {"tiny": (3, 1, 5, 64), "typical": (32, 5, 40, 96), "large": (200, 50, 50, 300)}
# Those of work/thinc_layers.py, which only the published package has.
ON_SEQUENCES = (
    *("list2array", "list2ragged", "list2padded", "ragged2list", "padded2list"),
    *("with_array-list", "with_array-ragged", "with_array-padded"),
    *("with_array2d-list", "with_array2d-ragged", "with_array2d-padded"),
    *("with_list-list", "with_list-ragged", "with_list-padded"),
    *("with_ragged-list", "with_ragged-ragged", "with_ragged-padded"),
    *("with_padded-list", "with_padded-ragged", "with_padded-padded", "with_padded-array"),
    *("with_flatten", "with_flatten_v2", "with_getitem", "with_cpu", "with_cpu-list"),
    *("with_reshape", "with_debug"),
    *("bidirectional", "attention", "attention_v2", "cauchysimilarity", "siamese", "tuplify", "map_list"),
    *("add", "residual", "residual-list", "concatenate", "chain"),
    *("sparselinear", "sparselinear_v2", "uniqued", "array_getitem"),
    *("premap_ids", "remap_ids", "strings2arrays"),
)
# The published bidirectional does not reverse anything; its with_reshape raises in the backward pass.
NOT_THE_SAME = {"bidirectional/forward", "bidirectional/backward", "with_reshape/backward"}
STRAY = 1e-3
RECURRENT = {"tiny": (32, 32, 3, 1, 5), "typical": (96, 96, 32, 5, 40), "large": (300, 300, 64, 20, 50)}


def _case(name: str, function: str, line: Op | Layer, args: tuple) -> Case:
    peers = [peer(other, function, args, LEVEL, "table") for other in line.peers()]
    compared: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-4, "stray": STRAY, "unchecked": line.unchecked}
    return Case(name, function, args, peers, module="thinc_table", **compared)


def _sizes(inputs: Inputs) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from inputs.sizes().items()


def _ops() -> Iterator[Case]:
    for name, line in OPS.items():
        for size, numbers in _sizes(line.inputs):
            for dtype in line.dtypes:
                yield _case(f"ops/{name}/{size}/{dtype}", "op", line, (name, dtype, *numbers))


def _layers() -> Iterator[Case]:
    for name, line in LAYERS.items():
        for size, numbers in _sizes(line.inputs):
            for direction in ("forward", "backward"):
                yield _case(f"layers/{name}/{size}/{direction}", "layer", line, (name, direction, *numbers))
    for size, numbers in RECURRENT.items():
        for passes in ("forward", "both"):
            args = (passes, *numbers)
            peers = [peer(other, "lstm", args, LEVEL) for other in ("published", "torch")]
            yield Case(f"layers/LSTM/{size}/{passes}", "lstm", args, peers, rtol=1e-3, atol=1e-3)


def _on_sequences() -> Iterator[Case]:
    for name in ON_SEQUENCES:
        for size, numbers in SEQUENCES.items():
            for direction in ("forward", "backward"):
                if f"{name}/{direction}" in NOT_THE_SAME:
                    continue
                args = (name, direction, *numbers)
                peers = [peer("published", "layer", args, LEVEL)]
                yield Case(f"layers/{name}/{size}/{direction}", "layer", args, peers, module="thinc_layers")


TABLE = [*_ops(), *_layers(), *_on_sequences()]
