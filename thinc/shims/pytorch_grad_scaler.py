"""PyTorchGradScaler: keep small gradients from being lost in float16."""

from collections.abc import Iterable
from typing import Any

from .. import compat
from .._util.arrays import is_torch_array
from .._util.frameworks import assert_pytorch_installed


class PyTorchGradScaler:
    """Dynamic loss scaling (Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740).

    Gradients are multiplied by a large number before the backward pass and divided by it afterwards. The number
    becomes smaller when a gradient overflows, and larger when none did for a while.

    Parameters
    ----------
    enabled : bool
        Without it nothing is scaled, and every method does nothing.
    init_scale : float
        The scale to begin with.
    backoff_factor : float
        What the scale is multiplied with after an overflow.
    growth_factor : float
        What the scale is multiplied with after `growth_interval` updates without one.
    growth_interval : int

    Raises
    ------
    ImportError
        Without PyTorch.
    """

    def __init__(
        self,
        enabled: bool = False,
        init_scale: float = 2.0**16,
        backoff_factor: float = 0.5,
        growth_factor: float = 2.0,
        growth_interval: int = 2000,
    ):
        assert_pytorch_installed()
        torch = compat.torch
        self._enabled = enabled
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = torch.full((1,), 0, dtype=torch.int32)
        self._scale = torch.full((1,), float(init_scale), dtype=torch.float32)
        self._found_inf = False

    @property
    def found_inf(self) -> bool:
        """Whether a gradient was infinite or NaN since the last `update`."""
        return self._found_inf

    def to_(self, device: Any) -> None:
        """Move the scaler's state to a device, in place."""
        self._growth_tracker = self._growth_tracker.to(device)
        self._scale = self._scale.to(device)

    def scale(self, tensors: Any, inplace: bool = False) -> Any:
        """Multiply gradients by the scale.

        Parameters
        ----------
        tensors
            A tensor, or an iterable of tensors, on CUDA devices.
        inplace : bool
            Change the tensors themselves.

        Returns
        -------
        A tensor for a tensor, else a list.

        Raises
        ------
        ValueError
            For anything but tensors, for tensors elsewhere, and if this PyTorch cannot do it.
        """
        if not self._enabled:
            return tensors
        if not compat.has_torch_amp:
            raise ValueError(
                "Gradient scaling is not supported: it needs PyTorch 1.9.0 or newer, and a CUDA device"
            )
        if is_torch_array(tensors):
            return self._scaled(tensors, inplace)
        if not isinstance(tensors, Iterable):
            raise ValueError(
                f"Gradient scaling takes a tensor or an iterable of tensors, but got {type(tensors)}"
            )
        return [self._scaled(tensor, inplace) for tensor in tensors]

    def _scaled(self, tensor: Any, inplace: bool) -> Any:
        if not is_torch_array(tensor):
            raise ValueError(f"Gradient scaling takes tensors, but got {type(tensor)} among them")
        if not tensor.is_cuda:
            raise ValueError(
                "Gradient scaling is only supported for CUDA tensors. "
                f"Got one on the device '{tensor.device}': move it, or use a disabled scaler."
            )
        return _multiply(tensor if inplace else tensor.clone(), self._scale.to(tensor.device))

    def unscale(self, tensors: Iterable[Any]) -> bool:
        """Divide gradients by the scale, in place.

        Returns
        -------
        bool
            Whether one of them was infinite or NaN; `found_inf` tells it until the next `update`.
        """
        if not self._enabled:
            return False
        groups: dict[Any, list[Any]] = {}
        for tensor in tensors:
            groups.setdefault((tensor.device, tensor.dtype, tensor.is_sparse), []).append(tensor)
        inverse = self._scale.double().reciprocal().float()  # exact for powers of two
        found = False
        with compat.torch.no_grad():
            for (device, _, is_sparse), group in groups.items():
                divide = _divide_fused if device.type == "cuda" and not is_sparse else _divide
                found = divide(group, inverse.to(device)) or found
        self._found_inf = self._found_inf or found
        return found

    def update(self) -> None:
        """Adapt the scale, and forget the overflow. To be called once after each step of the optimizer."""
        if not self._enabled:
            return
        if self._found_inf:
            self._scale *= self._backoff_factor
            self._growth_tracker.zero_()
        else:  # without a look at the values, which a GPU may still be working on
            torch = compat.torch
            self._growth_tracker += 1
            due = self._growth_tracker >= self._growth_interval
            grown = self._scale * self._growth_factor
            self._scale = torch.where(due & torch.isfinite(grown), grown, self._scale)
            self._growth_tracker.masked_fill_(due, 0)
        self._found_inf = False


def _multiply(tensor: Any, factor: Any) -> Any:
    """Multiply in place by a factor (1,), which float16 may be too narrow for."""
    if tensor.element_size() >= 4:
        return tensor.mul_(factor[0])
    return tensor.copy_(tensor.float().mul_(factor[0]))


def _divide(tensors: list[Any], inverse: Any) -> bool:
    found = False
    for tensor in tensors:
        values = tensor.coalesce().values() if tensor.is_sparse else tensor
        found = found or not bool(compat.torch.isfinite(values).all())
        _multiply(tensor, inverse)
    return found


def _divide_fused(tensors: list[Any], inverse: Any) -> bool:
    """As `_divide`, in one kernel for all tensors, which are dense and of the same dtype and device."""
    found = compat.torch.zeros_like(inverse)
    compat.torch._amp_foreach_non_finite_check_and_unscale_(tensors, found, inverse)
    return bool(found.item())
