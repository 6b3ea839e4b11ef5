"""The code of the README runs, block after block, as a reader would type it."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def python_blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_readme_has_code():
    assert len(python_blocks(README.read_text(encoding="utf8"))) >= 8


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_readme_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict = {}
    for block in python_blocks(README.read_text(encoding="utf8")):
        exec(compile(block, "README.md", "exec"), namespace)
    accuracy = float(capsys.readouterr().out.split()[-1])
    assert 0 <= accuracy <= 1
