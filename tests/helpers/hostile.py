"""Hostile calls of the operations: a program that must survive all of them.

    python hostile.py SEED CALLS [METHOD ...]

Each call starts from arguments that fit, of which some are then spoilt: other shapes, ranks, dtypes, layouts and
values, and what is no array at all. Arrays lie inside of larger ones, so that a write beyond their end is seen. Before
each call its number is written to the log, which names the last one if the interpreter crashes.
"""

import faulthandler
import inspect
import os
import sys
import warnings

import numpy

from thinc.backends import NumpyOps
from thinc.types import Padded, Ragged

# What a call may raise; AttributeError only if an argument is no array.
ERRORS = (TypeError, ValueError, IndexError, OverflowError, MemoryError, AssertionError, ZeroDivisionError)
ERRORS += (NotImplementedError,)  # softmax of other ranks
MARGIN = 64  # elements before and after an array
CANARY = 0x5A
DTYPES = [
    "f4",
    "f8",
    "f4",
    "f8",
    "f2",
    "i1",
    "i4",
    "i8",
    "u1",
    "u4",
    "u8",
    "?",
    "c8",
    "O",
    "U2",
    ">f4",
    ">i4",
    "M8[s]",
]
NUMBERS = [0, 1, 2, 3, -1, -2, 7, 2**31 - 1, 2**31, -(2**31), 2**32, 2**63 - 1, 2**63, -(2**63), 2**70, True]
NUMBERS += [0.5, -0.5, 1e300, float("nan"), float("inf"), None, "1", numpy.int64(3), numpy.float32(2)]
GARBAGE = [None, "text", b"bytes", 3, 1.5, object(), [], [1.0, 2.0], (), {}, {1}, numpy.float32(1), ...]
IN_PLACE = {
    "adam",
    "clip_gradient",
    "update_averages",
    "scatter_add",
    "gemm",
    "position_encode",
    "insert_into",
}
IN_PLACE |= {"backprop_sigmoid", "dsigmoid", "dtanh"}
NOT_CALLED = {"cblas"}
TABLES = {"gather_add", "scatter_add"}


