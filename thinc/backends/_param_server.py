"""ParamServer: the parameters and gradients of a model, possibly kept elsewhere."""

from typing import Any

Key = tuple[int, str]


class ParamServer:
    """Store parameters and gradients under the keys ``(model_id, name)``.

    Parameters
    ----------
    params, grads
        What to start with; both dicts are copied, the arrays are not.
    proxy
        An object with `get_param`, `set_param`, `set_grad` and `inc_grad` that holds the parameters, such as
        one that trains them on other machines. Parameters are then fetched from it, and gradients go to it.
    """

    _params: dict[Key, Any]
    _grads: dict[Key, Any]
    proxy: Any

    def __init__(self, params: dict[Key, Any] = {}, grads: dict[Key, Any] = {}, *, proxy: Any = None) -> None:
        self._params = dict(params)
        self._grads = dict(grads)
        self.proxy = proxy

    @property
    def param_keys(self) -> tuple[Key, ...]:
        """The keys of all parameters."""
        return tuple(self._params)

    @property
    def grad_keys(self) -> tuple[Key, ...]:
        """The keys of the parameters that have a gradient."""
        return tuple(key for key in self._params if key in self._grads)

    def has_param(self, model_id: int, name: str) -> bool:
        """Whether there is such a parameter."""
        return (model_id, name) in self._params

    def has_grad(self, model_id: int, name: str) -> bool:
        """Whether there is such a gradient."""
        return (model_id, name) in self._grads

    def get_param(self, model_id: int, name: str) -> Any:
        """The parameter, from the proxy if there is one. KeyError if it is missing."""
        key = (model_id, name)
        if self.proxy is not None:
            self._params[key] = self.proxy.get_param(model_id, name)
        return self._params[key]

    def get_grad(self, model_id: int, name: str) -> Any:
        """The gradient. KeyError if it is missing."""
        return self._grads[(model_id, name)]

    def set_param(self, model_id: int, name: str, value: Any) -> None:
        """Store a parameter, and hand it to the proxy if there is one."""
        if self.proxy is not None:
            self.proxy.set_param(model_id, name, value)
        self._params[(model_id, name)] = value

    def set_grad(self, model_id: int, name: str, value: Any) -> None:
        """Store a gradient, or hand it to the proxy if there is one."""
        if self.proxy is not None:
            self.proxy.set_grad(model_id, name, value)
        else:
            self._grads[(model_id, name)] = value

    def inc_grad(self, model_id: int, name: str, value: Any) -> None:
        """Add to a gradient, or hand the value to the proxy if there is one. The first value is copied."""
        key = (model_id, name)
        if self.proxy is not None:
            self.proxy.inc_grad(model_id, name, value)
        elif key in self._grads:
            self._grads[key] += value
        else:
            # Laid out as the value is, since the next ones will be too: adding what is transposed in memory to
            # what is not costs several times as much. spaCy's parser adds such values once for each step.
            self._grads[key] = value.copy(order="K") if hasattr(value, "strides") else value.copy()
