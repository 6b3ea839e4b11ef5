"""Properties that hold for every input: batching, containers of sequences, windows, pooling, hashes, saved models."""

import pickle
from typing import Any

import numpy
import pytest
from hypothesis import given, strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from helpers.examples import examples
from thinc.api import SGD, Adam, Config, Model, NumpyOps, Ops, RAdam, registry
from thinc.kernels import sparse
from thinc.types import Pairs, Ragged

COMPILED, REFERENCE = NumpyOps(), Ops()
BACKENDS = (COMPILED, REFERENCE)
QUICK = examples(100)

lengths_of = st.lists(st.integers(0, 9), min_size=0, max_size=12)
full_lengths = st.lists(st.integers(1, 9), min_size=1, max_size=12)
dtypes = st.sampled_from(["float32", "float64", "int32", "uint64"])
seeds = st.integers(2, 2**32 - 1)
ops_of = st.sampled_from(BACKENDS)


def floats(seed: int, *shape: int, dtype: str = "float64") -> numpy.ndarray:
    return numpy.random.default_rng(seed).normal(size=shape).astype(dtype)


def sequences(seed: int, lengths: list[int], width: int, dtype: str = "float32") -> list[numpy.ndarray]:
    rng = numpy.random.default_rng(seed)
    return [(50 * rng.random((n, width))).astype(dtype) for n in lengths]


def ints(values: list[int]) -> numpy.ndarray:
    return numpy.array(values, dtype="int32")


def assert_lists_equal(found: list, expected: list) -> None:
    assert len(found) == len(expected)
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype
        assert_array_equal(x, y)


# Batching

sizes_of = st.one_of(st.integers(1, 9), st.lists(st.integers(1, 5), min_size=1, max_size=4))


@QUICK
@given(ops_of, st.integers(0, 30), sizes_of, st.booleans(), st.integers(1, 3), st.integers(1, 2))
def test_every_item_is_in_one_batch_of_each_pass(ops, n, sizes, shuffle, buffer, passes):
    size = sizes if isinstance(sizes, int) else iter(sizes)
    batches = ops.minibatch(size, numpy.arange(n), shuffle=shuffle, buffer=buffer)
    for _ in range(passes):
        found = list(batches)
        assert len(found) == len(batches)
        items = [int(item) for batch in found for item in batch]
        assert sorted(items) == list(range(n))
        assert shuffle or items == list(range(n))
        given_sizes = [len(batch) for batch in found]
        if isinstance(sizes, int):
            assert given_sizes[:-1] == [sizes] * (len(found) - 1)
        elif found:
            expected = (sizes + sizes[-1:] * n)[: len(found)]
            assert given_sizes[:-1] == expected[:-1] and 1 <= given_sizes[-1] <= expected[-1]