class Maker:
    """Random arguments."""

    def __init__(self, seed):
        self.rng = numpy.random.default_rng(seed)
        self.buffers = []

    def choose(self, options):
        return options[int(self.rng.integers(len(options)))]

    def flip(self, chance):
        return bool(self.rng.random() < chance)

    def size(self):
        return self.choose([0, 1, 1, 2, 3, 4, 5, 8, 9, 16, 17, 33])

    def guard(self, array):
        """A copy in the middle of a larger buffer."""
        if array.dtype.hasobject or not array.dtype.itemsize:
            return array
        margin = MARGIN * array.dtype.itemsize
        buffer = numpy.full(array.nbytes + 2 * margin, CANARY, dtype="u1")
        inside = buffer[margin : margin + array.nbytes].view(array.dtype).reshape(array.shape)
        inside[...] = array
        self.buffers.append((buffer, margin, array.nbytes))
        return inside

    def check_margins(self):
        for buffer, margin, n in self.buffers:
            assert (buffer[:margin] == CANARY).all() and (buffer[margin + n :] == CANARY).all(), (
                "wrote outside"
            )

    def floats(self, *shape, dtype=None):
        array = self.rng.normal(size=shape) * self.choose([1, 1, 5, 100])
        if array.size and self.flip(0.05):
            array.reshape(-1)[0] = self.choose([numpy.nan, numpy.inf, -numpy.inf])
        return self.guard(numpy.asarray(array, dtype=dtype or self.dtype))

    def ints(self, low, high, *shape, dtype="i4"):
        return self.guard(self.rng.integers(low, max(high, low + 1), size=shape).astype(dtype))

    def lengths(self, total, n):
        """``n`` lengths that add up to the total."""
        if n == 0:
            return self.guard(numpy.zeros(0, dtype="i4"))
        cuts = numpy.sort(self.rng.integers(0, total + 1, size=n - 1))
        return self.guard(numpy.diff(numpy.concatenate([[0], cuts, [total]])).astype("i4"))

    def arrays(self):
        width = self.size()
        return [self.floats(self.size(), width) for _ in range(self.choose([0, 1, 2, 5]))]

    # Arguments that fit

    def arguments(self, name):
        """By name, for a method."""
        self.dtype = self.choose(["f4", "f4", "f8"])
        B, nI, nO, nP, T = (self.size() for _ in range(5))
        X = self.floats(B, nI)
        elementwise = {"X": X, "Y": self.floats(B, nI), "dY": self.floats(B, nI), "inplace": self.flip(0.3)}
        if name.startswith("reduce_"):
            return {"X": self.floats(T, nO), "lengths": self.lengths(T, B)}
        special = getattr(self, "make_" + name, None)
        if special is not None:
            return special(B, nI, nO, nP, T)
        if name.startswith(("alloc", "reshape")) and name[-1].isdigit() is False and name[-1] in "fi":
            sizes = {f"d{i}": self.size() for i in range(4)}
            return {"array": self.floats(4, 6), "shape": (self.size(), self.size()), **sizes}
        sizes = {f"d{i}": self.size() for i in range(4)}
        return {
            **elementwise, **sizes, "x": X, "array": X, "data": X, "dtype": None, "shape": (B, nI), "drop": 0.3,
            "slope": 1.5, "offset": 0.1, "min_val": -1.0, "max_val": 1.0, "threshold": 20.0, "n": 6.0,
            "axis": -1, "temperature": 1.0, "zeros": True, "reps": 2, "byte_order": "<", "y_true": X, "y_pred": X,
        }  # fmt: skip

    def make_adam(self, B, nI, nO, nP, T):
        arrays = {name: self.floats(B, nI) for name in ("weights", "gradient", "mom1", "mom2")}
        return {**arrays, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "learn_rate": 0.1, "mod_rate": 1.0}

    def make_affine(self, B, nI, nO, nP, T):
        return {"X": self.floats(B, nI), "W": self.floats(nO, nI), "b": self.floats(nO)}

    def make_gemm(self, B, nI, nO, nP, T):
        trans1, trans2 = self.flip(0.5), self.flip(0.5)
        x = self.floats(nI, B) if trans1 else self.floats(B, nI)
        y = self.floats(nO, nI) if trans2 else self.floats(nI, nO)
        out = self.floats(B, nO) if self.flip(0.5) else None
        return {"x": x, "y": y, "out": out, "trans1": trans1, "trans2": trans2}

    def make_maxout(self, B, nI, nO, nP, T):
        return {"X": self.floats(B, nO, nP)}

    def make_backprop_maxout(self, B, nI, nO, nP, T):
        return {"dY": self.floats(B, nO), "which": self.ints(0, nP, B, nO), "P": nP}

    def make_backprop_reduce_first(self, B, nI, nO, nP, T):
        starts_ends = numpy.concatenate([[0], numpy.cumsum(self.lengths(T, B))]).astype("i4")
        return {"d_firsts": self.floats(B, nO), "starts_ends": self.guard(starts_ends)}

    def make_backprop_reduce_last(self, B, nI, nO, nP, T):
        return {"d_lasts": self.floats(B, nO), "lasts": self.guard(numpy.arange(B).astype("i4"))}

    def make_backprop_reduce_max(self, B, nI, nO, nP, T):
        which = self.ints(0, T, B, nO)
        return {"d_maxes": self.floats(B, nO), "which": which, "lengths": self.lengths(T, B)}

    def make_backprop_reduce_mean(self, B, nI, nO, nP, T):
        return {"d_means": self.floats(B, nO), "lengths": self.lengths(T, B)}

    def make_backprop_reduce_sum(self, B, nI, nO, nP, T):
        return {"d_sums": self.floats(B, nO), "lengths": self.lengths(T, B)}

    def make_seq2col(self, B, nI, nO, nP, T):
        lengths = self.lengths(B, T) if T and self.flip(0.5) else None
        return {"seq": self.floats(B, nI), "nW": self.choose([0, 1, 2]), "lengths": lengths}

    def make_backprop_seq2col(self, B, nI, nO, nP, T):
        nW = self.choose([0, 1, 2])
        lengths = self.lengths(B, T) if T and self.flip(0.5) else None
        return {"dY": self.floats(B, nI * (2 * nW + 1)), "nW": nW, "lengths": lengths}

    def make_softmax_sequences(self, B, nI, nO, nP, T):
        return {
            "Xs": self.floats(T, nI),
            "lengths": self.lengths(T, B),
            "inplace": self.flip(0.3),
            "axis": -1,
        }

    def make_backprop_softmax_sequences(self, B, nI, nO, nP, T):
        return {"dY": self.floats(T, nI), "Y": self.floats(T, nI), "lengths": self.lengths(T, B)}

    def make_gather_add(self, B, nI, nO, nP, T):
        return {"table": self.floats(max(T, 1), nO), "indices": self.ints(0, max(T, 1), B, nP)}

    def make_scatter_add(self, B, nI, nO, nP, T):
        table = self.floats(max(T, 1), nO)
        return {"table": table, "indices": self.ints(0, max(T, 1), B), "values": self.floats(B, nO)}

    def make_hash(self, B, nI, nO, nP, T):
        return {"ids": self.ints(0, 2**40, B, dtype="u8"), "seed": self.choose([0, 1, 2**32 - 1])}

    def make_ngrams(self, B, nI, nO, nP, T):
        return {"n": self.choose([1, 2, 3]), "keys": self.ints(0, 2**40, B, dtype="u8")}

    def make_flatten(self, B, nI, nO, nP, T):
        return {"X": self.arrays(), "dtype": None, "pad": self.choose([0, 1, 3]), "ndim_if_empty": 2}

    def make_unflatten(self, B, nI, nO, nP, T):
        pad = self.choose([0, 1])
        lengths = self.lengths(T, B)
        return {"X": self.floats(T + pad * (B + 1), nO), "lengths": lengths, "pad": pad}

    def make_pad(self, B, nI, nO, nP, T):
        return {"seqs": self.arrays(), "round_to": self.choose([1, 4])}

    def make_unpad(self, B, nI, nO, nP, T):
        return {
            "padded": self.floats(B, T, nO),
            "lengths": [int(n) for n in self.rng.integers(0, T + 1, size=B)],
        }

    def make_list2padded(self, B, nI, nO, nP, T):
        return {"seqs": self.arrays()}

    def make_padded2list(self, B, nI, nO, nP, T):
        parts = [self.floats(T, B, nO), self.lengths(B * T, T), self.ints(0, T + 1, B), self.ints(0, B, B)]
        if self.flip(0.5):
            n = int(self.rng.integers(4))
            parts[n] = self.spoil_array(parts[n])
        return {"padded": Padded(*parts)}

    def make_clip_gradient(self, B, nI, nO, nP, T):
        return {"gradient": self.floats(B, nI), "threshold": 1.0}

    def make_update_averages(self, B, nI, nO, nP, T):
        return {"ema": self.floats(B, nI), "weights": self.floats(B, nI), "t": 3, "max_decay": 0.99}

    def make_position_encode(self, B, nI, nO, nP, T):
        out = self.floats(B, nI, dtype="f4") if self.flip(0.3) else None
        return {"N": B, "D": nI, "period": 10000, "out": out}

    def make_insert_into(self, B, nI, nO, nP, T):
        return {"shape": (B, T, nI), "Xs": [self.floats(T, nI) for _ in range(B)]}

    def make_minibatch(self, B, nI, nO, nP, T):
        sequence = self.choose(
            [self.floats(B, nI), list(range(B)), Ragged(self.floats(T, nI), self.lengths(T, B))]
        )
        return {
            "size": self.choose([1, 2, 3, [1, 2]]),
            "sequence": sequence,
            "shuffle": self.flip(0.5),
            "buffer": 1,
        }

    def make_multibatch(self, B, nI, nO, nP, T):
        return {**self.make_minibatch(B, nI, nO, nP, T), "others": (self.floats(B, nO),)}

    def make_minibatch_by_length(self, B, nI, nO, nP, T):
        return {
            **self.make_minibatch(B, nI, nO, nP, T),
            "size": self.choose([1, 5, 100]),
            "lengths": self.rng.integers(0, 9, size=B),
            "padded": self.flip(0.5),
            "bucket": self.choose([1, 4]),
        }

    def make_multibatch_by_length(self, B, nI, nO, nP, T):
        return {**self.make_minibatch_by_length(B, nI, nO, nP, T), "others": (self.floats(B, nO),)}

    def lstm(self, B, nI, nO, T):
        depth, dirs, nO, nI = self.choose([1, 2]), self.choose([1, 2]), min(nO, 9), min(nI, 9)
        sizes = numpy.sort(self.rng.integers(0, B + 1, size=min(T, 5)))[::-1].astype("i4")
        n = sum(4 * nO * ((dirs * nO if layer else nI) + nO + 2) * dirs for layer in range(depth))
        N = int(sizes.sum())
        return (
            self.floats(n),
            self.floats(2, depth, dirs, nO),
            self.floats(N, nI),
            self.guard(sizes),
            dirs * nO,
        )

    def make_lstm_forward_training(self, B, nI, nO, nP, T):
        params, initial, X, sizes, _ = self.lstm(B, nI, nO, T)
        return {"params": params, "H0": initial[0], "C0": initial[1], "X": X, "size_at_t": sizes}

    make_lstm_forward_inference = make_lstm_forward_training

    def make_backprop_lstm(self, B, nI, nO, nP, T):
        params, initial, X, sizes, width = self.lstm(B, nI, nO, T)
        _, state = NumpyOps().lstm_forward_training(params, initial[0], initial[1], X, sizes)
        if self.flip(0.5):
            state = [*state]
            n = int(self.rng.integers(4))
            state[n] = self.spoil(state[n])
            state = tuple(state)
        return {"dY": self.floats(len(X), width), "lengths": sizes, "params": params, "fwd_state": state}

    # Spoilt arguments

    def spoil(self, value):
        if self.flip(0.08):
            return self.choose(GARBAGE)
        if isinstance(value, numpy.ndarray):
            return self.spoil_array(value)
        if isinstance(value, (list, tuple)) and value and self.flip(0.7):
            items = list(value)
            i = int(self.rng.integers(len(items)))
            items[i] = self.spoil(items[i])
            return type(value)(items) if type(value) in (list, tuple) else items
        return self.choose(NUMBERS)

    def spoil_array(self, array):
        how = int(self.rng.integers(9))
        if how == 0:  # another shape, of any rank
            shape = [self.size() for _ in range(int(self.rng.integers(5)))]
            return self.guard(numpy.ones(shape, dtype=array.dtype))
        if how == 1:
            with numpy.errstate(all="ignore"):
                try:
                    return self.guard(array.astype(self.choose(DTYPES)))
                except Exception:  # what NumPy cannot convert
                    return self.guard(numpy.zeros(array.shape, dtype="O"))
        if how == 2:  # gaps between the elements, or backwards
            if not array.ndim:
                return array
            return numpy.repeat(array, 2, axis=-1)[..., ::2] if self.flip(0.5) else array[::-1]
        if how == 3:
            return numpy.asfortranarray(array)
        if how == 4:
            view = array[...]
            view.flags.writeable = False
            return view
        if how == 5 and array.ndim:  # a row too many, or too few
            if self.flip(0.5):
                return array[:-1]
            return self.guard(numpy.concatenate([array, array[:1]])) if len(array) else array
        if how == 6 and array.size and array.dtype.kind in "iu":
            info = numpy.iinfo(array.dtype)
            values = array.copy()
            values.reshape(-1)[int(self.rng.integers(array.size))] = self.choose(
                [info.min, info.max, 10**6 % info.max]
            )
            return self.guard(values)
        if how == 7 and array.size:  # one element for all
            return numpy.broadcast_to(array.reshape(-1)[0], array.shape)
        if how == 8 and array.size and not array.dtype.hasobject:  # at an odd address
            view = numpy.zeros(array.nbytes + 1, dtype="u1")[1:].view(array.dtype).reshape(array.shape)
            view[...] = array
            return view
        return self.guard(array[..., None])


