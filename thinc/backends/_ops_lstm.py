"""The LSTM as operations of a backend."""

from typing import Any

from ._lstm import backprop_lstm, lstm_forward_training
from ._ops_arrays import ArrayOps


class LSTMOps(ArrayOps):
    """Long short-term memory; `thinc.backends._lstm` describes the arrays and the mathematics."""

    def lstm_forward_training(
        self, params: Any, H0: Any, C0: Any, X: Any, size_at_t: Any
    ) -> tuple[Any, tuple]:
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
