"""One seed for every random generator in use."""

import sys

import numpy

from .. import compat


def fix_random_seed(seed: int = 0) -> None:
    """Seed the random generators of Python, NumPy, PyTorch and CuPy.

    PyTorch and CuPy are seeded if they have been imported: import them first if their draws matter. PyTorch
    is also told to use deterministic convolutions on CUDA devices. Dropout draws its keys from NumPy's
    generator, and so needs no seed of its own.

    Parameters
    ----------
    seed : int
        Any integer, negative or of any size.
    """
    import random

    seed = int(seed)  # Python's generator takes no integers of NumPy
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed % (2**64 - 1))
        if torch.cuda.is_available():
            torch.cuda.manual_seed_all(seed % (2**64 - 1))
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.benchmark = False
    if "cupy" in sys.modules and compat.has_cupy_gpu:
        compat.cupy.random.seed(seed % 2**32)
