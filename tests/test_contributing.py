"""What contributors are told exists: the tree, the commands, and what runs for a pull request."""

import re
from pathlib import Path

import pytest
import srsly

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf8")
TARGETS = set(re.findall(r"^([\w -]+):(?!=)", MAKEFILE, flags=re.MULTILINE))
TARGETS = {name for names in TARGETS for name in names.split()}


def paths_of_the_tree():
    """Entries of the drawing, each under the folder that it is indented below."""
    tree = TEXT.split("```")[1].strip("\n")
    above: list[str] = []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.split(r" {3,}", line.strip())[0].split()
        above[depth:] = [names[0].rstrip("/")]
        for name in names:
            yield "/".join([*above[:depth], name])


def test_the_tree_is_there():
    paths = list(paths_of_the_tree())
    assert len(paths) > 20 and "thinc/kernels/" in paths and "thinc/loss.py" in paths
    for path in paths:
        found = ROOT / path
        assert found.is_dir() if path.endswith("/") else found.is_file(), path


def test_every_folder_of_the_package_is_in_the_tree():
    listed = {path.rstrip("/") for path in paths_of_the_tree()}
    folders = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "thinc").glob("*/__init__.py")}
    assert folders - listed == set()


@pytest.mark.parametrize("file", ["CONTRIBUTING.md", ".ci/run", ".github/workflows/tests.yml"])
def test_commands_exist(file):
    text = (ROOT / file).read_text(encoding="utf8")
    named = set(re.findall(r"(?:^|[$`] ?|name: )make ([\w-]+)", text, flags=re.MULTILINE))
    assert named or file.endswith(".yml")
    assert named <= TARGETS


def test_pull_requests_run_everything():
    jobs = srsly.read_yaml(ROOT / ".github/workflows/tests.yml")["jobs"]
    assert jobs["ci"]["steps"][-1]["run"] == ".ci/run"
    more = jobs["more"]
    assert more["steps"][-1]["run"] == "make ${{ matrix.target }}"
    assert set(more["strategy"]["matrix"]["target"]) == {"docs", "test-ray", "test-tensorflow"} <= TARGETS


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXT):
        assert (ROOT / target).is_file(), target
