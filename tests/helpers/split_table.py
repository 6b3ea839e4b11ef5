"""What is split over threads: one function for each operation, of a generator, a number of rows and a dtype.

A function prepares the input and returns a call, which gives arrays and numbers. Arrays that an operation changes are
made anew in every call.
"""

import numpy

from thinc.api import SGD, Adam, NumpyOps, RAdam
from thinc.kernels import _log_losses, losses, sparse

OPS = NumpyOps()
WIDTH = 48
SPLIT = {}


def splits(f):
    SPLIT[f.__name__] = f
    return f


def matrix(rng, rows, dtype, width=WIDTH):
    return rng.normal(size=(rows, width)).astype(dtype)


def lengths_of(rng, rows, least=0):
    # of sequences, empty ones among them
    cuts = numpy.sort(rng.integers(0, rows + 1, size=rows // 5))
    lengths = numpy.diff([0, *cuts, rows]).astype("int32")
    return lengths[lengths >= least]


def probabilities(rng, rows, dtype):
    return rng.dirichlet(numpy.ones(WIDTH), size=rows).astype(dtype)


def elementwise(name, n_inputs):
    def prepare(rng, rows, dtype):
        inputs = [matrix(rng, rows, dtype) for _ in range(n_inputs)]
        return lambda: (getattr(OPS, name)(*inputs),)

    SPLIT[name] = prepare


for name in ("sigmoid", "relu", "clipped_linear", "swish", "hard_swish", "hard_swish_mobilenet", "dish"):
    elementwise(name, 1)
    elementwise(f"backprop_{name}", 3 if name == "swish" else 2)
for name in ("gelu", "gelu_approx", "mish"):
    elementwise(name, 1)
    elementwise(f"backprop_{name}", 2)
for name in ("dsigmoid", "dtanh", "erf", "sechsq", "softmax", "_sum_columns"):
    elementwise(name, 1)
for name in ("_add", "_multiply", "backprop_softmax"):
    elementwise(name, 2)


@splits
def added_in_place(rng, rows, dtype):
    Xs = [matrix(rng, rows, dtype) for _ in range(3)]
    return lambda: (OPS._sum(list(Xs)),)


@splits
def logloss(rng, rows, dtype):
    truths, guesses = rng.uniform(size=(2, rows, WIDTH)).astype(dtype)
    return lambda: (OPS.logloss(truths, guesses),)


@splits
def transposed(rng, rows, dtype):
    X, wide = matrix(rng, rows, dtype), matrix(rng, 2 * WIDTH, dtype, rows)
    return lambda: (OPS.as_contig(X.T), OPS.as_contig(wide.T))


@splits
def layernorm(rng, rows, dtype):
    X, dY, G = matrix(rng, rows, dtype), matrix(rng, rows, dtype), matrix(rng, 1, dtype)[0]

    def run():
        Y, mu, rstd = OPS._layernorm(X, G, G)
        return Y, mu, rstd, *OPS._backprop_layernorm(dY, X, G, mu, rstd)

    return run


@splits
def maxout(rng, rows, dtype):
    X, dY = matrix(rng, rows, dtype, 3 * WIDTH).reshape((rows, WIDTH, 3)), matrix(rng, rows, dtype)

    def run():
        best, which = OPS.maxout(X)
        return best, which, OPS.backprop_maxout(dY, which, 3)

    return run


@splits
def softmax_sequences(rng, rows, dtype):
    X, dY, lengths = matrix(rng, rows, dtype), matrix(rng, rows, dtype), lengths_of(rng, rows)

    def run():
        Y = OPS.softmax_sequences(X, lengths)
        return Y, OPS.backprop_softmax_sequences(dY, Y, lengths)

    return run


@splits
def attend(rng, rows, dtype):
    X, K, dY = (matrix(rng, rows, dtype) for _ in range(3))
    Q, lengths = matrix(rng, 1, dtype)[0], lengths_of(rng, rows)

    def run():
        found = []
        for keys in (K, None):
            Y, weights = OPS._attend(X, keys, Q, lengths)
            dX, dK, dQ = OPS._backprop_attend(dY, X, keys, Q, weights, lengths)
            found += [Y, weights, dX, dX if dK is None else dK, dQ]
        return found

    return run


@splits
def seq2col(rng, rows, dtype):
    X, dY, lengths = matrix(rng, rows, dtype), matrix(rng, rows, dtype, 5 * WIDTH), lengths_of(rng, rows)
    return lambda: [
        f(A, 2, lengths=n) for n in (None, lengths) for f, A in ((OPS.seq2col, X), (OPS.backprop_seq2col, dY))
    ]


@splits
def reductions(rng, rows, dtype):
    X, lengths = matrix(rng, rows, dtype), lengths_of(rng, rows)
    d = matrix(rng, len(lengths), dtype)
    return lambda: [
        OPS.reduce_sum(X, lengths),
        OPS.reduce_mean(X, lengths),
        OPS.backprop_reduce_sum(d, lengths),
        OPS.backprop_reduce_mean(d, lengths),
    ]


@splits
def reduce_max(rng, rows, dtype):
    X, lengths = matrix(rng, rows, dtype), lengths_of(rng, rows, 1)
    d = matrix(rng, len(lengths), dtype)

    def run():
        best, which = OPS.reduce_max(X, lengths)
        return best, which, OPS.backprop_reduce_max(d, which, lengths)

    return run


@splits
def reduce_first_and_last(rng, rows, dtype):
    lengths = lengths_of(rng, rows, 1)
    X, d = matrix(rng, lengths.sum(), dtype), matrix(rng, len(lengths), dtype)

    def run():
        first, starts_ends = OPS.reduce_first(X, lengths)
        last, lasts = OPS.reduce_last(X, lengths)
        dX = OPS.backprop_reduce_first(d, starts_ends), OPS.backprop_reduce_last(d, lasts)
        return first, last, *dX

    return run


@splits
def gather_add(rng, rows, dtype):
    E, indices = matrix(rng, 300, dtype), rng.integers(0, 300, size=(rows, 4)).astype("int32")
    return lambda: (OPS.gather_add(E, indices),)


@splits
def scatter_add(rng, rows, dtype):
    values, indices = matrix(rng, rows, dtype), rng.integers(-1, 10, size=rows).astype("int32")

    def run():
        E = numpy.ones((10, WIDTH), dtype)
        OPS.scatter_add(E, indices, values)
        return (E,)

    return run


@splits
def hash_embed(rng, rows, dtype):
    E, ids = matrix(rng, 50, dtype), rng.integers(0, 2**63, size=rows).astype("uint64")
    dY = matrix(rng, rows, dtype)

    def run():
        Y, at = OPS._hash_embed(E, ids, 5)
        dE = numpy.zeros_like(E)
        OPS._backprop_hash_embed(dE, at, dY)
        return Y, at, dE

    return run


@splits
def hashes(rng, rows, dtype):
    ids = rng.integers(0, 2**63, size=rows).astype("uint64")
    return lambda: (OPS.hash(ids, 3), OPS.ngrams(3, ids))


@splits
def dropout_mask(rng, rows, dtype):
    def run():
        numpy.random.seed(3)
        return (OPS.get_dropout_mask((rows, WIDTH), 0.3),)

    return run


@splits
def dropout(rng, rows, dtype):
    X, dY = matrix(rng, rows, dtype), matrix(rng, rows, dtype)

    def run():
        numpy.random.seed(3)
        Y, kept = OPS._dropout(X, 0.3)
        return Y, OPS._backprop_dropout(dY, kept)

    return run


@splits
def lstm(rng, rows, dtype):
    sizes = numpy.sort(rng.integers(1, 9, size=max(rows // 5, 1)))[::-1]
    X, dY = matrix(rng, sizes.sum(), dtype, 7), matrix(rng, sizes.sum(), dtype, 2 * 20)
    params = matrix(rng, 1, dtype, 2 * 4 * 20 * (7 + 20 + 2))[0] * 0.1
    state = numpy.zeros((1, 2, 20), dtype)

    def run():
        Y, saved = OPS.lstm_forward_training(params, state, state, X, sizes)
        return Y, *OPS.backprop_lstm(dY, sizes, params, saved)

    return run


@splits
def rmsnorm(rng, rows, dtype):
    X, dY, G = matrix(rng, rows, dtype), matrix(rng, rows, dtype), matrix(rng, 1, dtype)[0]

    def run():
        Y, rstd = OPS._rmsnorm(X, G, 1e-6)
        return Y, rstd, *OPS._backprop_rmsnorm(dY, X, G, rstd)

    return run


@splits
def gated(rng, rows, dtype):
    A, dY = matrix(rng, rows, dtype, 2 * WIDTH), matrix(rng, rows, dtype)
    return lambda: (OPS._glu(A), OPS._backprop_glu(dY, A), OPS._swiglu(A), OPS._backprop_swiglu(dY, A))


@splits
def gru(rng, rows, dtype):
    sizes = numpy.sort(rng.integers(1, 9, size=max(rows // 5, 1)))[::-1]
    X, dY = matrix(rng, sizes.sum(), dtype, 7), matrix(rng, sizes.sum(), dtype, 2 * 20)
    params = matrix(rng, 1, dtype, 2 * 3 * 20 * (7 + 20 + 2))[0] * 0.1

    def run():
        Y, saved = OPS._gru(params, X, sizes, (1, 2, 20), True)
        return Y, *OPS._backprop_gru(dY, sizes, params, saved, (1, 2, 20))

    return run


@splits
def attention(rng, rows, dtype):
    lengths = lengths_of(rng, rows)
    X, dY, waves = matrix(rng, rows, dtype, 3 * 16), matrix(rng, rows, dtype, 16), matrix(rng, rows, dtype, 4)

    def run():
        heads = X.copy()
        OPS._rotate(heads, lengths, waves, 8)
        results = [heads]
        for how in ((lengths, 4), (lengths, 2, True, 0.3, 5)):
            Y, norms = OPS._attend_heads(heads, *how)
            results += [Y, norms, OPS._backprop_attend_heads(dY, heads, Y, norms, *how)]
        return results

    return run


@splits
def lists(rng, rows, dtype):
    seqs = [matrix(rng, n, dtype) for n in lengths_of(rng, rows)]

    def run():
        padded = OPS.list2padded(seqs)
        back = OPS.padded2list(padded)
        return OPS.flatten(seqs), OPS.flatten(seqs, pad=2), OPS.pad(seqs, round_to=3), padded.data, *back

    return run


@splits
def steps(rng, rows, dtype):
    X, Y = (matrix(rng, rows * 5, dtype, 6).reshape((rows, 5, 6)) for _ in range(2))
    lengths = numpy.sort(rng.integers(0, rows + 1, size=5))[::-1].astype("int32")

    def run():
        joined = OPS._join_reversed(X, Y, lengths)
        right = OPS._split_reversed(joined, 6, lengths)[1]
        return joined, right, OPS._reverse_steps(X, lengths), OPS._add_reversed(X, Y, lengths)

    return run


@splits
def concatenation(rng, rows, dtype):
    Xs = [matrix(rng, rows, dtype, width) for width in (1, 7, 48)]
    Ys = [matrix(rng, n, dtype) for n in (1, rows, 3)]
    return lambda: (OPS._concatenate(Xs, -1), OPS._concatenate(Ys, 0), OPS.as_contig(Xs[2][:, 5:]))


@splits
def batches(rng, rows, dtype):
    X, index = matrix(rng, 200, dtype), rng.integers(0, 200, size=rows)
    return lambda: (OPS._take_rows(X, index), OPS._take_rows(X[:, 0].copy(), index))


@splits
def sparse_linear(rng, rows, dtype):
    lengths = lengths_of(rng, rows)
    slots = sparse.hash_slots(rng.integers(0, 2**63, size=rows).astype("uint64"), 100, False)
    values, W, b = (matrix(rng, 1, dtype, n)[0] for n in (rows, 300, 3))
    dY = matrix(rng, len(lengths), dtype, 3)

    def run():
        dW = numpy.zeros_like(W)
        sparse.add_gradient(dW, dY, slots, values, lengths, 100)
        return sparse.score(W, b, slots, values, lengths, 100), dW

    return run


def optimizer(name, make):
    def prepare(rng, rows, dtype):
        if name.startswith("adam"):
            dtype = "float32"
        shapes = [(rows, WIDTH), (3,), (rows * 7,), (1, 1)]
        weights = [rng.normal(size=shape).astype(dtype) for shape in shapes]
        gradients = [rng.normal(size=shape).astype(dtype) for shape in shapes]

        def run():
            update, W = make(), [w.copy() for w in weights]
            for _ in range(2):
                W = update.update_many(list(range(4)), W, [g.copy() for g in gradients])
            return *W, *update.averages.values()

        return run

    SPLIT[name] = prepare


optimizer("adam", lambda: Adam(0.01, L2=0.1, grad_clip=0, use_averages=True))
optimizer(
    "adam_clipped", lambda: Adam(0.01, L2=0.1, grad_clip=0.5, L2_is_weight_decay=False, use_averages=True)
)
optimizer("radam", lambda: RAdam(0.01, grad_clip=0.5, use_averages=True))
optimizer("sgd", lambda: SGD(0.01, grad_clip=0.5, use_averages=True))


@splits
def clipping_and_averages(rng, rows, dtype):
    G, W = matrix(rng, rows, dtype), matrix(rng, rows, dtype)

    def run():
        average = W.copy()
        OPS.update_averages(average, G, 3)
        adam = [A.copy() for A in (W, G, numpy.abs(G), numpy.abs(W))]
        OPS.adam(*adam, 0.9, 0.999, 1e-8, 0.1)
        return OPS.clip_gradient(G.copy(), 1.0), average, *adam

    return run


@splits
def cross_entropy(rng, rows, dtype):
    parts = [probabilities(rng, n, dtype) for n in (rows, 3, rows * 2)]
    codes = [rng.integers(-3, WIDTH, size=len(X)) for X in parts]
    truths, keep = probabilities(rng, rows, dtype), rng.integers(0, 2, size=rows).astype(bool)

    def run():
        gradients, loss, flags = losses.labels_gradient(parts, codes, [(0.9, 0.1)] * 3, 0.1)
        soft = [losses.soft_gradient(parts[0], truths, mask, 0.1) for mask in (None, keep)]
        return *gradients, loss, flags, *soft[0], *soft[1]

    return run


@splits
def distances(rng, rows, dtype):
    X, Y = matrix(rng, rows, dtype), matrix(rng, rows, dtype)
    return lambda: (*losses.squared_error_gradient(X, Y, 0.1), *losses.cosine_gradient(X, Y, 0.1, True))


@splits
def logarithmic_losses(rng, rows, dtype):
    X, Y = probabilities(rng, rows, dtype), probabilities(rng, rows, dtype)
    codes, weights = rng.integers(-3, WIDTH, size=rows), rng.random(WIDTH).astype(dtype)
    keep = rng.integers(0, 2, size=rows).astype(bool)

    def run():
        results = []
        for logits in (False, True):
            results += _log_losses.labels_log_loss(X, codes, 1.0, 0.0, weights, logits, 0.1)
            results += _log_losses.labels_log_loss(X, codes, 0.9, 0.1 / (WIDTH - 1), None, logits, 0.1)
            results += _log_losses.soft_log_loss(X, Y, keep, weights, logits, True, 0.1)
        return results

    return run


@splits
def elementwise_losses(rng, rows, dtype):
    X, Y, weights = probabilities(rng, rows, dtype), probabilities(rng, rows, dtype), rng.random(WIDTH)
    order = rng.integers(-1, 2, size=len(X)).astype(dtype)

    def run():
        results = []
        for logits, focus in ((False, 0.0), (True, 0.0), (True, 2.0)):
            results += _log_losses.binary_loss(
                X, Y, weights.astype(dtype), 0.3, 0.7, focus, -1.0, logits, 0.1
            )
        results += _log_losses.huber_loss(X, Y, 0.01, 0.1)
        results += _log_losses.margin_ranking(X[:, :2], order, 0.5, 0.1)
        return results

    return run
