"""Tables as text: aligned in columns, or Markdown. The first row is the head."""

import re
import shutil
import sys
from collections.abc import Iterable, Sequence


def aligned(rows: Iterable[Sequence], right: Sequence[int] = (), rule: bool = False, most: int | None = None) -> str:
    """Write rows in columns of equal width, two spaces apart.

    Args:
        rows: iterable of sequences of one length; what is no str is written as `str` does.
        right: sequence of int, the columns that are aligned on the right, such as numbers. Default: none.
        rule: bool, whether there is a line of dashes under the first row. Default `False`.
        most: int, characters of a line: the widest columns that are aligned on the left are cut to fit, down to 6
            characters. Default: as many as it takes.

    Returns:
        str of lines without spaces at their ends; no line break at the end.

    Example:

    >>> print(aligned([("layer", "params"), ("conv1", "1,728"), ("pool", 0)], right=[1], rule=True))
    layer  params
    -----  ------
    conv1   1,728
    pool        0
    >>> print(aligned([("a long name", "1"), ("short", "2")], right=[1], most=11))
    a long …  1
    short     2
    """
    rows = [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    if most is not None:
        widths = _cut(widths, most, right)
        rows = [tuple(_shortened(cell, width) for cell, width in zip(row, widths)) for row in rows]
    if rule:
        rows.insert(1, tuple("-" * width for width in widths))
    lines = (
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


LEAST = 6  # characters of a column that is cut


def _cut(widths, most, right):
    """Return widths of columns that fit into a line, as far as columns of text can be narrower."""
    widths = list(widths)
    while sum(widths) + 2 * (len(widths) - 1) > most:
        widest = max((i for i in range(len(widths)) if i not in right), key=lambda i: widths[i], default=None)
        if widest is None or widths[widest] <= LEAST:
            break
        widths[widest] -= 1
    return widths


def _shortened(cell, width):
    return cell if len(cell) <= width else cell[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"


def terminal_width(stream=None) -> int | None:
    """Return how many characters a line of the terminal has; `None` where the output goes elsewhere.

    Args:
        stream: file that is written to. Default: `sys.stdout`.
    """
    stream = sys.stdout if stream is None else stream
    return shutil.get_terminal_size().columns if stream is not None and stream.isatty() else None


def markdown(rows: Iterable[Sequence]) -> str:
    """Write rows as a Markdown table.

    Args:
        rows: iterable of sequences of one length; what is no str is written as `str` does.

    Returns:
        str, no line break at the end.

    Example:

    >>> print(markdown([("network", "top-1 %"), ("ResNet50", 76.1)]))
    | network | top-1 % |
    |---|---|
    | ResNet50 | 76.1 |
    """
    head, *rest = rows
    return "\n".join([markdown_row(head), "|---" * len(head) + "|", *map(markdown_row, rest)])


def markdown_row(cells: Sequence) -> str:
    """Write a row of a Markdown table, for tables that are printed as they come.

    Args:
        cells: sequence; what is no str is written as `str` does.

    Example:

    >>> markdown_row(("a | b", 0.5))
    '| a \\\\| b | 0.5 |'
    """
    return f"| {' | '.join(_piped(str(cell)) for cell in cells)} |"


SIGNS = re.compile(r"[\\`*<~$\[]|&(?=#?\w+;)|(?<!\w)_|_(?!\w)")  # what Markdown, or HTML inside of it, begins with


def markdown_text(text: str) -> str:
    """Write a name in Markdown, as one line that is read as the name: names of classes and files may hold anything.

    Example:

    >>> print(markdown_text("<b>*my_cats*</b>\\n"))
    \\<b>\\*my_cats\\*\\</b>
    """
    return SIGNS.sub(r"\\\g<0>", " ".join(text.split()))


def markdown_cell(text: str) -> str:
    """Write a name likewise, for a cell of a table that `markdown_row` does not write.

    Example:

    >>> print(markdown_cell("a | b"))
    a \\| b
    """
    return _piped(markdown_text(text))


def markdown_code(text: str) -> str:
    """Write a text as code in a cell of a table.

    Example:

    >>> print(markdown_code("a|b.keras"), markdown_code("a`b"))
    `a\\|b.keras` `` a`b ``
    """
    text = " ".join(text.split())
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return _piped(f"{ticks} {text} {ticks}" if "`" in text else f"`{text}`")


def _piped(text):
    return text.replace("|", "\\|")
