"""The base class of the shims."""

import copy
import pickle

import pytest

from thinc.shims import Shim
from thinc.shims.shim import Shim as SameShim


class Doubling(Shim):
    def __call__(self, inputs, is_train):
        return inputs * 2, lambda d: (d * 2, is_train)

    def to_bytes(self):
        return str(self.cfg).encode()

    def from_bytes(self, bytes_data):
        self.cfg = {"loaded": bytes_data}
        return self


def test_attributes():
    config = {"a": 1}
    shim = Shim("network", config, "optimizer")
    assert SameShim is Shim
    assert (shim.cfg, shim._model, shim._optimizer) == ({"a": 1}, "network", "optimizer")
    assert shim.cfg is not config
    assert Shim(None).cfg == {}
    assert Shim(None).id == shim.id + 2 == Shim.global_id


def test_running():
    shim = Doubling(None)
    assert shim.predict(3) == 6
    Y, backprop = shim.begin_update(3)
    assert (Y, backprop(1)) == (6, (2, True))


def test_what_a_subclass_must_define():
    shim = Shim(None)
    calls = [
        lambda: shim(1, is_train=False),
        lambda: shim.predict(1),
        lambda: shim.begin_update(1),
        lambda: shim.finish_update(None),
        lambda: shim.to_device("cpu", 0),
        lambda: shim.to_bytes(),
        lambda: shim.from_bytes(b""),
    ]
    for call in calls:
        with pytest.raises(NotImplementedError, match="Shim does not define"):
            call()
    with shim.use_params({"a": 1}) as result:
        assert result is None


def test_edge_model_7_training_14_copy_is_deep_and_has_a_fresh_id():
    shim = Doubling([1])
    copied = shim.copy()
    assert type(copied) is Doubling
    assert copied._model == [1]
    assert copied._model is not shim._model
    assert copied.id > shim.id
    assert copied.id == Shim.global_id


def test_pickle_and_deepcopy_keep_the_id():
    shim = Doubling([1])
    counter = Shim.global_id
    assert copy.deepcopy(shim).id == pickle.loads(pickle.dumps(shim)).id == shim.id
    assert Shim.global_id == counter


def test_disk(tmp_path):
    shim = Doubling(None, {"a": 1})
    shim.to_disk(str(tmp_path / "shim"))
    loaded = Doubling(None)
    assert loaded.from_disk(tmp_path / "shim") is loaded
    assert loaded.cfg == {"loaded": b"{'a': 1}"}
