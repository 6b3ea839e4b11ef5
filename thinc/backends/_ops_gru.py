"""The GRU as operations of a backend: products of all steps at once, and a fused step.

Cho et al. (2014, arXiv:1406.1078), with the reset gate behind the product as in cuDNN. Rows are packed by time, see
`_lstm`. The parameters are one vector: for each layer, for each direction, Wx (3*nO, width), bx (3*nO), Wh (3*nO, nO),
bh (3*nO), each with the reset gate first, then the update gate and the candidate.

    a = X[t] @ Wx.T + bx;  u = H[t-1] @ Wh.T + bh
    r, z = sigmoid(a_r + u_r), sigmoid(a_z + u_z);  c = tanh(a_c + r * u_c)
    H[t] = (1 - z) * c + z * H[t-1],  H[-1] = 0
"""

from typing import Any

from ._ops_fused import FusedOps
from ._ops_gated import GatedOps
from ._packed_steps import parameter_blocks, split_steps, state_before

GATES = 3


class GRUOps(FusedOps, GatedOps):
    """Gated recurrent units: no part of the public interface."""

    def _gru(
        self, params: Any, X: Any, size_at_t: Any, shape: tuple[int, int, int], training: bool
    ) -> tuple[Any, Any]:
        """Run a GRU over packed sequences.

        Parameters
        ----------
        params
            Flat vector of all weights and biases.
        X
            Packed inputs ``(N, nI)``.
        size_at_t
            The number of sequences at each step: integers that never grow and sum up to N.
        shape
            (depth, dirs, nO); nO is the width of one direction.
        training
            Whether to keep what `_backprop_gru` needs.

        Returns
        -------
        Y
            ``(N, dirs * nO)``, forward direction first.
        state
            For the backward pass, or None.

        Raises
        ------
        ValueError
            If shapes or sizes do not fit together.
        """
        xp = self.xp
        depth, dirs, nO = shape
        N = len(X)
        dtype = xp.result_type(params, X)
        params, inputs = params.astype(dtype, copy=False), X.astype(dtype, copy=False)
        steps = split_steps(size_at_t, N)
        batch = steps[0].stop if steps else 0
        scratch = xp.empty((batch, GATES * nO), dtype)
        zeros = xp.zeros(nO, dtype)
        state, outputs = [], []
        blocks = parameter_blocks(params, GATES, depth, dirs, nO, X.shape[1])
        for _, direction, (Wx, bx, Wh, bh) in blocks:
            bias = bx.copy()
            bias[: 2 * nO] += bh[: 2 * nO]
            a = self.affine(inputs, Wx, bias)
            WhT, b = xp.ascontiguousarray(Wh.T), bh[None, 2 * nO :]
            y = xp.empty((N, nO), dtype)
            gates = xp.empty((N, 4 * nO), dtype) if training else None
            previous = None
            for step in steps if direction == 0 else reversed(steps):
                h = state_before(y, previous, step, zeros)
                u = self.gemm(h, WhT, out=scratch[: len(h)])
                self._gru_step(a[step], u, b, h, y[step], None if gates is None else gates[step])
                previous = step
            outputs.append(y)
            state.append((inputs, y, gates))
            if direction == dirs - 1:
                inputs, outputs = xp.concatenate(outputs, axis=1), []
        return inputs, (state if training else None)

    def _backprop_gru(
        self,
        dY: Any,
        size_at_t: Any,
        params: Any,
        state: Any,
        shape: tuple[int, int, int],
        wants_dX: bool = True,
    ) -> tuple[Any, Any]:
        """The gradients of the input ``(N, nI)``, or None where it is not wanted, and of the parameters."""
        xp = self.xp
        depth, dirs, nO = shape
        X = state[0][0]
        N, dtype = len(X), X.dtype
        steps = split_steps(size_at_t, N)
        params = params.astype(dtype, copy=False)
        d_params = xp.empty_like(params)
        blocks = list(parameter_blocks(params, GATES, depth, dirs, nO, X.shape[1]))
        d_blocks = list(parameter_blocks(d_params, GATES, depth, dirs, nO, X.shape[1]))
        zeros = xp.zeros(nO, dtype)
        for layer in reversed(range(depth)):
            d_inputs: Any = None
            for direction in range(dirs):
                place = layer * dirs + direction
                (_, _, (Wx, _, Wh, _)), (_, _, (dWx, dbx, dWh, dbh)) = blocks[place], d_blocks[place]
                inputs, y, gates = state[place]
                dy = xp.ascontiguousarray(dY[:, direction * nO : (direction + 1) * nO], dtype)
                da, du = xp.empty((N, GATES * nO), dtype), xp.empty((N, GATES * nO), dtype)
                h = xp.empty((N, nO), dtype)
                # From the steps after. Sequences that are not in those steps have zeros here.
                dh = xp.zeros((steps[0].stop if steps else 0, nO), dtype)
                order = steps if direction == 0 else steps[::-1]
                for k in reversed(range(len(order))):
                    step = order[k]
                    rows = dh[: step.stop - step.start]
                    h[step] = state_before(y, order[k - 1] if k else None, step, zeros)
                    self._backprop_gru_step(dy[step], gates[step], h[step], rows, da[step], du[step])
                    if k:
                        self._add_gemm(rows, du[step], Wh)
                self.gemm(da, inputs, trans1=True, out=dWx)
                self.gemm(du, h, trans1=True, out=dWh)
                dbx[...], dbh[...] = self._sum_columns(da), self._sum_columns(du)
                if layer or wants_dX:
                    if d_inputs is None:
                        d_inputs = self.gemm(da, Wx)
                    else:
                        self._add_gemm(d_inputs, da, Wx)
            dY = d_inputs
        return dY, d_params
