"""A text file of rows and columns, whatever its encoding and its delimiter."""

import codecs
import csv
import dataclasses
import io
import itertools

from keras_effconv.utils.files import open_file

MAX_COLUMNS = 50_000  # a label a column is the widest that there is
SAMPLE = 100  # rows that the delimiter is told from
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
SPACES = " "  # path, then the label after the last space, as in the lists of ImageNet and Caffe
MARKS = (  # the longer first: UTF-16's mark begins that of UTF-32
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclasses.dataclass
class Table:
    """The rows of a file.

    Args:
        rows: list of (line number, cells), without empty rows; perhaps the first is a header.
        delimiter: str, a key of `DELIMITERS`, or `SPACES`.
        encoding: str.
    """

    rows: list
    delimiter: str
    encoding: str


def read_table(path, is_header):
    """Read a table.

    Args:
        path: path of the file.
        is_header: function from cells to bool, whether they name the columns that are looked for.

    Returns:
        `Table`.

    Raises:
        ValueError, csv.Error: it is no table.
    """
    with open_file(path) as file:
        text, encoding = decoded(file.read())
    first, _, rest = text.partition("\n")
    marked = first.strip().lower()
    if marked.startswith("sep=") and len(marked) == 5:  # a spreadsheet says so
        rows = [(line + 1, cells) for line, cells in _rows(rest, first.strip()[4])]
        return Table(rows, first.strip()[4], encoding)
    delimiter = delimiter_of(text, is_header)
    return Table(list(_rows(text, delimiter)), delimiter, encoding)


def decoded(data):
    r"""Return (text, encoding) of the bytes of a file: by its mark, else UTF-16, UTF-8, or Windows' Western one.

    Example:

    >>> decoded("grün".encode("utf-16")), decoded("grün".encode("latin-1"))
    (('grün', 'utf-16'), ('grün', 'cp1252'))
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding), encoding
    head = data[:4096]
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if len(head) > 3 and zeros.count(0) > 0.6 * len(zeros) and head.count(0) < 0.7 * len(head):
            return data.decode(encoding), encoding
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1"), "latin-1"


def delimiter_of(text, is_header):
    """Return what separates the cells: what gives the columns that are looked for, then rows of one width.

    `csv.Sniffer` counts letters as well as delimiters, and takes a letter of the paths for one.
    """
    best = ((False, 0.0), ",")
    for delimiter in DELIMITERS:
        try:
            rows = [cells for _, cells in itertools.islice(_rows(text, delimiter), SAMPLE)]
        except csv.Error:
            continue
        if rows and len(rows[0]) > 1:
            even = sum(len(cells) == len(rows[0]) for cells in rows) / len(rows)
            best = max(best, ((is_header(rows[0]), even), delimiter), key=lambda scored: scored[0])
    if best[0][1]:
        return best[1]
    lines = [line for line in text.splitlines()[:SAMPLE] if line.strip()]
    return SPACES if lines and all(len(line.split()) > 1 for line in lines) else ","


def _rows(text, delimiter):
    """Yield (line number, cells without spaces around them) of the rows that are not empty."""
    if delimiter == SPACES:
        rows = ((i, line.rsplit(None, 1)) for i, line in enumerate(text.splitlines(), 1))
    else:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
        rows = ((reader.line_num, cells) for cells in reader)
    for line, cells in rows:
        if len(cells) > MAX_COLUMNS:
            raise ValueError(f"{len(cells):,} columns in line {line}")
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield line, cells
