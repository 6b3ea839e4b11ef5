"""Models as files of ONNX, run by onnxruntime, against their own predictions."""

import numpy

from thinc.api import Padded, Ragged
from thinc.onnx import save_onnx


def draw_weights(model, X=None, dtype="f"):
    """Initialize a model, and give all its parameters, biases too, values other than 0 and 1."""
    rng = numpy.random.default_rng(1)
    model.initialize(X=X)
    for node in model.walk():
        for name in node.param_names:
            node.set_param(name, rng.normal(size=node.get_param(name).shape).astype(dtype))
    return model


def run_file(path, inputs):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # refused inputs are for the tests to see
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def flat(name, batch, like):
    """A batch as what it is called in a file: rows and lengths. ``like`` is a sample, whose widths empty ones have."""
    if isinstance(batch, tuple):
        return {
            key: value
            for i, (item, one) in enumerate(zip(batch, like, strict=True))
            for key, value in flat(f"{name}_{i}", item, one).items()
        }
    if isinstance(batch, Ragged):
        lengths, rows = batch.lengths, batch.dataXd
        width = like.dataXd.shape[1:]
    elif isinstance(batch, Padded):
        order = numpy.argsort(batch.indices)
        lengths = batch.lengths[order]
        rows = [batch.data[: batch.lengths[i], i] for i in order]
        width = like.data.shape[2:]
    elif isinstance(batch, list):
        lengths, rows = [len(item) for item in batch], batch
        width = like[0].shape[1:]
    else:
        return {name: batch}
    rows = numpy.concatenate(rows) if isinstance(rows, list) and rows else numpy.asarray(rows)
    if not rows.size:
        rows = numpy.zeros((0, *width), (like[0] if isinstance(like, list) else like.data).dtype)
    return {name: rows, f"{name}_lengths": numpy.asarray(lengths, "int64")}


def assert_exported(model, batches, path, rtol=2e-5, atol=2e-5):
    """Write a file from the first batch, and compare what it gives for all of them with what the model predicts.

    Returns the names of the outputs.
    """
    save_onnx(path, model, batches[0])
    like = model.predict(batches[0])
    for batch in batches:
        found = run_file(path, flat("X", batch, batches[0]))
        expected = flat("Y", model.predict(batch), like)
        for name, Y in found.items():
            assert Y.dtype == expected[name].dtype, name
            # Products that nearly cancel are as exact as their largest terms allow.
            scale = max(1.0, abs(expected[name]).max(initial=0))
            if not Y.size:  # a list of no items says nothing about its width
                assert len(Y) == len(expected[name])
                continue
            numpy.testing.assert_allclose(Y, expected[name], rtol=rtol, atol=atol * scale, err_msg=name)
        assert set(expected) - set(found) <= {"Y_lengths", "Y_0_lengths", "Y_1_lengths"}
    return set(found)
