"""Write the papers' numbers next to what the package counts, to docs/tables.md.

python scripts/docs/paper_tables.py           # --check compares and writes nothing
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from paper_rows import ROWS
from sections import write_or_check

from keras_effconv.utils.text_table import markdown

PAGE, NAME = "docs/tables.md", "tables"
HEAD = ("row", "params printed", "ours", "FLOPs printed", "ours", "MACs", "trainable", "same", "note")
UNITS = {"M": 1e6, "G": 1e9, "B": 1e9}


def build(row):
    """Return the row's model, with random weights."""
    import keras

    import keras_effconv as ke

    if row.model == "keras.DenseNet264":  # Keras has the builder, but publishes its three smaller networks only
        from keras.src.applications.densenet import DenseNet

        return DenseNet([6, 12, 64, 48], weights=None)
    if row.model.startswith("keras."):
        return getattr(keras.applications, row.model.removeprefix("keras."))(weights=None)
    return ke.applications.get(row.model)(weights=None, **row.options)


def under(row, counts):
    """Return the row's parameters and FLOPs in its paper's convention."""
    from keras_effconv.counting.papers import hetconv

    if row.convention == "hetconv filters":
        return hetconv(counts, parts=lambda layer: layer.filters)
    return counts.under(row.convention)


def as_printed(value, printed):
    """Return a number in the unit and with the decimals of the printed one.

    >>> as_printed(8449828, "8.45M"), as_printed(385814752, "0.39B")
    ('8.45M', '0.39B')
    """
    decimals = len(printed[:-1].partition(".")[2])
    return f"{value / UNITS[printed[-1]]:.{decimals}f}{printed[-1]}"


def cells(row):
    """Return the cells of a row of the table."""
    import keras_effconv as ke

    counts = ke.count(build(row))
    numbers, same = under(row, counts), []
    texts = []
    for value, printed in zip(numbers, (row.params, row.flops)):
        text = as_printed(value, printed) if printed else f"{value:,}"
        same += [text == printed] if printed else []
        texts += [printed or "-", text]
    verdict = "-" if not same else "yes" if all(same) else "no"
    return (row.label, *texts, f"{counts.macs:,}", f"{counts.trainable_params:,}", verdict, row.note)


def text(rows=ROWS):
    """Return a heading and a table for each table of a paper."""
    from tqdm import tqdm

    tables = {}
    for row in tqdm(rows, desc="models"):
        tables.setdefault(row.table, []).append(cells(row))
    return "\n" + "\n".join(f"## {title}\n\n{markdown([HEAD, *lines])}\n" for title, lines in tables.items()) + "\n"


if __name__ == "__main__":
    write_or_check(PAGE, NAME, text)
