"""The directive `drawing`: a file that the page's own code writes, shown as a picture.

    ```{drawing} rates.svg
    What the picture shows, for those who do not see it.
    ```

With the option ``wide`` it keeps its size on a narrow screen, and is scrolled there.

The Python of such a page is run, block after block, in a folder that is removed afterwards; tests run it, too.
"""

import base64
import contextlib
import html
import os
import re
import tempfile
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TYPES = {".svg": "image/svg+xml", ".png": "image/png"}


class Drawing(SphinxDirective):
    required_arguments = 1
    has_content = True
    option_spec = {"wide": directives.flag}

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        drawn = self.env.temp_data.setdefault("drawings", None)  # of this page
        if drawn is None:
            drawn = self.env.temp_data["drawings"] = run_page(Path(self.env.doc2path(self.env.docname)))
        if name not in drawn:
            raise self.error(f"The code of this page writes no {name}, but {sorted(drawn)}")
        data = base64.b64encode(drawn[name]).decode("ascii")
        text = html.escape(" ".join(self.content))
        source = f"data:{TYPES[Path(name).suffix]};base64,{data}"
        kind = "drawing wide" if "wide" in self.options else "drawing"
        return [nodes.raw("", f'<p class="{kind}"><img alt="{text}" src="{source}"></p>', format="html")]


def run_page(page: Path) -> dict[str, bytes]:
    """The pictures that the code of a page writes, by their names."""
    namespace: dict = {"__name__": "__main__"}
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        os.chdir(folder)
        try:
            for code in BLOCK.findall(page.read_text(encoding="utf8")):
                exec(compile(code, str(page), "exec"), namespace)
        finally:
            os.chdir(before)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.suffix in TYPES}


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("drawing", Drawing)
    return {"parallel_read_safe": False}  # it changes the working folder
