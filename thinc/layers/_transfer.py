"""What the layers that change the kind of a batch share."""

from typing import Any

from ..model import Model


def expect_list(model: Model[Any, Any], Xs: Any) -> None:
    """Raise a ValueError unless the input is a list or tuple, the items of which are arrays."""
    if not isinstance(Xs, (list, tuple)):
        raise ValueError(
            f"{model.name} expects a list of arrays, but got {type(Xs).__name__}. "
            "Put with_list around it if its input comes in several kinds."
        )
