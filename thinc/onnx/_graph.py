"""A graph of ONNX under construction. Imports onnx."""

from typing import Any

import numpy
from onnx import checker, helper, numpy_helper

OPSET = 17
IR_VERSION = 8  # of the same time as the opset: runtimes refuse what is newer than they are


class Graph:
    """Collects operations; values are known by their names."""

    def __init__(self, dtype: Any):
        self.dtype = numpy.dtype(dtype)
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation with one output; return the name of that."""
        name = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, name: str, value: Any) -> str:
        """Add an array, under a name that is its own."""
        self._constants[name] = numpy_helper.from_array(numpy.ascontiguousarray(value), name)
        return name

    def number(self, value: float) -> str:
        """A number of the type that the graph computes with."""
        return self.constant(f"number_{value!r}", numpy.array(value, self.dtype))

    def integers(self, *values: int) -> str:
        """A vector of integers, such as the axes of an operation."""
        return self.constant(f"integers_{'_'.join(map(str, values))}", numpy.array(values, "int64"))

    def finish(self, source: str, width: int | None, result: str, name: str) -> bytes:
        """Check the graph; return it as bytes."""
        self._nodes.append(helper.make_node("Identity", [result], ["Y"]))
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(source, kind, ["batch", "nI" if width is None else width])],
            [helper.make_tensor_value_info("Y", kind, ["batch", None])],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", OPSET)]
        proto = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="thinc")
        checker.check_model(proto, full_check=True)
        data: bytes = proto.SerializeToString()
        return data
