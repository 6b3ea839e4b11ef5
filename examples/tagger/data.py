"""Words of Python programs, and the part that each plays: from the standard library, which is wherever Python is."""

import ast
import io
import keyword
import sysconfig
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

# What a name can be. Everything else, such as keywords, signs and numbers, is the first.
LABELS = [
    "-", "ATTRIBUTE", "BASE", "CALLED", "CLASS", "DECORATOR", "FUNCTION", "KEYWORD", "METHOD", "MODULE", "PARAMETER",
    "READ", "TYPE", "WRITTEN",
]  # fmt: skip
SKIPPED = {"test", "tests", "idlelib", "lib2to3", "site-packages", "__pycache__", "encodings", "pydoc_data"}
LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
Place = tuple[int, int]  # line and byte in the line, as `ast` counts


class Line(NamedTuple):
    """A logical line: a statement, or the head of one."""

    words: list[str]
    labels: list[int]


def load(n_words: int, dev_part: int = 5) -> tuple[list[Line], list[Line]]:
    """Read so many words of the standard library; every fifth file is for development."""
    train: list[Line] = []
    dev: list[Line] = []
    count = 0
    for number, path in enumerate(find_files()):
        lines = list(read(path))
        (dev if number % dev_part == dev_part - 1 else train).extend(lines)
        count += sum(len(line.words) for line in lines)
        if count >= n_words:
            break
    return train, dev


def find_files() -> list[Path]:
    """The modules of the standard library, mixed, but in the same order everywhere."""
    root = Path(sysconfig.get_path("stdlib"))
    paths = [path for path in root.rglob("*.py") if not SKIPPED & set(path.relative_to(root).parts)]
    return sorted(paths, key=lambda path: crc32(path.relative_to(root).as_posix().encode()))


def read(path: Path) -> Iterator[Line]:
    """The logical lines of a file, with a label for each word; none if it is not a program of this Python."""
    try:
        with tokenize.open(path) as file:
            text = file.read()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old programs
            tree = ast.parse(text)
    except (SyntaxError, ValueError):  # no program, or not UTF-8
        return
    yield from label(text, tree)


def label(text: str, tree: ast.AST) -> Iterator[Line]:
    """Split a program into logical lines, and look up which part its tree gives to each name."""
    parts = dict(find_parts(tree))
    rows = text.split("\n")
    words: list[str] = []
    labels: list[int] = []
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NEWLINE:
            yield Line(words, labels)
            words, labels, before = [], [], ""
        elif token.type not in LAYOUT:
            part = "-"
            if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
                row, column = token.start
                place = (row, len(rows[row - 1][:column].encode()))
                part = {"def": "FUNCTION", "class": "CLASS"}.get(before) or parts.get(place, "-")
            words.append(token.string)
            labels.append(LABELS.index(part))
            before = token.string


def find_parts(tree: ast.AST) -> Iterator[tuple[Place, str]]:
    """Where the names of a program are, and what they are; of two answers for one place the later holds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield start(node), "READ" if isinstance(node.ctx, ast.Load) else "WRITTEN"
        elif isinstance(node, ast.Attribute):
            yield end(node), "ATTRIBUTE"
        elif isinstance(node, ast.arg):
            yield start(node), "PARAMETER"
        elif isinstance(node, ast.alias):
            column = node.col_offset
            for name in node.name.split("."):
                yield (node.lineno, column), "MODULE"
                column += len(name.encode()) + 1
        elif isinstance(node, ast.keyword) and node.arg is not None:
            yield start(node), "KEYWORD"
    for node in ast.walk(tree):  # what is known better
        if isinstance(node, ast.Call):
            yield last(node.func), "METHOD" if isinstance(node.func, ast.Attribute) else "CALLED"
        for field, part in (("annotation", "TYPE"), ("returns", "TYPE"), ("type", "TYPE")):
            yield from names_in(getattr(node, field, None), part)
        for base in getattr(node, "bases", ()):
            yield from names_in(base, "BASE")
        for decorator in getattr(node, "decorator_list", ()):
            yield last(decorator.func if isinstance(decorator, ast.Call) else decorator), "DECORATOR"


def names_in(tree: ast.AST | None, part: str) -> Iterator[tuple[Place, str]]:
    if isinstance(tree, ast.AST):
        yield from ((start(node), part) for node in ast.walk(tree) if isinstance(node, ast.Name))


def start(node: Any) -> Place:
    return node.lineno, node.col_offset


def end(node: Any) -> Place:
    """Where the name of an attribute begins, which is the last thing in it."""
    return node.end_lineno, node.end_col_offset - len(node.attr.encode())


def last(node: Any) -> Place:
    return end(node) if isinstance(node, ast.Attribute) else start(node)