@QUICK
@given(ops_of, full_lengths, st.integers(1, 5), st.booleans(), seeds)
def test_batches_of_several_data_sets_stay_aligned(ops, lengths, size, shuffle, seed):
    n = len(lengths)
    numbers = numpy.arange(n)
    Xs = [numpy.full((length, 2), i, dtype="float32") for i, length in enumerate(lengths)]
    ragged = Ragged(numpy.concatenate(Xs), ints(lengths))
    pairs = Pairs(numbers, [str(i) for i in range(n)])
    numpy.random.seed(seed)
    batches = ops.multibatch(size, numbers, Xs, ragged, tuple(range(n)), pairs, shuffle=shuffle)
    seen: list[int] = []
    for wanted, items, rows, members, both in batches:
        wanted = wanted.tolist()
        seen += wanted
        assert [int(X[0, 0]) for X in items] == wanted and [len(X) for X in items] == [
            lengths[i] for i in wanted
        ]
        assert_array_equal(rows.lengths, [lengths[i] for i in wanted])
        assert_array_equal(rows.data[:, 0], numpy.repeat(wanted, rows.lengths))
        assert list(members) == wanted
        assert both.one.tolist() == wanted and both.two == [str(i) for i in wanted]
    assert sorted(seen) == list(range(n)) and len(batches) == -(-n // size)


# Containers of sequences


@QUICK
@given(ops_of, lengths_of, st.integers(1, 5), dtypes, st.integers(0, 2), seeds)
def test_flatten_and_unflatten(ops, lengths, width, dtype, pad, seed):
    Xs = sequences(seed, lengths, width, dtype)
    flat = ops.flatten(Xs, pad=pad)
    filled = sum(n > 0 for n in lengths)
    if filled:
        assert flat.shape == (sum(lengths) + pad * (filled + 1), width) and flat.dtype == dtype
        assert_lists_equal(ops.unflatten(flat, ints(lengths), pad=pad), Xs)
        assert_array_equal(flat, REFERENCE.flatten(Xs, pad=pad))
    else:
        assert flat.size == 0


@QUICK
@given(ops_of, lengths_of, st.integers(1, 5), dtypes, seeds)
def test_list2padded_and_padded2list(ops, lengths, width, dtype, seed):
    Xs = sequences(seed, lengths, width, dtype)
    padded = ops.list2padded(Xs)
    if lengths:
        assert padded.data.shape == (max(lengths), len(lengths), width)
        assert padded.lengths.tolist() == sorted(lengths, reverse=True)
        assert padded.lengths.tolist() == [lengths[i] for i in padded.indices]
        assert padded.size_at_t.tolist() == [sum(n > t for n in lengths) for t in range(max(lengths))]
        assert padded.data.sum() == sum(X.sum() for X in Xs) or dtype.startswith("float")
        for column, i in enumerate(padded.indices):
            assert_array_equal(padded.data[: lengths[i], column], Xs[i])
            assert not padded.data[lengths[i] :, column].any()
    assert_lists_equal(ops.padded2list(padded), Xs)
    again = ops._list2padded_like(ops.padded2list(padded), padded)
    assert_array_equal(again.data, padded.data)


@QUICK
@given(ops_of, full_lengths, st.integers(1, 4), st.integers(1, 6), seeds)
def test_pad_and_unpad(ops, lengths, width, round_to, seed):
    Xs = sequences(seed, lengths, width)
    padded = ops.pad(Xs, round_to=round_to)
    assert padded.shape[1] % round_to == 0 and 0 <= padded.shape[1] - max(lengths) < round_to
    assert_lists_equal(ops.unpad(padded, lengths), Xs)
    assert_allclose(padded.sum(dtype="float64"), sum(X.sum(dtype="float64") for X in Xs))


@QUICK
@given(full_lengths, st.integers(1, 4), st.data())
def test_a_ragged_is_indexed_like_a_list(lengths, width, data):
    Xs = sequences(0, lengths, width)
    ragged = Ragged(numpy.concatenate(Xs), ints(lengths))
    positions = data.draw(st.lists(st.integers(-len(Xs), len(Xs) - 1), max_size=6))
    cut = data.draw(st.slices(len(Xs)))
    i = data.draw(st.integers(-len(Xs), len(Xs) - 1))
    for index, expected in ((positions, [Xs[k] for k in positions]), (cut, Xs[cut]), (i, [Xs[i]])):
        part = ragged[index]
        assert_lists_equal(COMPILED.unflatten(part.dataXd, part.lengths), list(expected))


CONTAINERS = ("list2ragged", "list2padded", "list2array")


@QUICK
@given(st.sampled_from(CONTAINERS), full_lengths, st.integers(1, 4), seeds)
def test_layers_between_containers_are_their_own_gradients(name, lengths, width, seed):
    Xs = sequences(seed, lengths, width)
    Y, backprop = registry.layers.get(f"{name}.v1")()(Xs, True)
    assert_lists_equal(backprop(Y), Xs)
    if name != "list2array":
        kind = name.removeprefix("list2")
        Ys, backprop = registry.layers.get(f"{kind}2list.v1")()(Y, True)
        assert_lists_equal(Ys, Xs)
        again = backprop(Ys)
        assert_array_equal(again.data, Y.data)
        assert_array_equal(again.lengths, Y.lengths)


WRAPPERS = ("with_array.v1", "with_array2d.v1", "with_list.v1", "with_ragged.v1", "with_padded.v1")


@QUICK
@given(st.sampled_from(WRAPPERS), st.sampled_from(["list", "ragged", "padded"]), full_lengths, seeds)
def test_wrappers_restore_what_they_were_given(name, kind, lengths, seed):
    Xs = sequences(seed, lengths, 3)
    X: Any = Xs
    if kind == "ragged":
        X = Ragged(numpy.concatenate(Xs), ints(lengths))
    elif kind == "padded":
        X = COMPILED.list2padded(Xs)
    model = registry.layers.get(name)(Model("pass", lambda model, X, is_train: (X, lambda dY: dY)))
    Y, backprop = model(X, True)
    for batch in (Y, backprop(Y)):
        assert type(batch) is type(X)
        if kind == "list":
            assert_lists_equal(batch, Xs)
        else:
            assert batch == X


# Windows: the gradient is the transpose of the forward pass, <seq2col(X), dY> = <X, backprop_seq2col(dY)>.


@QUICK
@given(ops_of, lengths_of, st.integers(1, 9), st.integers(0, 3), st.booleans(), seeds)
def test_seq2col_and_its_gradient_are_adjoint(ops, lengths, width, nW, whole, seed):
    B = sum(lengths)
    given_lengths = None if whole else ints(lengths)
    X, dY = floats(seed, B, width), floats(seed + 1, B, (2 * nW + 1) * width)
    Y = ops.seq2col(X, nW, lengths=given_lengths)
    dX = ops.backprop_seq2col(dY, nW, lengths=given_lengths)
    assert_allclose((Y * dY).sum(), (X * dX).sum(), rtol=1e-9, atol=1e-9)
    assert_array_equal(Y.reshape(B, 2 * nW + 1, width)[:, nW], X)


# Pooling


def pool(X: numpy.ndarray, lengths: list[int], function: Any) -> numpy.ndarray:
    rows, start = [], 0
    for n in lengths:
        rows.append(function(X[start : start + n]) if n else numpy.zeros(X.shape[1]))
        start += n
    return numpy.array(rows).reshape(len(lengths), X.shape[1])


@QUICK
@given(ops_of, lengths_of, st.integers(1, 20), seeds)
def test_sums_and_means(ops, lengths, width, seed):
    X, n = floats(seed, sum(lengths), width), ints(lengths)
    assert_allclose(ops.reduce_sum(X, n), pool(X, lengths, lambda rows: rows.sum(axis=0)), atol=1e-12)
    assert_allclose(ops.reduce_mean(X, n), pool(X, lengths, lambda rows: rows.mean(axis=0)), atol=1e-12)
    d = floats(seed + 1, len(lengths), width)
    for name in ("sum", "mean"):
        Y, dX = getattr(ops, f"reduce_{name}")(X, n), getattr(ops, f"backprop_reduce_{name}")(d, n)
        assert_allclose((Y * d).sum(), (X * dX).sum(), rtol=1e-9, atol=1e-9)


@QUICK
@given(ops_of, full_lengths, st.integers(1, 20), seeds)
def test_largest_first_and_last_rows(ops, lengths, width, seed):
    X, n = floats(seed, sum(lengths), width), ints(lengths)
    d = floats(seed + 1, len(lengths), width)
    maxes, which = ops.reduce_max(X, n)
    assert_array_equal(maxes, pool(X, lengths, lambda rows: rows.max(axis=0)))
    assert_array_equal(which, pool(X, lengths, lambda rows: rows.argmax(axis=0)))
    firsts, bounds = ops.reduce_first(X, n)
    assert_array_equal(firsts, pool(X, lengths, lambda rows: rows[0]))
    lasts, where = ops.reduce_last(X, n)
    assert_array_equal(lasts, pool(X, lengths, lambda rows: rows[-1]))
    gradients = [
        (maxes, ops.backprop_reduce_max(d, which, n)),
        (firsts, ops.backprop_reduce_first(d, bounds)),
        (lasts, ops.backprop_reduce_last(d, where)),
    ]
    for Y, dX in gradients:  # each output is one of the inputs, so that these are linear in X
        assert dX.shape == X.shape
        assert_allclose((Y * d).sum(), (X * dX).sum(), rtol=1e-9, atol=1e-9)


# Hashes against the algorithms (A. Appleby, MurmurHash3) in Python's integers


def rotate(x: int, n: int, bits: int) -> int:
    return (x << n | x >> (bits - n)) & (1 << bits) - 1


def mix64(h: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        h = (h ^ h >> 33) * factor % 2**64
    return h ^ h >> 33


def murmur3_x64_128(key: int, seed: int) -> list[int]:
    """Of the 8 little-endian bytes of the key, as four words."""
    h1 = seed ^ rotate(key * 0x87C37B91114253D5 % 2**64, 31, 64) * 0x4CF5AD432745937F % 2**64
    h1, h2 = h1 ^ 8, seed ^ 8
    h1 = (h1 + h2) % 2**64
    h1, h2 = mix64(h1), mix64((h2 + h1) % 2**64)
    h1 = (h1 + h2) % 2**64
    h2 = (h2 + h1) % 2**64
    return [h1 % 2**32, h1 >> 32, h2 % 2**32, h2 >> 32]


def murmur3_x86_32(key: int, seed: int) -> int:
    h = seed
    for k in (key % 2**32, key >> 32):
        k = rotate(k * 0xCC9E2D51 % 2**32, 15, 32) * 0x1B873593 % 2**32
        h = (rotate(h ^ k, 13, 32) * 5 + 0xE6546B64) % 2**32
    h ^= 8
    h = (h ^ h >> 16) * 0x85EBCA6B % 2**32
    h = (h ^ h >> 13) * 0xC2B2AE35 % 2**32
    return h ^ h >> 16


keys_of = st.lists(st.integers(0, 2**64 - 1), max_size=20)


@QUICK
@given(ops_of, keys_of, st.integers(0, 2**32 - 1))
def test_hashes_of_ids(ops, keys, seed):
    found = ops.hash(numpy.array(keys, dtype="uint64"), seed)
    assert found.tolist() == [murmur3_x64_128(key, seed) for key in keys]


@QUICK
@given(keys_of, st.integers(1, 2**32 - 1), st.booleans())
def test_slots_of_features(keys, length, mask):
    found = sparse.hash_slots(numpy.array(keys, dtype="uint64"), length, mask)
    hashes = [[murmur3_x86_32(key, seed) for seed in (0, 1)] for key in keys]
    assert found.tolist() == [[h & length - 1 if mask else h % length for h in pair] for pair in hashes]


def test_the_hashes_here_are_those_of_the_published_vectors():
    assert murmur3_x64_128(0, 0) == [3428303819, 685728695, 3303603794, 4065689084]
    assert [murmur3_x86_32(5, seed) for seed in (0, 1)] == [1740791543, 2789560161]


# Saved models

names = st.text("abcdefgh_", min_size=1, max_size=6)
plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**31), 2**31), st.text(max_size=5), st.floats(allow_nan=False)
)
attrs_of = st.dictionaries(names, st.one_of(plain, st.lists(plain, max_size=3)), max_size=3)
shapes = st.lists(st.integers(0, 4), min_size=1, max_size=3)
params_of = st.dictionaries(names, st.tuples(shapes, dtypes, seeds), max_size=3)
dims_of = st.dictionaries(names, st.one_of(st.none(), st.integers(0, 2**31)), max_size=3)
nodes = st.tuples(names, dims_of, params_of, attrs_of)
trees = st.recursive(
    st.tuples(nodes, st.just([])),
    lambda children: st.tuples(nodes, st.lists(children, max_size=3)),
    max_leaves=6,
)


