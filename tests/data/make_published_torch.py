"""Save small models with PyTorch modules with the published package, to be loaded by ours.

How the files in ``published_torch/`` were made::

    python -m venv venv && venv/bin/pip install thinc==8.3.14 torch==2.13.0
    venv/bin/python tests/data/make_published_torch.py

For each entry of `BUILDERS` there is ``NAME.bin``, what ``to_bytes`` gave after a step of training, and ``NAME.npz``,
the prediction for the entry's sample. The tests import `BUILDERS` to build the same layers.
"""

import pathlib
import warnings

import numpy

from thinc import api

FOLDER = pathlib.Path(__file__).parent / "published_torch"


def floats(*shape):
    return numpy.random.default_rng(0).normal(size=shape).astype("f")


def network():
    """With a buffer, BatchNorm's statistics, which is saved with the parameters."""
    import torch

    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))


def mixed_tree():
    return api.chain(api.Relu(3, 3), api.PyTorchWrapper(network()), api.Softmax(2, 2)), floats(5, 3)


def settings():
    model = api.PyTorchWrapper_v3(network())
    model.shims[0].cfg["name"] = "value"
    return model, floats(5, 3)


def sequences():
    return api.PyTorchLSTM(4, 3, bi=True, depth=2), [floats(n, 3) for n in (3, 1, 4)]


def torchscript():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return api.pytorch_to_torchscript_wrapper(api.PyTorchWrapper(network())), floats(5, 3)


BUILDERS = {
    "mixed_tree": mixed_tree,
    "settings": settings,
    "sequences": sequences,
    "torchscript": torchscript,
}


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, build in BUILDERS.items():
        api.fix_random_seed(0)
        model, X = build()
        model.initialize()
        Y, backprop = model.begin_update(X)
        backprop(Y)
        model.finish_update(api.Adam(0.1))
        Y = model.predict(X)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            (FOLDER / f"{name}.bin").write_bytes(model.to_bytes())
        numpy.savez(FOLDER / f"{name}.npz", Y=numpy.concatenate(Y) if isinstance(Y, list) else Y)


if __name__ == "__main__":
    main()
