"""Gated units and the steps of the GRU: the readable reference.

They are the layers' own: no part of the public interface.
"""

from typing import Any

from ._ops_activations import ActivationOps, sigmoid


class GatedOps(ActivationOps):
    """Values times what their gates let through."""

    def _glu(self, A: Any) -> Any:
        """``value * sigmoid(gate)`` (Dauphin et al. 2017): ``(B, n)`` of A ``(B, 2 n)``, values before gates."""
        value, gate = _halves(A)
        return value * self.sigmoid(gate)

    def _backprop_glu(self, dY: Any, A: Any) -> Any:
        """The gradient of A, ``(B, 2 n)``."""
        value, gate = _halves(A)
        s = self.sigmoid(gate)
        return self.xp.concatenate([dY * s, dY * value * s * (1 - s)], axis=1)

    def _swiglu(self, A: Any) -> Any:
        """``value * swish(gate)`` (Shazeer 2020): ``(B, n)`` of A ``(B, 2 n)``, values before gates."""
        value, gate = _halves(A)
        return value * self.swish(gate)

    def _backprop_swiglu(self, dY: Any, A: Any) -> Any:
        """The gradient of A, ``(B, 2 n)``."""
        value, gate = _halves(A)
        f = self.swish(gate)
        return self.xp.concatenate([dY * f, self.backprop_swish(dY * value, gate, f)], axis=1)

    def _gru_step(self, a: Any, u: Any, b: Any, h: Any, y: Any, gates: Any = None) -> None:
        """One step of a GRU behind its matrix products.

        Parameters
        ----------
        a, u
            ``(rows, 3 nO)``: from the input, and from the state; reset gate, update gate, candidate.
        b
            ``(1, nO)``: the bias of the candidate that the reset gate scales, too.
        h
            ``(rows, nO)``, the state before the step.
        y
            ``(rows, nO)``; receives the state behind it, ``c + z * (h - c)``.
        gates
            ``(rows, 4 nO)``; receives r, z, c and the product that r scaled. Or None.
        """
        n = h.shape[1]
        if not a.shape == u.shape == (len(h), 3 * n):
            raise ValueError(f"gru: a and u must have shape {(len(h), 3 * n)}, got {a.shape} and {u.shape}")
        r, z = sigmoid(a[:, :n] + u[:, :n]), sigmoid(a[:, n : 2 * n] + u[:, n : 2 * n])
        inner = u[:, 2 * n :] + b
        c = self.xp.tanh(a[:, 2 * n :] + r * inner)
        y[...] = c + z * (h - c)
        if gates is not None:
            gates[...] = self.xp.concatenate([r, z, c, inner], axis=1)

    def _backprop_gru_step(self, dy: Any, gates: Any, h: Any, dh: Any, da: Any, du: Any) -> None:
        """The way back of `_gru_step`.

        Parameters
        ----------
        dy
            ``(rows, nO)``: gradient of the output.
        gates, h
            As in the forward pass.
        dh
            ``(rows, nO)``: the gradient from the step after; becomes that of h, but for what flows through u.
        da, du
            ``(rows, 3 nO)``; receive the gradients of a and u.
        """
        r, z, c, inner = self.xp.split(gates, 4, axis=1)
        d = dy + dh
        dc = d * (1 - z) * (1 - c * c)
        dr = dc * inner * r * (1 - r)
        dz = d * (h - c) * z * (1 - z)
        da[...] = self.xp.concatenate([dr, dz, dc], axis=1)
        du[...] = self.xp.concatenate([dr, dz, dc * r], axis=1)
        dh[...] = d * z


def _halves(A: Any) -> tuple[Any, Any]:
    if A.ndim != 2 or A.shape[1] % 2:
        raise ValueError(f"expected rows of values and as many gates, but got an array of shape {A.shape}")
    n = A.shape[1] // 2
    return A[:, :n], A[:, n:]
