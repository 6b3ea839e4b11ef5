"""Activations on the GPU: one kernel each way, in place of several passes of array code."""

from typing import Any

from .._ops_activations import ActivationOps, store
from .._ops_arrays import AnyArrayT
from .launch import has_kernel, launch


class CudaActivations(ActivationOps):
    """Elementwise activations; the formulas are those of `ActivationOps`."""

    def sigmoid(self, X: AnyArrayT, *, inplace: bool = False) -> AnyArrayT:
        return self._activate("Sigmoid", super().sigmoid, X, inplace)

    def backprop_sigmoid(self, dY: AnyArrayT, Y: Any, *, inplace: bool = False) -> AnyArrayT:
        if not _fit(dY, Y):
            return super().backprop_sigmoid(dY, Y, inplace=inplace)
        return store(Y, self._launch_backprop("Sigmoid", (dY, Y), inplace=False), inplace)  # not into dY

    def relu(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        return self._activate("Relu", super().relu, X, inplace)

    def backprop_relu(self, dY: AnyArrayT, Y: Any, inplace: bool = False) -> AnyArrayT:
        return self._backprop("Relu", super().backprop_relu, (dY, Y), inplace)

    def clipped_linear(
        self,
        X: AnyArrayT,
        slope: float = 1.0,
        offset: float = 0.0,
        min_val: float = 0.0,
        max_val: float = 1.0,
        inplace: bool = False,
    ) -> AnyArrayT:
        settings = (slope, offset, min_val, max_val)
        return self._activate("ClippedLinear", super().clipped_linear, X, inplace, *settings)

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
        if slope == 0 or not _fit(dY, X):
            return super().backprop_clipped_linear(dY, X, slope, offset, min_val, max_val, inplace)
        low, high = sorted([(min_val - offset) / slope, (max_val - offset) / slope])
        return self._launch_backprop("ClippedLinear", (dY, X), inplace, slope, 0.0, low, high)

    def swish(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        return self._activate("Swish", super().swish, X, inplace)

    def backprop_swish(self, dY: AnyArrayT, X: Any, Y: Any, inplace: bool = False) -> AnyArrayT:
        return self._backprop("Swish", super().backprop_swish, (dY, X, Y), inplace)

    def hard_swish(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        return self._activate("HardSwish", super().hard_swish, X, inplace)

    def backprop_hard_swish(self, dY: AnyArrayT, X: Any, inplace: bool = False) -> AnyArrayT:
        return self._backprop("HardSwish", super().backprop_hard_swish, (dY, X), inplace)

    def hard_swish_mobilenet(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        return self._activate("HardSwishMobilenet", super().hard_swish_mobilenet, X, inplace)

    def backprop_hard_swish_mobilenet(self, dY: AnyArrayT, X: Any, inplace: bool = False) -> AnyArrayT:
        return self._backprop("HardSwishMobilenet", super().backprop_hard_swish_mobilenet, (dY, X), inplace)

    def dish(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        return self._activate("Dish", super().dish, X, inplace)

    def backprop_dish(self, dY: AnyArrayT, X: Any, inplace: bool = False) -> AnyArrayT:
        return self._backprop("Dish", super().backprop_dish, (dY, X), inplace)

    def gelu(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        return self._activate("Gelu", super().gelu, X, inplace)

    def backprop_gelu(self, dY: AnyArrayT, X: Any, inplace: bool = False) -> AnyArrayT:
        return self._backprop("Gelu", super().backprop_gelu, (dY, X), inplace)

    def gelu_approx(self, X: AnyArrayT, inplace: bool = False) -> AnyArrayT:
        return self._activate("GeluApprox", super().gelu_approx, X, inplace)

    def backprop_gelu_approx(self, dY: AnyArrayT, X: Any, inplace: bool = False) -> AnyArrayT:
        return self._backprop("GeluApprox", super().backprop_gelu_approx, (dY, X), inplace)

    def mish(self, X: AnyArrayT, threshold: float = 20.0, inplace: bool = False) -> AnyArrayT:
        return self._activate("Mish", super().mish, X, inplace, threshold)

    def backprop_mish(
        self, dY: AnyArrayT, X: Any, threshold: float = 20.0, inplace: bool = False
    ) -> AnyArrayT:
        return self._backprop("Mish", super().backprop_mish, (dY, X), inplace, threshold)

    def _activate(self, kernel: str, reference: Any, X: Any, inplace: bool, *settings: float) -> Any:
        if not has_kernel(X):
            return reference(X, *settings, inplace=inplace)
        X_contiguous = self.as_contig(X)
        Y = X if inplace and X_contiguous is X else self.alloc(X.shape, dtype=X.dtype, zeros=False)
        launch("activate", X, X.size, Y, X_contiguous, X.size, *_four(settings), of=kernel)
        return Y if Y is X else store(X, Y, inplace)

    def _backprop(
        self, kernel: str, reference: Any, arrays: tuple[Any, ...], inplace: bool, *settings: float
    ) -> Any:
        """`arrays` are dY and what else the backward pass is given."""
        if not _fit(*arrays):
            return reference(*arrays, *settings, inplace=inplace)
        return self._launch_backprop(kernel, arrays, inplace, *settings)

    def _launch_backprop(self, kernel: str, arrays: tuple[Any, ...], inplace: bool, *settings: float) -> Any:
        dY = arrays[0]
        contiguous = [self.as_contig(array) for array in arrays]
        in_place = inplace and contiguous[0] is dY
        dX = dY if in_place else self.alloc(dY.shape, dtype=dY.dtype, zeros=False)
        args = (dX, contiguous[0], contiguous[1], contiguous[-1], dY.size, *_four(settings))
        launch("backprop_activation", dY, dY.size, *args, of=kernel)
        return dX if in_place else store(dY, dX, inplace)


def _fit(*arrays: Any) -> bool:
    """Whether a kernel takes the arrays; the reference says what is wrong with the shapes of others."""
    return has_kernel(*arrays) and all(array.shape == arrays[0].shape for array in arrays)


def _four(settings: tuple[float, ...]) -> tuple[float, ...]:
    return (*(float(setting) for setting in settings), 0.0, 0.0, 0.0, 0.0)[:4]