def build(tree: Any, filled: bool) -> Model:
    """The tree, with its dims, params and attrs; or as it is before it is initialized or loaded."""
    (name, dims, params, attrs), children = tree
    arrays = {
        key: (50 * numpy.random.default_rng(seed).random(shape)).astype(dtype) if filled else None
        for key, (shape, dtype, seed) in params.items()
    }
    return Model(
        name,
        lambda model, X, is_train: (X, lambda dY: dY),
        dims=dims if filled else dict.fromkeys(dims),
        params=arrays,
        attrs=attrs if filled else dict.fromkeys(attrs),
        layers=[build(child, filled) for child in children],
    )


@QUICK
@given(trees)
def test_a_saved_model_comes_back(tree):
    model = build(tree, True)
    data = model.to_bytes()
    loaded = build(tree, False).from_bytes(data)
    for old, new in zip(model.walk(), loaded.walk(), strict=True):
        assert old.name == new.name and old.attrs == new.attrs
        assert [old.maybe_get_dim(name) for name in old.dim_names] == [
            new.maybe_get_dim(name) for name in new.dim_names
        ]
        for name in old.param_names:
            assert old.get_param(name).dtype == new.get_param(name).dtype
            assert_array_equal(old.get_param(name), new.get_param(name))
    assert loaded.to_bytes() == data
    assert model.copy().to_bytes() == data


