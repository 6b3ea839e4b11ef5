"""Pages of the documentation as programs: `python page.py PAGE [FRAMEWORK]` runs one in the current folder.

A comment before a block says what it needs: `<!-- needs torch -->` runs it only when asked for that framework,
`<!-- file: config.cfg -->` writes it to a file. A block of text behind a block of Python is what that prints; after
`<!-- roughly -->` its numbers may be a little different.
"""

import contextlib
import io
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"(?:^<!-- (?P<note>.*?) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass
class Block:
    language: str
    text: str
    note: str
    line: int


def read_blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf8")
    return [
        Block(
            match["language"],
            match["text"],
            match["note"] or "",
            text.count("\n", 0, match.start("text")) + 1,
        )
        for match in BLOCK.finditer(text)
    ]


def frameworks_of(page: Path) -> list[str]:
    needed = {
        block.note.removeprefix("needs ") for block in read_blocks(page) if block.note.startswith("needs ")
    }
    return sorted(needed)


def is_as_expected(expected: Block, printed: str) -> bool:
    """Whether a program printed what the page says."""
    if expected.note != "roughly":
        parts = map(re.escape, expected.text.split("..."))
        return re.fullmatch(".*".join(parts), printed, flags=re.DOTALL) is not None
    pairs = zip(NUMBER.findall(expected.text), NUMBER.findall(printed), strict=False)
    is_close = all(abs(float(a) - float(b)) <= max(0.02, 0.1 * abs(float(a))) for a, b in pairs)
    return NUMBER.sub("#", expected.text) == NUMBER.sub("#", printed) and is_close


def run(page: Path, framework: str = "") -> list[str]:
    """Run a page, block after block, as a reader would; return what is wrong with the output."""
    namespace: dict = {"__name__": "__main__"}
    problems = []
    printed = ""
    for block in read_blocks(page):
        if block.note.startswith("file: "):
            Path(block.note.removeprefix("file: ")).write_text(block.text, encoding="utf8")
        elif block.language == "python":
            printed = ""
            if not block.note.startswith("needs ") or block.note == f"needs {framework}":
                with contextlib.redirect_stdout(io.StringIO()) as output:
                    # Lines are those of the page, in tracebacks too.
                    exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), namespace)
                printed = output.getvalue()
        elif block.language == "text" and printed:
            if not is_as_expected(block, printed):
                problems.append(
                    f"{page.name}, line {block.line}: expected\n{block.text}but printed was\n{printed}"
                )
            printed = ""
    return problems


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), *sys.argv[2:])))
