"""Tables as text and as HTML, of trees too."""

from collections.abc import Iterable, Sequence

INDENT = 1.2  # em per level, in HTML


def text_table(rows: Sequence[Sequence[str]], align: str) -> str:
    """Columns two spaces apart; the first row has the headings.

    Parameters
    ----------
    rows : sequence of sequences of str
        The cells.
    align : str
        A sign for each column: ``<`` or ``>``.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(cells, align, widths, strict=True)
        ).rstrip()
        for cells in rows
    )
    return "\n".join(lines)


def html_table(headings: Iterable[str], rows: Iterable[tuple[int, Sequence[str]]], caption: str) -> str:
    """What a notebook shows: rows with the depth to indent their first cell by, and a line below.

    Everything is escaped.
    """
    from html import escape

    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(
        f'<tr><td style="text-align:left;padding-left:{depth * INDENT + 0.5:.1f}em">{escape(first)}</td>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in others)
        + "</tr>"
        for depth, (first, *others) in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{escape(caption)}</p>"
