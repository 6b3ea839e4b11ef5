"""Models that the published package saved load here, predict the same, and are saved as the same bytes."""

import importlib.util
import pathlib

import numpy
import pytest
from numpy.testing import assert_allclose

DATA = pathlib.Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def published():
    """The script that made the files; it has the same layers."""
    spec = importlib.util.spec_from_file_location("make_published_models", DATA / "make_published_models.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names():
    return sorted(path.stem for path in (DATA / "published").glob("*.bin"))


def test_every_builder_has_a_file(published):
    assert names() == sorted(published.BUILDERS)
    assert len(names()) >= 12


@pytest.mark.parametrize("name", names())
def test_published_model(published, name):
    model, X = published.BUILDERS[name]()
    data = (DATA / "published" / f"{name}.bin").read_bytes()
    assert model.can_from_bytes(data, strict=False)
    model.from_bytes(data)
    assert model.to_bytes() == data
    assert model.can_from_bytes(data)
    Y = published.arrays_of(model.predict(X))
    with numpy.load(DATA / "published" / f"{name}.npz") as expected:
        assert len(Y) == len(expected)
        for array, key in zip(Y, expected, strict=True):
            assert array.dtype == expected[key].dtype
            assert_allclose(array, expected[key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", names())
def test_published_model_loads_after_initialization(published, name):
    model, X = published.BUILDERS[name]()
    model.initialize(X=X)
    data = (DATA / "published" / f"{name}.bin").read_bytes()
    assert model.can_from_bytes(data)
    assert model.from_bytes(data).to_bytes() == data
