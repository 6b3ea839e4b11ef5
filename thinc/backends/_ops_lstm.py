"""The LSTM as operations of a backend."""

from typing import Any

from .._util.arrays import get_array_module
from ._lstm import backprop_lstm, lstm_forward_training
from ._ops_arrays import ArrayOps


class LSTMOps(ArrayOps):
    """Long short-term memory; `thinc.backends._lstm` describes the arrays and the mathematics."""

    def lstm_forward_training(
        self, params: Any, H0: Any, C0: Any, X: Any, size_at_t: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """Run an LSTM over packed sequences.

        Parameters
        ----------
        params
            Flat vector of all weights and biases.
        H0, C0
            Initial hidden and cell states ``(depth, dirs, nO)``; nO is the width of one direction.
        X
            Packed inputs ``(N, nI)``.
        size_at_t
            The number of sequences at each step: integers that never grow and sum up to N.

        Returns
        -------
        Y
            ``(N, dirs * nO)``, forward direction first.
        state
            For `backprop_lstm`: the tuple (Y, gates, cell states, X) of all layers.

        Raises
        ------
        ValueError
            If shapes or sizes do not fit together.
        """
        return lstm_forward_training(params, H0, C0, X, size_at_t)

    def lstm_forward_inference(self, params: Any, H0: Any, C0: Any, X: Any, size_at_t: Any) -> Any:
        """The output of `lstm_forward_training` alone."""
        Y, _ = lstm_forward_training(params, H0, C0, X, size_at_t)
        return Y

    def backprop_lstm(self, dY: Any, lengths: Any, params: Any, fwd_state: Any) -> tuple[Any, Any]:
        """Gradients of an LSTM.

        Parameters
        ----------
        dY
            Gradient of the output ``(N, dirs * nO)``.
        lengths
            The `size_at_t` of the forward pass.
        params
            The parameters of the forward pass.
        fwd_state
            The state that the forward pass returned.

        Returns
        -------
        dX
            ``(N, nI)``
        d_params
            Flat, like `params`.
        """
        return backprop_lstm(dY, lengths, params, fwd_state)

    def _backprop_lstm(
        self, dY: Any, lengths: Any, params: Any, fwd_state: Any, wants_dX: bool
    ) -> tuple[Any, Any]:
        """`backprop_lstm`; without `wants_dX`, the gradient of X is None and not computed."""
        return backprop_lstm(dY, lengths, params, fwd_state, wants_dX)

    def _pack_steps(self, data: Any, size_at_t: Any) -> Any:
        """The first `size_at_t[t]` rows of each step of data ``(steps, B, width)``, one after the other."""
        return data[_rows_of_steps(data.shape[:2], size_at_t)]

    def _unpack_steps(self, X: Any, size_at_t: Any, batch: int) -> Any:
        """The inverse of `_pack_steps`: ``(steps, batch, width)`` with zeros behind the rows of each step."""
        shape = (len(size_at_t), batch)
        data = self.alloc((*shape, X.shape[1]), dtype=X.dtype)
        data[_rows_of_steps(shape, size_at_t)] = X
        return data


def _rows_of_steps(shape: tuple[int, int], size_at_t: Any) -> Any:
    """A mask ``(steps, B)``. ValueError unless there is a size for each step."""
    sizes = get_array_module(size_at_t).asarray(size_at_t)
    if sizes.shape != shape[:1] or ((sizes < 0) | (sizes > shape[1])).any():
        raise ValueError(
            f"recurrent layer: size_at_t must have a number from 0 to {shape[1]} for each of {shape[0]} steps, "
            f"but got {sizes.tolist()}."
        )
    return get_array_module(sizes).arange(shape[1]) < sizes[:, None]
