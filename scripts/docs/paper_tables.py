"""Print each table of the papers beside what the package counts, and write them to docs/tables.md.

python scripts/docs/paper_tables.py
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags
from paper_rows import ROWS

FLAGS = flags.FLAGS
flags.DEFINE_string("only", "", "Count the rows whose id contains this, and write nothing.")

HEAD = """# The papers' tables

What is printed, and what this package counts under the paper's own convention (`keras_effconv.count(model).under(...)`;
the functions of `keras_effconv.counting.CONVENTIONS` say what each counts). MACs are the multiply-accumulates of the
runnable model, nothing else. "no" marks a number that does not print as in the paper, with the reason.
Written by `python scripts/docs/paper_tables.py`.
"""
UNITS = {"M": 1e6, "G": 1e9, "B": 1e9}


def build(row):
    """The row's model, with random weights."""
    import keras

    import keras_effconv as ke

    if row.model == "keras.DenseNet264":  # Keras has the builder, but publishes its three smaller networks only
        from keras.src.applications.densenet import DenseNet

        return DenseNet([6, 12, 64, 48], weights=None)
    if row.model.startswith("keras."):
        return getattr(keras.applications, row.model.removeprefix("keras."))(weights=None)
    return ke.applications.get(row.model)(weights=None, **row.options)


def under(row, counts):
    """The row's parameters and FLOPs in its paper's convention."""
    from keras_effconv.counting.papers import hetconv

    if row.convention == "hetconv filters":
        return hetconv(counts, parts=lambda layer: layer.filters)
    return counts.under(row.convention)


def as_printed(value, printed):
    """A number in the unit and with the decimals of the printed one.

    >>> as_printed(8449828, "8.45M"), as_printed(385814752, "0.39B")
    ('8.45M', '0.39B')
    """
    decimals = len(printed[:-1].partition(".")[2])
    return f"{value / UNITS[printed[-1]]:.{decimals}f}{printed[-1]}"


def cells(row):
    """The cells of a row of the table."""
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


def main(argv):
    cli.flags_only(argv)
    from tqdm import tqdm

    names = ("row", "params printed", "ours", "FLOPs printed", "ours", "MACs", "trainable", "same", "note")
    lines, table = [HEAD], None
    for row in tqdm([row for row in ROWS if FLAGS.only in row.id], desc="models"):
        if row.table != table:
            table = row.table
            lines += [f"\n## {table}\n", "| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
        lines.append("| " + " | ".join(cells(row)) + " |")
    text = "\n".join(lines) + "\n"
    print(text)
    if not FLAGS.only:
        Path(__file__).parents[2].joinpath("docs", "tables.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    cli.run(main)
