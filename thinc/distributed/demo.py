"""What `python -m thinc.distributed` trains when it is given no config: three arms of a spiral."""

import numpy

from ..config import registry

CONFIG = """
[distributed]
@distributed = "ThincTrainer.v1"
workers = 0
checkpoint_every = 60
backend = "auto"
max_failures = 3

[training]
epochs = 10
batch_size = 60
seed = 0

[data]
@datasets = "spirals.v1"

[loss]
@losses = "CategoricalCrossentropy.v3"

[optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.01

[model]
@layers = "chain.v1"

[model.*.first]
@layers = "Relu.v1"
nO = 32

[model.*.second]
@layers = "Relu.v1"
nO = 32

[model.*.output]
@layers = "Softmax.v2"
nO = 3
"""


@registry.datasets("spirals.v1")
def make_spirals(n: int = 1200, seed: int = 0):  # type: ignore[no-untyped-def]
    """Points in the plane, each on one of three arms; three quarters of them are to be trained on.

    Returns
    -------
    ((X, Y), (dev_X, dev_Y))
        X of shape ``(n, 2)``, Y the numbers of the arms.
    """
    rng = numpy.random.default_rng(seed)
    arms = rng.integers(3, size=n)
    radius = rng.uniform(0.1, 1, size=n)
    angle = 4 * radius + 2 * numpy.pi / 3 * arms + rng.normal(scale=0.1, size=n)
    points = (radius * [numpy.cos(angle), numpy.sin(angle)]).T.astype("float32")
    split = n * 3 // 4
    return (points[:split], arms[:split]), (points[split:], arms[split:])
