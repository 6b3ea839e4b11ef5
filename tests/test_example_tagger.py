"""The tagger of Python programs: its gold labels, what it sees of a word, and a short run of the program."""

import ast
import re
import sys
from pathlib import Path

import pytest

from helpers.process import run_python

FOLDER = Path(__file__).parent.parent / "examples" / "tagger"
EPOCH = re.compile(
    r"epoch +(\d+) +([\d.]+)% of the names are right +learns +([\d,]+) words/s +reads +([\d,]+) words/s"
)
PROGRAM = '''
import os.path, sys as s
from a.b import c
@wrap.cache
@plain
class Ä(Base, x.Other, metaclass=Meta):
    """Text
    of two lines"""; y: int = 1
    def run(self, ä, *rest: list[str], **more) -> Out:
        ä = self.go(ä, key=rest[0]).end; print(f"{ä}")  # a comment
        for i in (1,
                  more): del i
'''


@pytest.fixture
def modules(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import data
    import network

    yield data, network
    for name in ("data", "network"):
        monkeypatch.delitem(sys.modules, name)


def tagged(data, text):
    return [
        " ".join(
            word if number == 0 else f"{word}/{data.LABELS[number]}"
            for word, number in zip(*line, strict=True)
        )
        for line in data.label(text, ast.parse(text))
    ]


def test_gold_labels(modules):
    assert tagged(modules[0], PROGRAM) == [
        "import os/MODULE . path/MODULE , sys/MODULE as s",
        "from a . b import c/MODULE",
        "@ wrap/READ . cache/DECORATOR",
        "@ plain/DECORATOR",
        "class Ä/CLASS ( Base/BASE , x/BASE . Other/ATTRIBUTE , metaclass/KEYWORD = Meta/READ ) :",
        '"""Text\n    of two lines""" ; y/WRITTEN : int/TYPE = 1',
        "def run/FUNCTION ( self/PARAMETER , ä/PARAMETER , * rest/PARAMETER : list/TYPE [ str/TYPE ] , "
        "** more/PARAMETER ) -> Out/TYPE :",
        "ä/WRITTEN = self/READ . go/METHOD ( ä/READ , key/KEYWORD = rest/READ [ 0 ] ) . end/ATTRIBUTE ; "
        + ('print/CALLED ( f"{ä}" )' if sys.version_info < (3, 12) else 'print/CALLED ( f" { ä/READ } " )'),
        "for i/WRITTEN in ( 1 , more/READ ) : del i/WRITTEN",
    ]


def test_files_are_split(modules):
    data, _ = modules
    train, dev = data.load(20_000)
    words = sum(len(line.words) for line in train + dev)
    assert words >= 20_000 and len(dev) > 50
    assert all(len(line.words) == len(line.labels) > 0 for line in train + dev)
    labels = {label for line in train for label in line.labels}
    assert len(labels) >= 11


def test_files_that_are_no_programs(modules, tmp_path):
    data, _ = modules
    for content in (b"print 'two'\n", b"\xff\xfe\n", b"# coding: nonsense\n", b"x = '\0'\n"):
        (tmp_path / "old.py").write_bytes(content)
        assert list(data.read(tmp_path / "old.py")) == []


def test_features(modules):
    _, network = modules
    assert network.shape_of("Parse_7") == "Xxxx_d" and network.shape_of('"""') == '"""'
    a, b = network.describe("values"), network.describe("valued")
    assert [x == y for x, y in zip(a, b, strict=True)] == [False, True, False, True]


def test_words_of_other_lines_do_not_matter(modules):
    _, network = modules
    model = network.PythonTagger(8, 2, [50] * 4, nO=3, dropout=0.0).initialize(X=[["a", "b"]])
    alone, together = model.predict([["x", "="]]), model.predict([["def", "f"], ["x", "="], ["y"]])
    assert abs(alone[0] - together[1]).max() < 1e-6


def test_program(tmp_path):
    done = run_python(FOLDER / "train.py", "--words", 20_000, "--epochs", 2, "--out", tmp_path, cwd=tmp_path)
    epochs = EPOCH.findall(done.stdout)
    assert [number for number, *_ in epochs] == ["1", "2"]
    assert float(epochs[-1][1]) > 75
    assert "loaded it again: the same predictions" in done.stdout
    assert (tmp_path / "model.bin").is_file()
    assert "def first/FUNCTION ( values/PARAMETER" in done.stdout
