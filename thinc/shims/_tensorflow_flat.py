"""The trainable variables of a Keras model as one vector, as its optimizer takes them."""

from typing import Any, List, Sequence

from .. import compat


class FlatVariables:
    """Read, write and concatenate in one compiled step each: a call of TensorFlow costs more than small sums.

    Parameters
    ----------
    variables : list of tensorflow.Variable
        Of floats; the vector is float32, unless all of them are float64.

    Attributes
    ----------
    size : int
        Of the vector.
    type_name : str
        Of the vector: float32 or float64.
    """

    def __init__(self, variables: Sequence[Any]):
        tensorflow = compat.tensorflow
        self._variables = list(variables)
        self._sizes = [variable.shape.num_elements() for variable in variables]
        self.size = sum(self._sizes)
        is_double = bool(variables) and all(variable.dtype == tensorflow.float64 for variable in variables)
        self.type_name = "float64" if is_double else "float32"
        self._dtype = tensorflow.float64 if is_double else tensorflow.float32
        self._read = tensorflow.function(lambda: self._join(self._variables), autograph=False)
        self._concat = tensorflow.function(self._join, autograph=False)
        self._write = tensorflow.function(self._assign, autograph=False)

    def holds(self, variables: Sequence[Any]) -> bool:
        """Whether these are the variables."""
        return len(variables) == len(self._variables) and all(
            a is b for a, b in zip(variables, self._variables, strict=True)
        )

    def read(self) -> Any:
        """The vector, a tensor."""
        return self._read()

    def concatenate(self, gradients: Sequence[Any]) -> Any:
        """A vector of one tensor, or None for zeros, for each variable."""
        zeros = compat.tensorflow.zeros_like
        pairs = zip(gradients, self._variables, strict=True)
        return self._concat(
            [zeros(variable) if gradient is None else gradient for gradient, variable in pairs]
        )

    def write(self, vector: Any) -> None:
        """Assign the parts of a vector, a tensor."""
        self._write(vector)

    def _join(self, tensors: List[Any]) -> Any:
        tensorflow = compat.tensorflow
        return tensorflow.concat(
            [tensorflow.reshape(tensorflow.cast(tensor, self._dtype), [-1]) for tensor in tensors], axis=0
        )

    def _assign(self, vector: Any) -> None:
        tensorflow = compat.tensorflow
        parts = tensorflow.split(vector, self._sizes)
        for variable, part in zip(self._variables, parts, strict=True):
            variable.assign(tensorflow.cast(tensorflow.reshape(part, variable.shape), variable.dtype))
