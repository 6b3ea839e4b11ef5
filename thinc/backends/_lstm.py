"""The LSTM (Hochreiter and Schmidhuber 1997) over packed sequences, in plain array code.

Rows are packed by time: step t owns the next ``size_at_t[t]`` rows of X ``(N, nI)``, one for each sequence
that is longer than t. Sequences are sorted, longest first, so each has the same place in all its steps.
The second direction walks through the steps backwards; sequences join in at their last step.

    a = X[t] @ Wx.T + bx + H[t-1] @ Wh.T + bh          four gates of nO units: forget, input, output, cell
    f, i, o = sigmoid(a_f), sigmoid(a_i), sigmoid(a_o);  g = tanh(a_g)
    C[t] = f * C[t-1] + i * g;  H[t] = o * tanh(C[t])

The parameters are one vector: for each layer, for each direction, Wx (4*nO, nI), bx (4*nO), Wh (4*nO, nO),
bh (4*nO). A layer above the first reads the outputs of all directions side by side.
"""

from typing import Any

from .._util.arrays import get_array_module
from ._ops_activations import sigmoid
from ._packed_steps import parameter_blocks, side_by_side, split_steps, state_before


class LSTMState(tuple[Any, ...]):
    """What the backward pass needs: the tuple (Y, G, C, X).

    Y and C ``(depth, dirs, N, nO)`` are the hidden and cell states, G ``(depth, dirs, N, 4 * nO)`` the gates
    after their nonlinearity, f, i, o, g of each unit side by side, and X ``(N, nI)`` the input. Attributes
    H0 and C0 ``(depth, dirs, nO)`` hold the initial states.
    """

    H0: Any
    C0: Any

    def __new__(cls, arrays: Any, H0: Any, C0: Any) -> "LSTMState":
        state = super().__new__(cls, arrays)
        state.H0, state.C0 = H0, C0
        return state

    def __getnewargs__(self) -> tuple[Any, Any, Any]:  # copies and pickles
        return tuple(self), self.H0, self.C0


def lstm_forward_training(params: Any, H0: Any, C0: Any, X: Any, size_at_t: Any) -> tuple[Any, LSTMState]:
    """Outputs ``(N, dirs * nO)`` of the last layer, forward direction first, and what backward needs."""
    xp = get_array_module(X)
    depth, dirs, nO = _check_initial_states(H0, C0)
    steps = split_steps(size_at_t, len(X))
    N, nI = X.shape
    dtype = xp.result_type(params, X)
    Y = xp.zeros((depth, dirs, N, nO), dtype)
    C = xp.zeros((depth, dirs, N, nO), dtype)
    G = xp.zeros((depth, dirs, N, nO, 4), dtype)
    inputs = X
    for layer, direction, (Wx, bx, Wh, bh) in parameter_blocks(params, 4, depth, dirs, nO, nI):
        y, c, gates = Y[layer, direction], C[layer, direction], G[layer, direction]
        h0, c0 = H0[layer, direction], C0[layer, direction]
        if direction == 0 and layer > 0:
            inputs = side_by_side(Y[layer - 1])
        from_inputs = inputs @ Wx.T + (bx + bh)
        previous = None
        for step in steps if direction == 0 else reversed(steps):
            h_prev = state_before(y, previous, step, h0)
            c_prev = state_before(c, previous, step, c0)
            a_f, a_i, a_o, a_g = (from_inputs[step] + h_prev @ Wh.T).reshape((-1, 4, nO)).swapaxes(0, 1)
            f, i, o, g = sigmoid(a_f), sigmoid(a_i), sigmoid(a_o), xp.tanh(a_g)
            c[step] = f * c_prev + i * g
            y[step] = o * xp.tanh(c[step])
            gates[step] = xp.stack([f, i, o, g], axis=-1)
            previous = step
    return side_by_side(Y[-1]), LSTMState((Y, G.reshape((depth, dirs, N, 4 * nO)), C, X), H0, C0)


