"""The directive `documented`: functions and classes of a module, as a table and then one by one.

    ```{documented} thinc.api
    chain
    concatenate
    ```

With the option ``no-table`` there is no table; with ``no-members`` classes stand without their methods, and without
those under ``exclude-members``.
"""

import importlib
import inspect

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

MEMBERS = [
    "   :members:",
    "   :inherited-members: dict, str, tuple",
    "   :special-members: __call__",
]


class Documented(SphinxDirective):
    required_arguments = 1
    has_content = True
    option_spec = {
        "no-table": directives.flag,
        "no-members": directives.flag,
        "exclude-members": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        module = importlib.import_module(self.arguments[0])
        names = [name for line in self.content for name in line.split()]
        lines = ["```{eval-rst}", f".. currentmodule:: {module.__name__}", ""]
        if "no-table" not in self.options:
            lines += [".. autosummary::", "   :nosignatures:", "", *(f"   {name}" for name in names), ""]
        for name in names:
            lines += self.describe(name, getattr(module, name))
        return self.parse_text_to_nodes("\n".join([*lines, "```"]), allow_section_headings=False)

    def describe(self, name: str, obj: object) -> list[str]:
        if not inspect.isclass(obj):
            if inspect.isfunction(obj):
                _forget_overloads(obj)
            return [f".. {'autofunction' if callable(obj) else 'autodata'}:: {name}", ""]
        if issubclass(obj, BaseException):
            return [f".. autoexception:: {name}", ""]
        members = [] if "no-members" in self.options else MEMBERS
        if "exclude-members" in self.options:
            members = [*members, f"   :exclude-members: {self.options['exclude-members']}"]
        return [f".. autoclass:: {name}", *members, ""]


def _forget_overloads(obj: object) -> None:
    """They are for type checkers, and say less to a reader than the signature itself."""
    analyzer = ModuleAnalyzer.for_module(obj.__module__)
    analyzer.analyze()
    analyzer.overloads.clear()


def _write_as_in_code(
    app: Sphinx,
    what: str,
    name: str,
    obj: object,
    options: object,
    arguments: str | None,
    returned: str | None,
) -> tuple[str | None, ...]:
    """Sphinx writes ``Callable[..., T]`` as ``Callable[[...], T]``."""
    return tuple(
        text and text.replace("Callable[[...], ", "Callable[..., ") for text in (arguments, returned)
    )


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("documented", Documented)
    app.connect("autodoc-process-signature", _write_as_in_code)
    return {"parallel_read_safe": True}
