"""The work in PyTorch, eager, at its best: fused optimizers, backward functions called without autograd."""

from __future__ import annotations

import itertools
import os
from typing import Any

import numpy
import torch
from torch import nn
from torch.nn import functional as F

from . import data
from .base import Work

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
torch.set_num_interop_threads(1)
aten = torch.ops.aten


def settle() -> None:
    """Before each piece of work: with autograd, unless it says otherwise."""
    torch.set_grad_enabled(True)


def tensor(value: Any) -> Any:
    """A NumPy array, or a list of them, as PyTorch has it; what cannot be converted as it is."""
    if isinstance(value, list):
        return [tensor(item) for item in value]
    if not isinstance(value, numpy.ndarray) or value.dtype == numpy.uint64:
        return value
    return torch.from_numpy(value.astype("int64") if value.dtype.kind in "iu" else value)


# Optimizers


def adam(n: int) -> Work:
    """Fused AdamW after clipping by norm; the gradient is zeroed."""
    g = tensor(data.floats(n, seed=1))
    w = nn.Parameter(tensor(data.floats(n)))
    w.grad = g.clone()
    optimizer = torch.optim.AdamW([w], lr=data.LEARN_RATE, weight_decay=data.L2, fused=True)

    def run():
        nn.utils.clip_grad_norm_([w], data.GRAD_CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)

    return Work(run, lambda: w.grad.copy_(g))


def adam_step(n: int) -> Work:
    """Fused AdamW alone, without the clipping and the zeroing that ours includes."""
    w = nn.Parameter(tensor(data.floats(n)))
    w.grad = tensor(data.floats(n, seed=1))
    optimizer = torch.optim.AdamW([w], lr=data.LEARN_RATE, weight_decay=data.L2, fused=True)
    return Work(optimizer.step)


def adam_many(kind: str = "fused") -> Work:
    gradients = [tensor(data.floats(*shape, seed=i)) for i, shape in enumerate(data.mixed_shapes())]
    params = [nn.Parameter(tensor(data.floats(*g.shape, seed=100 + i))) for i, g in enumerate(gradients)]
    averages = [p.detach().clone() for p in params]
    values = [p.detach() for p in params]
    for p, g in zip(params, gradients, strict=True):
        p.grad = g.clone()
    optimizer = torch.optim.Adam(params, lr=data.LEARN_RATE, **{kind: True})

    def prepare():
        torch._foreach_copy_([p.grad for p in params], gradients)

    @torch.no_grad()
    def run():
        optimizer.step()
        torch._foreach_lerp_(averages, values, data.AVERAGE_RATE)
        optimizer.zero_grad(set_to_none=False)

    return Work(run, prepare)


# Losses


def cross_entropy_autograd(n: int, n_classes: int) -> Work:
    """What a PyTorch user writes: cross_entropy on logits (so with a softmax in it), and backward."""
    logits, truths = tensor(data.floats(n, n_classes)).requires_grad_(), tensor(data.labels(n, n_classes))

    def run():
        logits.grad = None
        F.cross_entropy(logits, truths).backward()

    return Work(run)


def layernorm(direction: str, n: int, width: int) -> Work:
    X, dY = tensor(data.floats(n, width)), tensor(data.floats(n, width, seed=1))
    G, b = torch.ones(width), torch.zeros(width)
    _, mean, rstd = torch.native_layer_norm(X, [width], G, b, 1e-8)

    @torch.no_grad()
    def run():
        if direction == "forward":
            return F.layer_norm(X, [width], G, b, 1e-8)
        return aten.native_layer_norm_backward(dY, X, [width], mean, rstd, G, b, [True] * 3)[0]

    return Work(run, check=lambda: [run().numpy()])


def mlp_train() -> Work:
    torch.manual_seed(0)
    X, Y = ([tensor(a) for a in arrays] for arrays in data.mlp_batches())
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(data.MLP_WIDTHS[:-1]):
        layers += [nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(data.DROPOUT)]
    model = nn.Sequential(*layers, nn.Linear(*data.MLP_WIDTHS[-2:]))
    optimizer = torch.optim.Adam(model.parameters(), lr=data.LEARN_RATE, fused=True)

    def run():
        for x, y in zip(X, Y, strict=True):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

    return Work(run)


def mlp_step(rows: int, width: int) -> Work:
    """One step of training on few rows; the gradient comes from outside, as thinc's does."""
    X, dY = tensor(data.floats(rows, width)), tensor(data.floats(rows, width, seed=1))
    layers = [nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)]
    model = nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=data.LEARN_RATE, fused=True)

    def run():
        optimizer.zero_grad()
        model(X).backward(dY)
        optimizer.step()

    return Work(run)


def lstm(passes: str, nO: int, nI: int, n: int, shortest: int, longest: int) -> Work:
    """`nn.LSTM` on sequences that are packed beforehand, with the gradients of parameters and input."""
    torch.manual_seed(0)
    Xs = [tensor(X) for X in data.sequences(n, shortest, longest, nI)]
    packed = nn.utils.rnn.pack_sequence(Xs, enforce_sorted=False)
    packed.data.requires_grad_(passes == "both")
    dY = tensor(data.floats(len(packed.data), nO, seed=1))
    model = nn.LSTM(nI, nO)

    def both():
        model.zero_grad()
        packed.data.grad = None
        model(packed)[0].data.backward(dY)

    if passes == "predict":
        return Work(torch.no_grad()(lambda: model(packed)))
    return Work(both if passes == "both" else lambda: model(packed))


