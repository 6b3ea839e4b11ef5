"""MXNet is retired: its names are there, and say so."""

import numpy
import pytest

import thinc.api
from thinc.config import registry
from thinc.layers import mxnetwrapper
from thinc.shims.mxnet import MXNetShim
from thinc.shims.shim import Shim
from thinc.util import assert_mxnet_installed, has_mxnet, is_mxnet_array, is_mxnet_gpu_array, mx

USES = {
    "MXNetWrapper": lambda: thinc.api.MXNetWrapper(object()),
    "MXNetWrapper.v1": lambda: registry.layers.get("MXNetWrapper.v1")(mxnet_model=None),
    "MXNetShim": lambda: thinc.api.MXNetShim(None, {}, None),
    "MXNetShim.copy": lambda: MXNetShim.__new__(MXNetShim).copy(ctx=None),
    "xp2mxnet": lambda: thinc.api.xp2mxnet(numpy.ones(2), requires_grad=True),
    "mxnet2xp": lambda: thinc.api.mxnet2xp(None, ops=None),
    "forward": lambda: mxnetwrapper.forward(None, None, is_train=False),
    "inputs": lambda: mxnetwrapper.convert_mxnet_default_inputs(None, None, True),
    "outputs": lambda: mxnetwrapper.convert_mxnet_default_outputs(None, None, True),
    "assert_mxnet_installed": assert_mxnet_installed,
}


@pytest.mark.parametrize("name", USES)
def test_using_mxnet_raises_an_import_error(name):
    with pytest.raises(ImportError, match=r"MXNet .* retired .*pip install thinc\[torch\]"):
        USES[name]()


def test_what_can_be_asked_without_mxnet():
    assert issubclass(MXNetShim, Shim)
    assert has_mxnet is False and mx is None
    assert not is_mxnet_array(numpy.ones(2)) and not is_mxnet_gpu_array(None)


def test_edge_training_34_nothing_of_mxnet_is_loaded_from_a_file(tmp_path):
    """The published shim read a temporary file that it had not flushed; there is no such file any more."""
    with pytest.raises(ImportError, match="retired"):
        thinc.api.MXNetShim(None).from_disk(tmp_path / "none")