def arrays_in(value):
    if isinstance(value, numpy.ndarray):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from arrays_in(item)
    elif isinstance(value, Ragged):
        yield from (value.data, value.lengths)
    elif isinstance(value, Padded):
        yield from arrays_in([value.data, value.size_at_t, value.lengths, value.indices])


def contents(arguments):
    found = [array for value in arguments.values() for array in arrays_in(value)]
    return [(a, a.tobytes() if not a.dtype.hasobject else None) for a in found]


def describe(value):
    if isinstance(value, numpy.ndarray):
        flags = "" if value.flags.c_contiguous else f" strides {value.strides}"
        return f"{value.dtype}{list(value.shape)}{flags}{'' if value.flags.writeable else ' read-only'}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(map(describe, value))})"
    if isinstance(value, Padded):
        return f"Padded({', '.join(map(describe, vars(value).values()))})"
    return repr(value)


def run(seed, method, log):
    """One call. Returns the class of the error, if any; raises AssertionError for what must not be."""
    maker = Maker(seed)
    function = getattr(NumpyOps(), method)
    known = maker.arguments(method)
    parameters = inspect.signature(function).parameters.values()
    arguments = {p.name: known[p.name] for p in parameters if p.name in known}
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in arguments]
    assert not missing, f"nothing known of {missing}"
    for _ in range(maker.choose([0, 1, 1, 1, 2, 3])):
        name = maker.choose(list(arguments))
        arguments[name] = maker.spoil(arguments[name])
    call = (
        f"{method}({', '.join(f'{name}={describe(value)}' for name, value in arguments.items())})  # {seed}"
    )
    log.seek(0)
    log.truncate()
    log.write(call)
    log.flush()
    before = contents(arguments)
    positional = []
    if method.startswith("multibatch"):
        others = arguments.pop("others")
        positional = [arguments.pop("size"), arguments.pop("sequence")]
        positional += others if isinstance(others, tuple) else [others]
    error = None
    try:
        result = function(*positional, **arguments)
        if method.startswith(("minibatch", "multibatch")):
            for n, _ in enumerate(result):
                assert n < 1000, "never ends"
    except AttributeError as err:
        error = err
        assert not all(isinstance(v, numpy.ndarray) for v in arguments.values()), f"{call}: {err!r}"
    except ERRORS as err:
        error = err
        assert "never ends" not in str(err), call
    except Exception as err:
        raise AssertionError(f"{call}: {err!r}") from err
    maker.check_margins()
    if error is not None or (method not in IN_PLACE and not arguments.get("inplace")):
        for array, data in before:
            assert data is None or array.tobytes() == data, f"{call}: changed an argument, {error!r}"
    return error


