"""spaCy's published wheel and our wheel stand side by side."""

import importlib
import subprocess
import sys
import sysconfig
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
import spacy

import thinc

PUBLISHED_SPACY = "3.8.18"


def compiled_modules():
    """Dotted names of the extensions that spaCy's wheel brings."""
    folder = Path(spacy.__file__).parent
    found = {path for suffix in EXTENSION_SUFFIXES for path in folder.rglob(f"*{suffix}")}
    parts = (path.relative_to(folder.parent).parts for path in found)
    return sorted(".".join((*folders, name.split(".")[0])) for *folders, name in parts)


def test_versions_and_places():
    installed = Path(sysconfig.get_path("platlib")).resolve()
    assert metadata.version("spacy") == spacy.__version__ == PUBLISHED_SPACY
    assert Path(spacy.__file__).resolve().parent.parent == installed
    assert Path(thinc.__file__).resolve().parent.parent == installed
    assert metadata.version("thinc") == thinc.__version__
    assert int(thinc.__version__.split(".")[2]) >= 100, "the published package was installed over ours"


def test_pip_finds_nothing_amiss():
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", compiled_modules())
def test_import(name):
    importlib.import_module(name)


def test_all_compiled_modules_were_found():
    names = compiled_modules()
    assert {"spacy.ml.parser_model", "spacy.pipeline._parser_internals._beam_utils"} <= set(names)
    assert len(names) > 20
