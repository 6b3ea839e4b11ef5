"""The code of the documentation runs, page by page, as a reader would type it."""

from pathlib import Path

import pytest
from test_readme import python_blocks

DOCS = Path(__file__).parent.parent / "docs"
ELSEWHERE = {"cython"}  # whose package test_cython_client.py builds
PAGES = sorted(
    page
    for page in DOCS.glob("*.md")
    if page.stem not in ELSEWHERE and python_blocks(page.read_text(encoding="utf8"))
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict = {}
    for block in python_blocks(page.read_text(encoding="utf8")):
        exec(compile(block, page.name, "exec"), namespace)
