"""Packages that only an extra installs: the error says which."""

import pytest

from thinc._util.extras import extra


@pytest.mark.parametrize("module", ["nowhere", "nowhere.below"])
def test_what_is_missing_is_named(module):
    with (
        pytest.raises(
            ImportError, match=r'^This needs it, which is not installed: pip install "thinc\[some\]"$'
        ) as found,
        extra("some", "nowhere", "This needs it"),
    ):
        __import__(module)
    assert found.value.name == "nowhere" and isinstance(found.value.__cause__, ImportError)


@pytest.mark.parametrize("error", [ImportError("x", name="nowhere_else"), ImportError("x"), ValueError("x")])
def test_other_errors_pass(error):
    with pytest.raises(type(error), match=r"^x$") as found, extra("some", "nowhere", "This needs it"):
        raise error
    assert found.value is error
