"""Arrays that are hard to hand over to other frameworks."""

import numpy


def unusual_arrays():
    """Arrays that frameworks refuse, warn about or crash on."""
    X = numpy.arange(6, dtype="f").reshape(2, 3)
    read_only = X.copy()
    read_only.flags.writeable = False
    records = numpy.zeros(3, dtype=[("a", "i1"), ("b", "f4")])
    records["b"] = [1, 2, 3]
    return {
        "reversed": X[::-1],
        "reversed columns": X[:, ::-1],
        "read-only": read_only,
        "broadcast": numpy.broadcast_to(X[0], (2, 3)),
        "big-endian": X.astype(">f4"),
        "unaligned strides": records["b"],
        "longdouble": X.astype("longdouble"),
        "uint16": X.astype("uint16"),
        "uint32": X.astype("uint32"),
        "uint64": X.astype("uint64"),
        "transposed": X.T,
        "0-d": numpy.array(2.5, dtype="f"),
        "0-d read-only": numpy.broadcast_to(numpy.float32(2.5), ()),
        "empty": X[:0],
        "bool": X > 2,
        "float16": X.astype("float16"),
    }


def aligned(*shape):
    """A float32 array of zeros that starts at a multiple of 64 bytes."""
    size = 4 * int(numpy.prod(shape))
    raw = numpy.zeros(size + 64, dtype="uint8")
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view("float32").reshape(shape)