@QUICK
@given(trees, st.integers(0, 10**6), st.binary(max_size=3))
def test_damaged_bytes_change_nothing(tree, cut, noise):
    model = build(tree, True)
    data = model.to_bytes()
    damaged = data[: cut % len(data)] + noise
    try:
        model.from_bytes(damaged)
    except (ValueError, KeyError, IndexError):
        assert model.to_bytes() == data


# Configurations

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text("abc xyz.,/-_é", max_size=8),
    ),
    lambda items: st.lists(items, max_size=3),
    max_leaves=5,
)
sections = st.recursive(
    st.dictionaries(names, values, min_size=1, max_size=3),
    lambda inner: st.dictionaries(names, st.one_of(values, inner), min_size=1, max_size=3),
    max_leaves=4,
)


@QUICK
@given(st.dictionaries(names, sections, max_size=3))
def test_a_written_configuration_comes_back(data):
    config = Config(data)
    text = config.to_str()
    again = Config().from_str(text)
    assert again == config
    assert again.to_str() == text
    assert Config().from_bytes(config.to_bytes()) == config


def test_padded_equality_sees_every_part():
    """The properties above rely on it."""
    batch = COMPILED.list2padded(sequences(0, [2, 1], 3))
    for name in ("data", "size_at_t", "lengths", "indices"):
        other = batch.copy()
        getattr(other, name)[...] += 1
        assert other != batch
    assert batch.copy() == batch
    with pytest.raises(TypeError):
        hash(batch)


