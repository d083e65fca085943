"""Tables as text: aligned in columns, or Markdown. The first row is the head."""

from collections.abc import Iterable, Sequence


def aligned(rows: Iterable[Sequence], right: Sequence[int] = (), rule: bool = False) -> str:
    """Write rows in columns of equal width, two spaces apart.

    Args:
        rows: iterable of sequences of one length; what is no str is written as `str` does.
        right: sequence of int, the columns that are aligned on the right, such as numbers. Default: none.
        rule: bool, whether there is a line of dashes under the first row. Default `False`.

    Returns:
        str of lines without spaces at their ends; no line break at the end.

    Example:

    >>> print(aligned([("layer", "params"), ("conv1", "1,728"), ("pool", 0)], right=[1], rule=True))
    layer  params
    -----  ------
    conv1   1,728
    pool        0
    """
    rows = [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    if rule:
        rows.insert(1, tuple("-" * width for width in widths))
    lines = (
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


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
    escaped = (str(cell).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
