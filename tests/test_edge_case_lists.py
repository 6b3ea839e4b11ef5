"""Every number of the lists of edge cases has a test that is named after it, but for those below.

The lists are those of the notes on behaviour: ``layers`` (37 numbers), ``model`` (36), ``ops`` (28), ``training``
(34), each named "Edge cases that behave surprisingly", the test ``vectors`` (12 rows) and the statements of the
training ``guide`` (37). A test is named ``test_edge_<list>_<number>_<what>``; it may have several lists and numbers.
"""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
NUMBERS = {"layers": 37, "model": 36, "ops": 28, "training": 34, "vectors": 12}
SEARCH = "a later part of the package: thinc.extra.search"
WITHOUT_TEST = {
    ("model", 3): "a lock that protected nothing: it is left out, and nobody can notice",
    ("ops", 23): SEARCH,
    ("ops", 24): SEARCH,
    ("ops", 25): SEARCH,
    ("ops", 27): "concerns GPUs only, and either behaviour is fine",
    ("vectors", 11): SEARCH,
    ("vectors", 12): SEARCH,
}


def named_tests():
    """The numbers in the names of all tests, and how often each list has them."""
    found = {name: set() for name in NUMBERS}
    for path in TESTS.rglob("test_*.py"):
        for name in re.findall(r"^def test_edge_(\w+)\(", path.read_text(encoding="utf8"), re.MULTILINE):
            pairs = re.findall(r"(layers|model|ops|training|vectors)_(\d+)(?=_)", name)
            assert pairs and name.startswith("_".join(pairs[0])), (
                f"{path.name}: test_edge_{name} names no list"
            )
            for kind, number in pairs:
                assert 1 <= int(number) <= NUMBERS[kind], f"{path.name}: test_edge_{name}"
                found[kind].add(int(number))
    return found


@pytest.mark.parametrize("kind", NUMBERS)
def test_every_number_has_a_test(kind):
    expected = set(range(1, NUMBERS[kind] + 1)) - {number for name, number in WITHOUT_TEST if name == kind}
    assert sorted(expected - named_tests()[kind]) == []


def test_every_statement_of_the_guide_has_a_test():
    text = (TESTS / "test_training_guide.py").read_text(encoding="utf8")
    numbers = [int(number) for number in re.findall(r"^def test_(\d\d)_", text, re.MULTILINE)]
    assert numbers == list(range(1, 38))
