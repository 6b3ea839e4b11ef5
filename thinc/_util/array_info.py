"""What a backward pass has to remember about an array of the forward pass."""

from dataclasses import dataclass
from typing import Any

from ..types import ArrayXd, DTypes, Shape


@dataclass
class ArrayInfo:
    """Shape and dtype of an array, kept to check its gradient.

    Attributes
    ----------
    shape : tuple of int
    dtype : dtype
    """

    shape: Shape
    dtype: DTypes | Any

    @classmethod
    def from_array(cls, arr: ArrayXd) -> "ArrayInfo":
        """Remember shape and dtype of `arr`."""
        return cls(shape=arr.shape, dtype=arr.dtype)

    def check_consistency(self, arr: ArrayXd) -> None:
        """Check that a gradient fits the output it belongs to.

        Raises
        ------
        ValueError
            If shape or dtype differ.
        """
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch in backprop. Y: {self.shape}, dY: {arr.shape}")
        if arr.dtype != self.dtype:
            raise ValueError(f"Type mismatch in backprop. Y: {self.dtype}, dY: {arr.dtype}")