def backprop_lstm(
    dY: Any, size_at_t: Any, params: Any, fwd_state: Any, wants_dX: bool = True
) -> tuple[Any, Any]:
    """Gradients of the input ``(N, nI)``, or None, and of the parameters. A plain tuple has initial states of zero."""
    xp = get_array_module(dY)
    Y, G, C, X = fwd_state
    depth, dirs, N, nO = Y.shape
    zeros = xp.zeros((depth, dirs, nO), Y.dtype)
    H0, C0 = getattr(fwd_state, "H0", zeros), getattr(fwd_state, "C0", zeros)
    if dY.shape != (N, dirs * nO):
        raise ValueError(
            f"backprop_lstm: dY must have shape {(N, dirs * nO)} like the output, got {dY.shape}"
        )
    steps = split_steps(size_at_t, N)
    d_params = xp.zeros_like(params)
    blocks = list(parameter_blocks(params, 4, depth, dirs, nO, X.shape[1]))
    d_blocks = list(parameter_blocks(d_params, 4, depth, dirs, nO, X.shape[1]))
    for layer in reversed(range(depth)):
        inputs = X if layer == 0 else side_by_side(Y[layer - 1])
        d_inputs: Any = xp.zeros_like(inputs) if layer or wants_dX else None
        for direction in range(dirs):
            _, _, (Wx, _, Wh, _) = blocks[layer * dirs + direction]
            _, _, (dWx, dbx, dWh, dbh) = d_blocks[layer * dirs + direction]
            order = steps if direction == 0 else steps[::-1]
            da, h_prev = _backprop_steps(
                xp,
                dY[:, direction * nO : (direction + 1) * nO],
                Wh,
                (Y[layer, direction], G[layer, direction], C[layer, direction]),
                (H0[layer, direction], C0[layer, direction]),
                order,
            )
            dWx[...] = da.T @ inputs
            dWh[...] = da.T @ h_prev
            dbx[...] = dbh[...] = da.sum(axis=0)
            if d_inputs is not None:
                d_inputs += da @ Wx
        dY = d_inputs
    return dY, d_params


def _backprop_steps(
    xp: Any, dY: Any, Wh: Any, states: Any, initial: Any, order: list[slice]
) -> tuple[Any, Any]:
    """Gradients ``(N, 4 * nO)`` of a, and the hidden states ``(N, nO)`` that each row came from."""
    y, gates, c = states
    N, nO = y.shape
    h_prevs = xp.zeros((N, nO), y.dtype)
    da = xp.zeros((N, 4, nO), y.dtype)
    batch = max((step.stop - step.start for step in order), default=0)
    # From the steps after. Sequences that are not in those steps have zeros here.
    dH = xp.zeros((batch, nO), y.dtype)
    dC = xp.zeros((batch, nO), y.dtype)
    for k in reversed(range(len(order))):
        step = order[k]
        before = order[k - 1] if k else None
        rows = slice(0, step.stop - step.start)
        f, i, o, g = xp.moveaxis(gates[step].reshape((-1, nO, 4)), -1, 0)
        c_prev = state_before(c, before, step, initial[1])
        h_prevs[step] = state_before(y, before, step, initial[0])
        tanh_c = xp.tanh(c[step])
        dy = dY[step] + dH[rows]
        dc = dC[rows] + dy * o * (1 - tanh_c * tanh_c)
        da[step, 0] = dc * c_prev * f * (1 - f)
        da[step, 1] = dc * g * i * (1 - i)
        da[step, 2] = dy * tanh_c * o * (1 - o)
        da[step, 3] = dc * i * (1 - g * g)
        dH[rows] = da[step].reshape((-1, 4 * nO)) @ Wh
        dC[rows] = dc * f
    return da.reshape((N, 4 * nO)), h_prevs


def _check_initial_states(H0: Any, C0: Any) -> tuple[int, int, int]:
    if H0.ndim != 3 or H0.shape != C0.shape or H0.shape[0] < 1 or H0.shape[1] not in (1, 2):
        raise ValueError(
            "lstm: H0 and C0 must have the same shape (depth, dirs, nO) with 1 or 2 directions, "
            f"got {H0.shape} and {C0.shape}"
        )
    return H0.shape
