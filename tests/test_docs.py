"""The code of the documentation runs, page by page, as a reader would type it, and prints what the page says."""

import importlib
import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import thinc.api
from helpers import page as pages
from helpers.process import run_python
from thinc.api import Config

DOCS = Path(__file__).parent.parent / "docs"
RUNNER = pages.__file__
# A page whose code is in files of its own, in tests/cython_client.
ELSEWHERE = {"cython.md"}
FENCED = re.DOTALL | re.MULTILINE
ALL = sorted(DOCS.rglob("*.md"))
RUNNABLE = [path for path in ALL if path.name not in ELSEWHERE]
WITH_CODE = [
    path for path in RUNNABLE if any(block.language == "python" for block in pages.read_blocks(path))
]
WITH_FRAMEWORKS = [(path, framework) for path in WITH_CODE for framework in pages.frameworks_of(path)]


def page_name(path):
    return path.relative_to(DOCS).with_suffix("").as_posix()


@pytest.mark.parametrize("path", WITH_CODE, ids=page_name)
def test_page_runs(path, tmp_path):
    done = run_python("-W", "error", RUNNER, path, cwd=tmp_path)
    assert not json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("path, framework", WITH_FRAMEWORKS, ids=lambda value: getattr(value, "stem", value))
def test_page_runs_with_framework(path, framework, tmp_path):
    if find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    done = run_python(RUNNER, path, framework, cwd=tmp_path)
    assert not json.loads(done.stdout.splitlines()[-1])


def test_output_is_compared(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(0.5, 'a')\n```\n\n<!-- roughly -->\n```text\n0.51 a\n```\n")
    assert pages.run(page) == []
    for wrong in ("0.7 a", "0.5 b", "0.5"):
        page.write_text(f"```python\nprint(0.5, 'a')\n```\n\n<!-- roughly -->\n```text\n{wrong}\n```\n")
        assert len(pages.run(page)) == 1
    page.write_text("```python\nprint(0.5, 'a')\n```\n\n```text\n0.51 a\n```\n")
    assert len(pages.run(page)) == 1


@pytest.mark.parametrize("path", RUNNABLE, ids=page_name)
def test_config_files_can_be_read(path):
    for block in pages.read_blocks(path):
        if block.language == "ini":
            assert Config().from_str(block.text, interpolate=False)


def described_names():
    """Modules and names that the pages of the API describe."""
    for path in sorted((DOCS / "api").glob("*.md")):
        text = path.read_text(encoding="utf8")
        for module, body in re.findall(r"^```\{documented\} (\S+)\n(.*?)^```$", text, FENCED):
            for line in body.splitlines():
                if not line.startswith(":"):
                    yield from ((module, name) for name in line.split())


def test_every_public_name_is_described_once():
    names = list(described_names())
    assert len(set(names)) == len(names)
    described = {name for module, name in names if module == "thinc.api"}
    assert described == set(thinc.api.__all__) - {"has_cupy"}  # a flag


def test_what_is_described_exists_and_says_what_it_is():
    for module, name in described_names():
        obj = getattr(importlib.import_module(module), name)
        if getattr(obj, "__module__", "").startswith("thinc"):
            assert obj.__doc__, f"{module}.{name} has no docstring"


def anchors(path):
    """The names that links can use for the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf8"), flags=FENCED)
    for heading in re.findall(r"^#{1,3} (.+)$", text, flags=re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("path", ALL, ids=page_name)
def test_links_lead_somewhere(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf8"), flags=FENCED)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http:", "https:")):
            continue
        file, _, anchor = target.partition("#")
        other = (path.parent / file).resolve() if file else path
        assert other.is_file(), f"{path.name} links to {target}"
        assert not anchor or anchor in set(anchors(other)), f"{path.name} links to {target}"


def test_every_page_is_in_a_table_of_contents():
    listed = {DOCS / "index.md"}
    for path in ALL:
        for body in re.findall(r"^```\{toctree\}\n(.*?)^```$", path.read_text(encoding="utf8"), FENCED):
            listed |= {
                path.parent / f"{line}.md" for line in body.splitlines() if line and not line.startswith(":")
            }
    assert listed == set(ALL)


def test_every_extra_is_in_the_installation():
    project = (DOCS.parent / "pyproject.toml").read_text(encoding="utf8")
    (section,) = re.findall(r"^\[project.optional-dependencies\]\n(.*?)^\[", project, flags=FENCED)
    extras = set(re.findall(r"^(\w+) = ", section, flags=re.MULTILINE))
    rows = re.findall(r"^\| (`.*?) \|", (DOCS / "install.md").read_text(encoding="utf8"), flags=re.MULTILINE)
    assert extras == {name for row in rows for name in re.findall(r"`(\w+)`", row)}
