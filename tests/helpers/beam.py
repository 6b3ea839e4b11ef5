"""Drive `thinc.extra.search.Beam` as its clients do: by the slots of its vtable and with callbacks in C."""

import ctypes
from ctypes import c_double, c_float, c_int, c_uint64, c_void_p, py_object

import numpy

from helpers.c_interface import fields_of, slot
from thinc.extra.search import Beam

FLOATS, INTS = ctypes.POINTER(c_float), ctypes.POINTER(c_int)
HEAD = [("ob_refcnt", c_uint64), ("ob_type", c_void_p), ("vtable", c_void_p)]
TRANSITION = ctypes.PYFUNCTYPE(c_int, c_void_p, c_void_p, c_uint64, c_void_p)
INIT = ctypes.PYFUNCTYPE(c_void_p, py_object, c_int, c_void_p)
DELETE = ctypes.PYFUNCTYPE(c_int, py_object, c_void_p, c_void_p)
FINISH = ctypes.PYFUNCTYPE(c_int, c_void_p, c_void_p)
HASH = ctypes.PYFUNCTYPE(c_uint64, c_void_p, c_void_p)

ALIVE: list = []  # callbacks that beams may call until the end


class State(ctypes.Structure):
    _fields_ = [
        *[("content", c_void_p), ("hist", c_void_p), ("score", c_float), ("loss", c_float)],
        *[("i", c_int), ("t", c_int), ("is_done", c_int)],
    ]


class BeamFields(ctypes.Structure):
    _fields_ = [
        *HEAD,
        *[("mem", py_object), ("nr_class", c_uint64), ("width", c_uint64), ("size", c_uint64)],
        *[("min_density", c_float), ("t", c_int), ("is_done", c_int)],
        *[("histories", py_object), ("parent_histories", py_object)],
        *[("scores", ctypes.POINTER(FLOATS)), ("is_valid", ctypes.POINTER(INTS))],
        *[("costs", ctypes.POINTER(FLOATS))],
        *[("parents", ctypes.POINTER(State)), ("states", ctypes.POINTER(State)), ("del_func", c_void_p)],
    ]


class MaxViolationFields(ctypes.Structure):
    _fields_ = [
        *HEAD,
        *[("mem", py_object), ("cost", c_float), ("delta", c_float), ("p_score", c_float)],
        *[("g_score", c_float), ("Z", c_double), ("gZ", c_double), ("n", c_uint64)],
        *[("p_hist", py_object), ("g_hist", py_object), ("p_probs", py_object), ("g_probs", py_object)],
    ]


BEAM_SLOTS = {
    "_fill": (c_int, py_object, c_void_p, c_void_p, c_void_p),
    "at": (c_void_p, py_object, c_int),
    "initialize": (c_int, py_object, c_void_p, c_void_p, c_int, c_void_p),
    "advance": (c_int, py_object, c_void_p, c_void_p, c_void_p),
    "check_done": (c_int, py_object, c_void_p, c_void_p),
    "set_cell": (None, py_object, c_int, c_int, c_float, c_int, c_float),
    "set_row": (c_int, py_object, c_int, c_void_p, c_void_p, c_void_p),
    "set_table": (c_int, py_object, c_void_p, c_void_p, c_void_p),
}


def method(name):
    return slot(Beam, list(BEAM_SLOTS).index(name), *BEAM_SLOTS[name])


def address(function):
    return ctypes.cast(function, c_void_p)


def matrix(values, dtype, width, nr_class):
    return numpy.broadcast_to(numpy.asarray(values, dtype), (width, nr_class)).copy()


class Driver:
    """A beam over states that are tuples of the classes taken; their addresses are numbers, from 1."""

    def __init__(self, nr_class, width, min_density=0.0, initialize=True):
        self.beam = Beam(nr_class, width, min_density=min_density)
        self.fields = fields_of(self.beam, BeamFields)
        self.contents = {}
        self.deleted = []
        self.pools = []
        if initialize:
            self.initialize()

    def initialize(self, delete=True):
        contents, deleted, pools = self.contents, self.deleted, self.pools

        def make(mem, n, extra):
            contents[len(contents) + 1] = ()
            pools.append(mem)
            return len(contents)

        def forget(mem, state, extra):
            deleted.append(state)
            return 0

        callbacks = INIT(make), DELETE(forget)
        ALIVE.append(callbacks)
        delete_state = address(callbacks[1]) if delete else None
        return method("initialize")(self.beam, address(callbacks[0]), delete_state, 7, None)

    def fill(self, scores, is_valid=1, costs=0):
        """Set the whole table; what is given is broadcast to (width, nr_class)."""
        size = self.fields.width, self.fields.nr_class
        tables = [matrix(v, t, *size) for v, t in [(scores, "f"), (is_valid, "i"), (costs, "f")]]
        rows = [(c_void_p * size[0])(*[row.ctypes.data for row in table]) for table in tables]
        method("set_table")(self.beam, *[ctypes.cast(pointers, c_void_p) for pointers in rows])

    def advance(self, key=None):
        """`key`: hash of a state, given as a tuple."""

        def transition(dest, src, clas, extra):
            self.contents[dest] = (*self.contents[src], clas)
            return 0

        get_key = HASH(lambda state, extra: key(self.contents[state]))
        function = TRANSITION(transition)
        method("advance")(self.beam, address(function), address(get_key) if key else None, None)

    def check_done(self, is_done):
        """`is_done`: whether a state is finished, given as a tuple."""
        function = FINISH(lambda state, extra: int(is_done(self.contents[state])))
        method("check_done")(self.beam, address(function), None)

    @property
    def states(self):
        """Contents of the states kept, best first."""
        at = method("at")
        return [self.contents[at(self.beam, i)] for i in range(len(self.beam))]

    @property
    def histories(self):
        return [tuple(history) for history in self.beam.histories[: len(self.beam)]]

    @property
    def losses(self):
        return [self.fields.states[i].loss for i in range(len(self.beam))]