# Linear operations and their gradients: <f(X), dY> = <X, f'(dY)>


@QUICK
@given(ops_of, st.integers(1, 9), st.integers(0, 9), st.integers(0, 5), st.integers(1, 9), seeds)
def test_rows_of_a_table_and_their_gradient_are_adjoint(ops, rows, B, K, width, seed):
    table = floats(seed, rows, width)
    indices = numpy.random.default_rng(seed).integers(0, rows, size=(B, K))
    d = floats(seed + 1, B, width)
    gradient = numpy.zeros_like(table)
    for k in range(K):
        ops.scatter_add(gradient, indices[:, k].astype("int32"), d)
    found = (ops.gather_add(table, indices.astype("int32")) * d).sum()
    assert_allclose(found, (table * gradient).sum(), rtol=1e-9, atol=1e-9)


@QUICK
@given(ops_of, st.integers(0, 9), st.integers(1, 9), st.integers(1, 4), seeds)
def test_the_largest_pieces_and_their_gradient_are_adjoint(ops, B, nO, nP, seed):
    X, dY = floats(seed, B, nO, nP), floats(seed + 1, B, nO)
    Y, which = ops.maxout(X)
    assert_array_equal(Y, X.max(axis=2, initial=-numpy.inf))
    dX = ops.backprop_maxout(dY, which, nP)
    assert_allclose((Y * dY).sum(), (X * dX).sum(), rtol=1e-9, atol=1e-9)
    assert ((dX != 0).sum(axis=2) <= 1).all()


