"""What hostile bytes are given to. Each target takes bytes, and fails if anything but a documented error comes of them.

A target returns whether the bytes were loaded. After an error, what they were loaded into is as it was.
"""

import contextlib
import hashlib
import io

import numpy

from thinc.api import Adam, Config, Linear, NumpyOps, Relu, chain, constant, load_checkpoint
from thinc.config import ConfigValidationError


def make_model():
    model = chain(Relu(4, 3), Linear(2, 4)).initialize()
    model.attrs.update({"text": "a", "number": 1, "list": [1, 2], "array": numpy.arange(3)})
    model.set_ref("output", model.layers[1])
    return model


def make_optimizer(model):
    optimizer = Adam(constant(0.01))
    for node in model.walk():
        for name in node.param_names:
            W = node.get_param(name)
            optimizer((node.id, name), W, numpy.ones_like(W))
    return optimizer


def make_batches():
    return NumpyOps().minibatch(3, range(10), shuffle=True)


def sealed(kind, payload):
    """The payload with the right first line and checksum: damage that the checksum does not find."""
    return b"thinc " + kind + b"\n" + hashlib.blake2b(payload, digest_size=32).digest() + payload


class Memory:
    """Stands for the path of a file."""

    def __init__(self, data):
        self.data = data

    def open(self, mode):
        return io.BytesIO(self.data)


MODEL = make_model()
OPTIMIZER = make_optimizer(MODEL)
BATCHES = make_batches()


def load_model(data):
    before = MODEL.to_bytes()
    fits = MODEL.can_from_bytes(data)
    try:
        MODEL.from_bytes(data)
    except (IndexError, KeyError, ValueError):
        assert MODEL.to_bytes() == before, "a model was half loaded"
        assert not fits or not MODEL.can_from_bytes(data, strict=True)
        return False
    MODEL.from_bytes(before)
    return True


def load_optimizer(data):
    before = OPTIMIZER.to_bytes(MODEL)
    try:
        OPTIMIZER.from_bytes(sealed(b"optimizer 1", data), MODEL)
    except ValueError:
        assert OPTIMIZER.to_bytes(MODEL) == before, "an optimizer was half loaded"
        return False
    OPTIMIZER.from_bytes(before, MODEL)
    return True


def load_training(data):
    before = MODEL.to_bytes(), OPTIMIZER.to_bytes(MODEL), str(BATCHES.get_state())
    random = numpy.random.get_state(legacy=False)
    try:
        load_checkpoint(Memory(sealed(b"checkpoint 1", data)), MODEL, OPTIMIZER, batches=BATCHES)
    except ValueError:
        after = MODEL.to_bytes(), OPTIMIZER.to_bytes(MODEL), str(BATCHES.get_state())
        assert after == before, "a training run was half loaded"
        return False
    finally:
        numpy.random.set_state(random)
    MODEL.from_bytes(before[0])
    OPTIMIZER.from_bytes(before[1], MODEL)
    return True


def load_config(data):
    config = Config({"before": {"x": 1}})
    try:
        config.from_bytes(data)
    except ConfigValidationError:
        assert config == {"before": {"x": 1}}, "a config was half loaded"
        return False
    # Not all that can be read can be written, and read again.
    with contextlib.suppress(ConfigValidationError):
        Config().from_str(config.to_str())
    return True


TARGETS = {
    "model": load_model,
    "optimizer": load_optimizer,
    "checkpoint": load_training,
    "config": load_config,
}
