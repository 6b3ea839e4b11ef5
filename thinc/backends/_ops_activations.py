"""Elementwise activations and their derivatives: the readable reference.

``f(X, inplace=False)`` returns a new array, or changes and returns `X`. ``backprop_f(dY, X, inplace=False)``
returns the gradient of X given that of Y = f(X), in a new array or in `dY`. float16, float32 and float64 are
kept. NaN gives NaN.
"""

import math
from typing import Any

import numpy

from ._ops_arrays import AnyArrayT, ArrayOps

SQRT2PI = math.sqrt(2.0 / math.pi)
INV_SQRT2 = 1.0 / math.sqrt(2.0)
INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)

# Infinities in the input may pass through inf - inf or inf * 0, and tiny numbers underflow: the results
# (NaN, 0) are right, and not worth a warning.
quiet = numpy.errstate(over="ignore", under="ignore", invalid="ignore")


class ActivationOps(ArrayOps):
    """Elementwise activations."""

    # -- sigmoid and helpers -----------------------------------------------------------------------------

    def sigmoid(self, X: AnyArrayT, *, inplace: bool = False) -> AnyArrayT:
        """Logistic function ``1 / (1 + exp(-x))``, with x clipped to [-20, 20]."""
        return store(X, sigmoid(X), inplace)

    def backprop_sigmoid(self, dY: AnyArrayT, Y: Any, *, inplace: bool = False) -> AnyArrayT:
        """``dY * Y * (1 - Y)``, of the output Y. If `inplace`, Y is overwritten and returned, not dY."""
        check_same_shape("backprop_sigmoid", dY, Y)
        return store(Y, dY * dsigmoid(Y), inplace)

    def dsigmoid(self, Y: AnyArrayT, *, inplace: bool = False) -> AnyArrayT:
        """Derivative of the sigmoid in terms of its output: ``Y * (1 - Y)``."""
        return store(Y, dsigmoid(Y), inplace)

    def dtanh(self, Y: AnyArrayT, *, inplace: bool = False) -> AnyArrayT:
        """Derivative of tanh in terms of its output: ``1 - Y**2``."""
        return store(Y, dtanh(Y), inplace)

    # -- piecewise linear --------------------------------------------------------------------------------

    def relu(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        """``x`` where x > 0, else 0."""
        return store(X, self.xp.where(X <= 0, X.dtype.type(0), X), inplace)

    def backprop_relu(self, dY: AnyArrayT, Y: Any, inplace: bool = False) -> AnyArrayT:
        """``dY`` where the output Y > 0, else 0."""
        check_same_shape("backprop_relu", dY, Y)
        return store(dY, self.xp.where(Y > 0, dY, dY.dtype.type(0)), inplace)

    def clipped_linear(
        self,
        X: AnyArrayT,
        slope: float = 1.0,
        offset: float = 0.0,
        min_val: float = 0.0,
        max_val: float = 1.0,
        inplace: bool = False,
    ) -> AnyArrayT:
        """``clip(slope * x + offset, min_val, max_val)``."""
        return store(X, self.xp.clip(X * slope + offset, min_val, max_val), inplace)

    def backprop_clipped_linear(
        self,
        dY: AnyArrayT,
        X: Any,
        slope: float = 1.0,
        offset: float = 0.0,
        min_val: float = 0.0,
        max_val: float = 1.0,
        inplace: bool = False,
    ) -> AnyArrayT:
        """``slope * dY`` strictly between the points where clipping begins, else 0."""
        check_same_shape("backprop_clipped_linear", dY, X)
        if slope == 0:
            return store(dY, self.xp.zeros_like(dY), inplace)
        low, high = sorted([(min_val - offset) / slope, (max_val - offset) / slope])
        inside = (low < X) & (high > X)
        return store(dY, self.xp.where(inside, dY * slope, dY.dtype.type(0)), inplace)

    def relu_k(self, X: AnyArrayT, n: float = 6.0, inplace: bool = False) -> AnyArrayT:
        """ReLU that is cut off at `n`: ``clip(x, 0, n)``."""
        return self.clipped_linear(X, max_val=n, inplace=inplace)

    def backprop_relu_k(self, dY: AnyArrayT, X: Any, n: float = 6.0, inplace: bool = False) -> AnyArrayT:
        """``dY`` where 0 < x < n, else 0."""
        return self.backprop_clipped_linear(dY, X, max_val=n, inplace=inplace)

    def hard_sigmoid(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        """``clip(0.2 * x + 0.5, 0, 1)``."""
        return self.clipped_linear(X, slope=0.2, offset=0.5, inplace=inplace)

    def backprop_hard_sigmoid(self, dY: AnyArrayT, X: Any, inplace: bool = False) -> AnyArrayT:
        """``0.2 * dY`` where -2.5 < x < 2.5, else 0."""
        return self.backprop_clipped_linear(dY, X, slope=0.2, offset=0.5, inplace=inplace)

    def hard_tanh(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        """``clip(x, -1, 1)``."""
        return self.clipped_linear(X, min_val=-1.0, max_val=1.0, inplace=inplace)

    def backprop_hard_tanh(self, dY: AnyArrayT, X: Any, inplace: bool = False) -> AnyArrayT:
        """``dY`` where -1 < x < 1, else 0."""
        return self.backprop_clipped_linear(dY, X, min_val=-1.0, max_val=1.0, inplace=inplace)

    # -- x times a gate ----------------------------------------------------------------------------------

    @quiet
    def swish(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        """``x * sigmoid(x)`` (Ramachandran et al. 2017, SiLU)."""
        return store(X, X * sigmoid(X), inplace)

    @quiet
    def backprop_swish(self, dY: AnyArrayT, X: Any, Y: Any, inplace: bool = False) -> AnyArrayT:
        """``dY * (Y + sigmoid(x) * (1 - Y))``, of the input X and the output Y."""
        check_same_shape("backprop_swish", dY, X)
        check_same_shape("backprop_swish", dY, Y)
        return store(dY, dY * (Y + sigmoid(X) * (1 - Y)), inplace)

    @quiet
    def hard_swish(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        """``x * hard_sigmoid(x)``."""
        return store(X, X * self.hard_sigmoid(X), inplace)

    @quiet
    def backprop_hard_swish(self, dY: AnyArrayT, X: Any, inplace: bool = False) -> AnyArrayT:
        """``dY`` times 1 where x > 2.5, 0 where x < -2.5, else ``0.4 * x + 0.5``."""
        check_same_shape("backprop_hard_swish", dY, X)
        return store(dY, self._between(dY, X, 2.5, 0.4 * X + 0.5), inplace)

    @quiet
    def hard_swish_mobilenet(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        """``x * clip(x + 3, 0, 6) / 6`` (Howard et al. 2019)."""
        return store(X, X * (self.xp.clip(X + 3, 0, 6) / 6), inplace)

    @quiet
    def backprop_hard_swish_mobilenet(self, dY: AnyArrayT, X: Any, inplace: bool = False) -> AnyArrayT:
        """``dY`` times 1 where x > 3, 0 where x < -3, else ``(2 * x + 3) / 6``."""
        check_same_shape("backprop_hard_swish_mobilenet", dY, X)
        return store(dY, self._between(dY, X, 3.0, (X * 2.0 + 3.0) / 6.0), inplace)

    def _between(self, dY: Any, X: Any, bound: float, slope: Any) -> Any:
        """``dY * slope`` where -bound <= x <= bound; dY above, 0 below."""
        inner = self.xp.where(-bound > X, dY.dtype.type(0), dY * slope)
        return self.xp.where(bound < X, dY, inner)

    @quiet
    def dish(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        """``x / 2 * (x / sqrt(1 + x**2) + 1)``: close to GELU, without transcendental functions."""
        return store(X, 0.5 * X * (X / self.xp.hypot(X, X.dtype.type(1)) + 1), inplace)

    @quiet
    def backprop_dish(self, dY: AnyArrayT, X: Any, inplace: bool = False) -> AnyArrayT:
        """``dY * (t - t**3 / 2 + 1 / 2)`` with ``t = x / sqrt(1 + x**2)``."""
        check_same_shape("backprop_dish", dY, X)
        t = X / self.xp.hypot(X, X.dtype.type(1))
        return store(dY, dY * (t - 0.5 * t * t * t + 0.5), inplace)

    @quiet
    def gelu(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        """``x * Phi(x)`` with the cumulative normal distribution (Hendrycks and Gimpel 2016)."""
        return store(X, X * gaussian_cdf(self, X), inplace)

    @quiet
    def backprop_gelu(self, dY: AnyArrayT, X: Any, inplace: bool = False) -> AnyArrayT:
        """``dY * (Phi(x) + x * phi(x))``."""
        check_same_shape("backprop_gelu", dY, X)
        return store(dY, dY * (gaussian_cdf(self, X) + X * gaussian_pdf(self, X)), inplace)

    @quiet
    def gelu_approx(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        """GELU by tanh: ``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))``."""
        near = self.xp.clip(X, -10, 10)  # further out tanh is +-1, and the cube could overflow
        gate = 1 + self.xp.tanh(SQRT2PI * (near + 0.044715 * near * near * near))
        return store(X, 0.5 * X * gate, inplace)

    @quiet
    def backprop_gelu_approx(self, dY: AnyArrayT, X: Any, inplace: bool = False) -> AnyArrayT:
        """``dY * (tanh(u) / 2 + v * sech(u)**2 + 1 / 2)``; u and v are cubic polynomials in x."""
        check_same_shape("backprop_gelu_approx", dY, X)
        near = self.xp.clip(X, -10, 10)  # further out the derivative is 0 or 1
        cube = near * near * near
        u = 0.0356774 * cube + 0.797885 * near
        v = 0.0535161 * cube + 0.398942 * near
        return store(dY, dY * (0.5 * self.xp.tanh(u) + v * self.sechsq(u) + 0.5), inplace)

    @quiet
    def mish(self, X: AnyArrayT, threshold: float = 20.0, inplace: bool = False) -> AnyArrayT:
        """``x * tanh(log(1 + exp(x)))`` below `threshold`, x from there on (Misra 2019)."""
        softplus = self.xp.logaddexp(X, X.dtype.type(0))
        return store(X, self.xp.where(threshold <= X, X, X * self.xp.tanh(softplus)), inplace)

    @quiet
    def backprop_mish(
        self, dY: AnyArrayT, X: Any, threshold: float = 20.0, inplace: bool = False
    ) -> AnyArrayT:
        """``dY * (tanh(s) + x * sigmoid(x) * sech(s)**2)``, ``s = log(1 + exp(x))``; dY from `threshold`."""
        check_same_shape("backprop_mish", dY, X)
        xp = self.xp
        zero = X.dtype.type(0)
        softplus = xp.logaddexp(X, zero)
        logistic = xp.exp(-xp.logaddexp(-X, zero))  # unclipped, and overflows nowhere
        slope = xp.tanh(softplus) + X * logistic * self.sechsq(softplus)
        return store(dY, xp.where(threshold <= X, dY, dY * slope), inplace)

    # -- special functions -------------------------------------------------------------------------------

    def erf(self, X: AnyArrayT) -> AnyArrayT:
        """Error function, exact to rounding. The result has the dtype of X."""
        return numpy.asarray(_erf(X)).astype(X.dtype)  # type: ignore[return-value]

    @quiet
    def sechsq(self, X: AnyArrayT) -> AnyArrayT:
        """``1 / cosh(x)**2``, with x clipped to [-20, 20]."""
        cosh = self.xp.cosh(self.xp.clip(X, -20.0, 20.0))
        return 1 / (cosh * cosh)


# One call of math.erf per number: this is the reference, and NumPy has no erf of its own.
_erf = numpy.frompyfunc(math.erf, 1, 1)


@quiet
def sigmoid(X: Any, out: Any = None) -> Any:
    """Logistic function ``1 / (1 + exp(-x))``, with x clipped to [-20, 20]; written to `out` if given."""
    return numpy.divide(1.0, 1.0 + numpy.exp(-numpy.clip(X, -20.0, 20.0)), out=out)


def dsigmoid(Y: Any) -> Any:
    """Derivative of the sigmoid in terms of its output: ``Y * (1 - Y)``."""
    return Y * (1 - Y)


def dtanh(Y: Any) -> Any:
    """Derivative of tanh in terms of its output: ``1 - Y**2``."""
    return 1 - Y * Y


def gaussian_cdf(ops: ActivationOps, X: Any) -> Any:
    """Cumulative distribution of the standard normal distribution."""
    return 0.5 * (1.0 + ops.erf(INV_SQRT2 * X))


@quiet
def gaussian_pdf(ops: ActivationOps, X: Any) -> Any:
    """Density of the standard normal distribution."""
    return INV_SQRT_2PI * ops.xp.exp(-0.5 * X * X)


def store(target: Any, values: Any, inplace: bool) -> Any:
    """`values`, or `target` filled with them if `inplace`."""
    if not inplace:
        return values
    target[...] = values
    return target


def check_same_shape(operation: str, dY: Any, X: Any) -> None:
    """ValueError unless a gradient has the shape of the array it belongs to."""
    if dY.shape != X.shape:
        raise ValueError(
            f"{operation}: the gradient has shape {dY.shape} but the array it belongs to {X.shape}; "
            "they must be equal"
        )