@QUICK
@given(ops_of, lengths_of, st.integers(1, 9), seeds)
def test_softmax_of_sequences_sums_to_one_and_its_gradient_to_zero(ops, lengths, width, seed):
    X, n = floats(seed, sum(lengths), width), ints(lengths)
    Y = ops.softmax_sequences(X, n)
    full = numpy.array([length > 0 for length in lengths], dtype=float).reshape(-1, 1)
    ones = numpy.broadcast_to(full, (len(lengths), width))
    assert_allclose(ops.reduce_sum(Y, n), ones, rtol=1e-9)
    dX = ops.backprop_softmax_sequences(floats(seed + 1, *X.shape), Y, n)
    assert_allclose(ops.reduce_sum(dX, n), 0 * ones, atol=1e-12)


@QUICK
@given(ops_of, full_lengths, st.integers(1, 4), seeds)
def test_reversing_the_steps_of_sequences_twice_changes_nothing(ops, lengths, width, seed):
    padded = ops.list2padded(sequences(seed, lengths, width))
    reversed_once = ops._reverse_steps(padded.data, padded.lengths)
    assert_array_equal(ops._reverse_steps(reversed_once, padded.lengths), padded.data)
    expected = [padded.data[:n, k][::-1] for k, n in enumerate(padded.lengths)]
    assert_lists_equal([reversed_once[:n, k] for k, n in enumerate(padded.lengths)], expected)


@QUICK
@given(ops_of, full_lengths, st.integers(1, 4), seeds, st.data())
def test_sequences_of_a_padded_are_selected_like_those_of_a_list(ops, lengths, width, seed, data):
    Xs = sequences(seed, lengths, width)
    padded = ops.list2padded(Xs)
    chosen = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1))
    selected = padded[chosen]
    assert sorted(selected.indices) == sorted(padded.indices[chosen])
    assert selected.lengths.tolist() == sorted((int(padded.lengths[c]) for c in chosen), reverse=True)
    assert_lists_equal(
        [selected.data[:n, k] for k, n in enumerate(selected.lengths)], [Xs[i] for i in selected.indices]
    )
    assert selected.size_at_t.sum() == selected.lengths.sum()
    expected = [Xs[i] for i in sorted(padded.indices[chosen])]
    assert_lists_equal(ops.padded2list(selected), expected)
    numpy.testing.assert_array_equal(ops._padded2rows(selected)[0], ops.flatten(expected))
    assert_lists_equal(ops.padded2list(ops._list2padded_like(expected, selected)), expected)


# The state of an optimizer


@QUICK
@given(
    st.sampled_from([Adam, RAdam, SGD]),
    st.floats(1e-4, 0.5),
    st.integers(1, 4),
    st.integers(1, 30),
    seeds,
)
def test_an_optimizer_that_was_saved_goes_on_alike(make, rate, steps, width, seed):
    optimizer, weights = make(rate), floats(seed, width, dtype="float32")
    for step in range(steps):
        weights, _ = optimizer((1, "W"), weights, floats(seed + step, width, dtype="float32"))
    other, others = pickle.loads(pickle.dumps(optimizer)), weights.copy()
    for step in range(2):
        weights, _ = optimizer((1, "W"), weights, floats(seed - step, width, dtype="float32"))
        others, _ = other((1, "W"), others, floats(seed - step, width, dtype="float32"))
    assert_array_equal(weights, others)
    assert optimizer.nr_update == other.nr_update
    assert_array_equal(optimizer.averages[1, "W"], other.averages[1, "W"])