def limit_memory(n_bytes):
    """Have allocations beyond it fail, instead of filling the machine."""
    # AddressSanitizer reserves terabytes of addresses for itself, and refuses large allocations on its own.
    if sys.platform != "win32" and "asan" not in os.environ.get("LD_PRELOAD", ""):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))


def main(seed, calls, *methods):
    faulthandler.enable()
    limit_memory(3 * 2**29)
    warnings.simplefilter("ignore")
    numpy.seterr(all="ignore")
    everything = [
        name for name in dir(NumpyOps) if not name.startswith("_") and callable(getattr(NumpyOps, name))
    ]
    methods = methods or sorted(set(everything) - NOT_CALLED)
    failures, refused = {}, 0
    with open("hostile.log", "w+", encoding="utf8") as log:
        for i in range(int(calls)):
            if i % 500 == 0:  # what never ends
                faulthandler.dump_traceback_later(120, exit=True)
            method = methods[i % len(methods)]
            try:
                refused += run(int(seed) + i, method, log) is not None
            except AssertionError as err:
                failures.setdefault(method, []).append(str(err))
    for found in failures.values():
        print(len(found), *found[:3], sep="\n  ")
    print(
        f"{calls} calls of {len(methods)} methods, {refused} refused, {sum(map(len, failures.values()))} failures"
    )
    sys.exit(bool(failures))


if __name__ == "__main__":
    main(*sys.argv[1:])
