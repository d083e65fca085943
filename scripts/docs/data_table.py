"""Write the table of data sets in docs/data.md.

python scripts/docs/data_table.py             # --check compares and writes nothing
"""

from sections import write_or_check

from keras_effconv.utils.text_table import markdown

PAGE, NAME = "docs/data.md", "data sets"
HEAD = ("name", "data set", "classes", "train", "evaluate", "EfficientNet, top-1 %", "download by hand", "terms")


def table():
    """Return a row per data set of the catalog."""
    from keras_effconv import data

    return markdown([HEAD, *map(_cells, data.list())]) + "\n"


def _cells(record):
    return (
        ", ".join(f"`{name}`" for name in (record.name, *record.aliases)),
        record.title,
        f"{record.classes:,}",
        f"{record.train_size:,}",
        f"{record.validation_size:,}" if record.validation else "a part",
        ", ".join(f"{network.rpartition('-')[2]} {accuracy}" for network, accuracy in record.published),
        ", ".join(f"`{name}`" for name in record.manual),
        record.terms,
    )


if __name__ == "__main__":
    write_or_check(PAGE, NAME, table)
