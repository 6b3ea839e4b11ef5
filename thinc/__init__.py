"""thinc: functional deep learning with compiled kernels."""

import os
from typing import TYPE_CHECKING, Any

from .about import __version__
from .config import registry
from .kernels._threads import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from ._profile import Profile
    from .model import Model

__all__ = ["registry", "get_num_threads", "set_num_threads", "__version__"]


def get_include() -> str:
    """The folder for compilers of other packages: our interface for Cython, and the C++ kernels.

    Returns
    -------
    str
        A folder that holds the public ``thinc/**/*.pxd`` and ``thinc/**/*.hh``, for ``include_dirs`` of an extension
        and ``include_path`` of ``cythonize``. See docs/cython.md.
    """
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "include")


def info() -> dict[str, Any]:
    """What this installation runs on: instruction set, BLAS kernels, threads.

    Returns
    -------
    dict
        Names to plain values, fit for a bug report.
    """
    from ._info import info as collect

    return collect()


def profile(
    model: "Model[Any, Any]", X: Any, Y: Any = None, *, repeats: int = 10, input_gradient: bool = True
) -> "Profile":
    """Measure which nodes of a model take its time, forward and backward.

    Parameters
    ----------
    model : Model
        It is not changed, nor are its gradients: a copy is run. It need not be initialized.
    X
        A batch of input, as ``Model.begin_update`` takes it. Shares depend on its size.
    Y : optional
        A sample of the output, from which ``Model.initialize`` infers sizes that are not known yet.
    repeats : int
        How many passes to measure, after one that is not. What is reported is the pass of median time.
    input_gradient : bool
        Whether to compute the gradient of X, as in ``Model.begin_update``.

    Returns
    -------
    Profile
        A row for each node; prints as text, and is a table in a notebook.

    Raises
    ------
    ValueError
        If `repeats` is not at least 1.
    Exception
        Whatever the layers raise that refuse X.

    Notes
    -----
    The gradient that goes back is the output of the model: how long that takes does not depend on the numbers. The
    random generators are set back to where they were. Measuring adds about a microsecond per node. A layer whose
    functions keep other nodes to themselves, not in ``layers``, has their time as its own.

    Examples
    --------
    >>> print(thinc.profile(model, X))
    """
    from ._profile import measure

    return measure(model, X, Y, repeats=repeats, input_gradient=input_gradient)
