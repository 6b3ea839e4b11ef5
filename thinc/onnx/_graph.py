"""A graph of ONNX under construction. Imports onnx."""

from typing import Any

import numpy
from onnx import checker, helper, numpy_helper

from ._values import Port

OPSET = 18  # the first with bitwise operations, which hashing takes
ML_OPSET = 2  # of tables from ids to ids
MOST_BYTES = 2**31 - 2**20  # in a file: a limit of its encoding, less what is not parameters
IR_VERSION = 8  # of the same time as the opset: runtimes refuse what is newer than they are


class Graph:
    """Collects operations; values are known by their names."""

    def __init__(self, dtype: Any):
        self.dtype = numpy.dtype(dtype)
        self.known: dict[Any, Any] = {}  # what layers share, by what it is made of
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation with one output; return the name of that."""
        return self.op_n(1, kind, *inputs, **attributes)[0]

    def op_n(self, n: int, kind: str, *inputs: str, **attributes: Any) -> list[str]:
        """Add an operation with n outputs; return their names."""
        name = f"{kind.lower()}_{len(self._nodes)}"
        names = [name, *(f"{name}_{number}" for number in range(1, n))]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def rename(self, name: str, new: str) -> None:
        """Give a value another name, which is that of an output."""
        self._nodes.append(helper.make_node("Identity", [name], [new]))

    def constant(self, name: str, value: Any) -> str:
        """Add an array, under a name that is its own."""
        self._constants[name] = numpy_helper.from_array(
            numpy.ascontiguousarray(value).reshape(value.shape), name
        )
        return name

    def number(self, value: float, dtype: Any = None) -> str:
        """A number, of the type that the graph computes with if no other is given."""
        dtype = numpy.dtype(dtype or self.dtype)
        return self.constant(f"{dtype.name}_{value!r}", numpy.array(value, dtype))

    def integers(self, *values: int) -> str:
        """A vector of integers, such as the axes of an operation."""
        return self.constant(f"integers_{'_'.join(map(str, values))}", numpy.array(values, "int64"))

    def full(self, shape: str, value: float, dtype: Any) -> str:
        """An array of one value."""
        filled = numpy_helper.from_array(numpy.array([value], dtype))
        return self.op("ConstantOfShape", shape, value=filled)

    def cast(self, X: str, dtype: Any) -> str:
        """The same numbers of another type; integers wrap around."""
        return self.op("Cast", X, to=helper.np_dtype_to_tensor_dtype(numpy.dtype(dtype)))

    def finish(self, inputs: list[Port], outputs: list[Port], name: str) -> bytes:
        """Check the graph; return it as bytes. Raise ValueError if it has more parameters than a file can hold."""
        n_bytes = sum(len(constant.raw_data) for constant in self._constants.values())
        if n_bytes > MOST_BYTES:
            raise ValueError(
                f"Cannot export model '{name}' to ONNX: it has {n_bytes} bytes of parameters, but a file can hold "
                f"{MOST_BYTES}. Export its parts to files of their own."
            )
        graph = helper.make_graph(
            self._nodes, name, _infos(inputs), _infos(outputs), list(self._constants.values())
        )
        opsets = [helper.make_opsetid("", OPSET)]
        if any(node.domain for node in self._nodes):
            opsets.append(helper.make_opsetid("ai.onnx.ml", ML_OPSET))
        proto = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="thinc")
        checker.check_model(proto, full_check=True)
        data: bytes = proto.SerializeToString()
        return data


def _infos(ports: list[Port]) -> list[Any]:
    return [
        helper.make_tensor_value_info(
            port.name, helper.np_dtype_to_tensor_dtype(numpy.dtype(port.dtype)), port.shape
        )
        for port in ports
    ]
