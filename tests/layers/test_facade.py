"""The public names of the layers, their modules and their names in the registry."""

import ast
import importlib
import inspect
import sys
from pathlib import Path

import pytest

import thinc.api
from thinc import layers
from thinc.config import registry
from thinc.model import Model

MODULES = {
    "HardSwish": "hard_swish",
    "HardSwishMobilenet": "hard_swish_mobilenet",
    "ClippedLinear": "clipped_linear",
    "HardSigmoid": "clipped_linear",
    "HardTanh": "clipped_linear",
    "ReluK": "clipped_linear",
    "Softmax_v2": "softmax",
    "SparseLinear_v2": "sparselinear",
    "remap_ids_v2": "remap_ids",
    "PyTorchLSTM": "lstm",
    "PyTorchRNNWrapper": "pytorchwrapper",
    "PyTorchWrapper_v2": "pytorchwrapper",
    "PyTorchWrapper_v3": "pytorchwrapper",
    "TorchScriptWrapper_v1": "torchscriptwrapper",
    "keras_subclass": "tensorflowwrapper",
    "pytorch_to_torchscript_wrapper": "torchscriptwrapper",
}
REGISTERED_AS = {name: name.replace("_v", ".v") for name in layers.__all__ if name.endswith(("_v2", "_v3"))}
CHANGE_LAYERS = {"with_debug", "with_nvtx_range", "with_signpost_interval"}
TORCHSCRIPT = {"TorchScriptWrapper_v1", "pytorch_to_torchscript_wrapper"}
TENSORFLOW = {"TensorFlowWrapper", "keras_subclass"}
NOT_REGISTERED = {"array_getitem", "map_list", *CHANGE_LAYERS, *TORCHSCRIPT, *TENSORFLOW}
FORWARD = {"tuplify": "tuplify_forward", "remap_ids_v2": "forward_v2"}
WITHOUT_FORWARD = {"clone", *CHANGE_LAYERS}
WITHOUT_INIT = {
    *("PyTorchRNNWrapper", "PyTorchWrapper", "PyTorchWrapper_v2", "PyTorchWrapper_v3", *TORCHSCRIPT),
    *("JAXWrapper", "MXNetWrapper", *TENSORFLOW),
    *("Dropout", "array_getitem", "expand_window", "noop", "clone", *CHANGE_LAYERS),
    *("Logistic", "sigmoid_activation", "softmax_activation"),
    *("premap_ids", "remap_ids", "remap_ids_v2", "strings2arrays"),
    *("list2array", "list2ragged", "list2padded", "ragged2list", "padded2list"),
    *("reduce_first", "reduce_last", "reduce_max", "reduce_mean", "reduce_sum"),
}


def test_the_facade_defines_nothing_and_exports_everything():
    tree = ast.parse(Path(layers.__file__).read_text(encoding="utf8"))
    names = []
    for node in tree.body:
        assert isinstance(node, (ast.ImportFrom, ast.Assign, ast.Expr))
        if isinstance(node, ast.ImportFrom):
            names += [alias.name for alias in node.names]
    assert len(layers.__all__) == len(set(layers.__all__))
    assert set(names) == set(layers.__all__)
    for name in layers.__all__:
        assert getattr(thinc.api, name) is getattr(layers, name)


@pytest.mark.parametrize("name", layers.__all__)
def test_each_layer_has_its_module(name):
    path = f"thinc.layers.{MODULES.get(name, name.lower())}"
    module = importlib.import_module(path)
    assert module is sys.modules[path]
    constructor = getattr(module, name)
    assert getattr(layers, name) is constructor
    assert inspect.isfunction(constructor) and constructor.__module__ == path
    assert inspect.getdoc(constructor)
    if name not in WITHOUT_FORWARD:
        forward = getattr(module, FORWARD.get(name, "forward"))
        assert list(inspect.signature(forward).parameters)[-1] == "is_train"
    assert hasattr(module, "init") == (name not in WITHOUT_INIT)


@pytest.mark.parametrize("name", [name for name in layers.__all__ if name not in NOT_REGISTERED])
def test_each_layer_is_registered(name):
    found = registry.layers.get(REGISTERED_AS.get(name, f"{name}.v1"))
    if name == "chain":
        assert found is importlib.import_module("thinc.layers.chain").chain_no_types
    else:
        assert found is getattr(layers, name)


def test_layers_in_a_configuration():
    linear = {"@layers": "Linear.v1", "nO": 3, "nI": 3}
    for name in ("chain", "add", "concatenate", "noop"):
        config = {"model": {"@layers": f"{name}.v1", "*": {"a": linear, "b": linear, "c": linear}}}
        model = registry.resolve(config)["model"]
        assert isinstance(model, Model) and len(model.layers) == 3
    config = {
        "model": {
            "@layers": "Maxout.v1",
            "nO": 3,
            "dropout": 0.1,
            "init_W": {"@initializers": "he_normal_init.v1"},
        }
    }
    assert registry.resolve(config)["model"].name == "maxout>>dropout"
    with pytest.raises(ValueError):
        registry.resolve({"model": {"@layers": "Linear.v1", "nO": "wide"}})
    with pytest.raises(ValueError):
        registry.resolve({"model": {"@layers": "chain.v1", "layer1": linear, "layer2": linear}})