def gru(passes: str, nO: int, nI: int, n: int, shortest: int, longest: int) -> Work:
    """`nn.GRU` on sequences that are packed beforehand, with the gradients of parameters and input."""
    Xs = [tensor(X) for X in data.sequences(n, shortest, longest, nI)]
    packed = nn.utils.rnn.pack_sequence(Xs, enforce_sorted=False)
    packed.data.requires_grad_(passes == "both")
    dY = tensor(data.floats(len(packed.data), nO, seed=1))
    model = nn.GRU(nI, nO)
    return _passes(model, packed.data, dY, passes, lambda _: model(packed)[0].data)


def attention(passes: str, n: int, width: int, heads: int) -> Work:
    """`nn.MultiheadAttention` on one sequence, without its weights as a result: the fused kernel."""
    model = nn.MultiheadAttention(width, heads, batch_first=True)
    X, dY = tensor(data.floats(n, width))[None], tensor(data.floats(n, width, seed=1))[None]
    return _passes(model, X, dY, passes, lambda X: model(X, X, X, need_weights=False)[0])


def block(passes: str, n: int, width: int, heads: int) -> Work:
    """`nn.TransformerEncoderLayer` on one sequence, normalized first, without dropout."""
    model = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, batch_first=True, norm_first=True)
    X, dY = tensor(data.floats(n, width))[None], tensor(data.floats(n, width, seed=1))[None]
    return _passes(model, X, dY, passes, model)


def _passes(model: nn.Module, X: torch.Tensor, dY: torch.Tensor, passes: str, run: Any) -> Work:
    if passes == "predict":
        model.eval()
        return Work(torch.no_grad()(lambda: run(X)))
    X.requires_grad_()

    def both():
        model.zero_grad(set_to_none=False)
        X.grad = None
        run(X).backward(dY)

    return Work(both)


def _mlp_predict(widths: tuple[int, ...]) -> nn.Module:
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths[:-1]):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(*widths[-2:]), nn.Softmax(-1)).eval()


def mlp_predict(*widths: int) -> Work:
    model, X = _mlp_predict(widths), tensor(data.floats(1, widths[0]))
    return Work(torch.no_grad()(lambda: model(X)))


class Maxout(nn.Module):
    """Linear, maximum over pieces, layer norm."""

    def __init__(self, n_out: int, n_in: int):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out * data.TAGGER_PIECES)
        self.norm = nn.LayerNorm(n_out, eps=1e-8)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        A = self.linear(X)
        return self.norm(A.view(len(A), -1, data.TAGGER_PIECES).max(-1).values)


class Tagger(nn.Module):
    """The arithmetic of the thinc tagger. The rows of the hash tables come in ready, without the hashing."""

    def __init__(self):
        super().__init__()
        width = data.TAGGER_WIDTH
        self.tables = nn.ModuleList(nn.EmbeddingBag(rows, width, mode="sum") for rows in data.TAGGER_TABLES)
        self.mix = Maxout(width, 4 * width)
        self.blocks = nn.ModuleList(Maxout(width, 3 * width) for _ in range(data.TAGGER_DEPTH))
        self.output = nn.Linear(width, data.TAGGER_TAGS)

    def forward(self, rows: list[torch.Tensor], places: torch.Tensor, n_padded: int) -> torch.Tensor:
        H = self.mix(torch.cat([table(r) for table, r in zip(self.tables, rows, strict=True)], 1))
        X = H.new_zeros(n_padded, data.TAGGER_WIDTH).index_copy(0, places, H)  # zeros between the documents
        for block in self.blocks:
            P = F.pad(X, (0, 0, 1, 1))
            X = X + block(torch.cat([P[:-2], P[1:-1], P[2:]], 1))
        return self.output(X.index_select(0, places))


def _tagger() -> tuple[nn.Module, tuple, torch.Tensor]:
    torch.manual_seed(0)
    docs, tags = data.documents()
    ids = numpy.concatenate(docs).astype("int64")
    odd = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F)  # spreads ids over the rows about as the hash does
    rows = [
        tensor(numpy.stack([(ids[:, i] * m >> 8) % n for m in odd], 1))
        for i, n in enumerate(data.TAGGER_TABLES)
    ]
    pad, places, start = data.TAGGER_DEPTH, [], data.TAGGER_DEPTH
    for doc in docs:
        places.append(numpy.arange(start, start + len(doc)))
        start += len(doc) + pad
    inputs = (rows, tensor(numpy.concatenate(places)), start)
    return Tagger(), inputs, tensor(numpy.concatenate(tags))


def tagger_train() -> Work:
    model, inputs, tags = _tagger()
    optimizer = torch.optim.Adam(model.parameters(), lr=data.LEARN_RATE, fused=True)

    def run():
        optimizer.zero_grad()
        F.cross_entropy(model(*inputs), tags, reduction="sum").backward()
        optimizer.step()

    return Work(run)


def tagger_predict() -> Work:
    model, inputs, _ = _tagger()
    return Work(torch.no_grad()(lambda: model(*inputs).softmax(-1)))
