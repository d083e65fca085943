"""Several labels for an image, as CSV files have them, and how such images are divided."""

import itertools
import json
import unicodedata

import numpy as np
import pytest
from sample_images import warnings_of
from tables import write_images

from keras_effconv import data
from keras_effconv.data.sources.csv_file import list_csv
from keras_effconv.data.sources.csv_labels import clean_labels
from keras_effconv.data.sources.csv_several import divided_labels
from keras_effconv.data.sources.labelling import SeveralLabels
from keras_effconv.data.sources.split import dealt

FILES = ("cat1", "cat2", "cat3", "dog1", "dog2", "dog3")
TRUE = ({"cat"}, {"cat", "dog"}, set(), {"dog"}, {"dog", "big dog"}, {"dog"})
WORDS = {"cat": "cat", "dog": "dog", "big dog": "big dog"}


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path)


def listed(folder, lines, **options):
    """{file: set of its labels} of a table."""
    (folder / "table.csv").write_text("".join(f"{line}\n" for line in lines))
    dataset = data.scan(data_dir=folder / "table.csv", **{"multi_label": True, **options})
    return {
        path.rpartition("/")[2][:-4]: {dataset.class_names[i] for i in np.flatnonzero(label)}
        for split in (dataset.train, dataset.validation, dataset.test)
        if split is not None
        for path, label in zip(split.paths, split.labels)
    }


def cells(form, labels=TRUE):
    return ["path,labels", *(f"images/{name}.png,{form(sorted(label))}" for name, label in zip(FILES, labels))]


FORMS = {
    "bar": lambda names: "|".join(names),
    "semicolon and spaces": lambda names: " ; ".join(names),
    "a label twice, and a bar at the end": lambda names: "|".join([*names, *names[:1], ""]),
    "list of Python": lambda names: f'"{names}"',
    "list of JSON": lambda names: '"' + str(names).replace("'", '""') + '"',
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_in_a_cell(images, form):
    assert listed(images, cells(FORMS[form])) == dict(zip(FILES, TRUE))


NAMES = ("cat", "big dog", "it's", 'an "owl"', "a, b", "' '", "", "Käse", "\U0001f431", "a\\b", "[x]")
WRITERS = {
    "list": str,
    "tuple": lambda names: str(tuple(names)),
    "JSON": json.dumps,
    "NumPy": lambda names: str(np.array(names)),
}


@pytest.mark.parametrize("width", [10, 75])
@pytest.mark.parametrize("writer", WRITERS)
def test_lists_are_the_same_whoever_writes_them(writer, width):
    """NumPy writes no commas: "['cat' 'dog']" was the class "catdog"."""
    lists = [list(names) for count in (0, 1, 2, 3) for names in itertools.permutations(NAMES, count)] + [list(NAMES)]
    with np.printoptions(linewidth=width):
        cells = [WRITERS[writer](names) for names in lists]
    assert any("\n" in cell for cell in cells) == ((writer, width) == ("NumPy", 10))
    assert divided_labels(cells, None) == [tuple(sorted({*names} - {""})) for names in lists]


def test_several_labels_as_numpy_writes_them_are_refused_as_one():
    for cell in ("['cat' 'dog']", "['cat'\n 'dog']"):
        with pytest.raises(ValueError, match="Each image must have one label"):
            clean_labels([cell, "['bird']"], "table.csv")


@pytest.mark.parametrize("labels", [("0", "1"), ("0.0", "1.0"), ("0", "1.0"), ("0.00", "1.")])
@pytest.mark.parametrize("missing", [(), ("",), ("nan",), ("None", "<NA>"), ("", "nan", "")])
def test_numbers_are_written_alike_next_to_empty_cells(labels, missing):
    """Empty cells are where floats come from, and with them "0.0" was a class of its own."""
    cells = [*labels, *missing, *labels]
    expected = ["0", "1", *[""] * len(missing), "0", "1"]
    assert clean_labels(cells, "table.csv") == expected
    assert divided_labels(cells, None) == [(name,) if name else () for name in expected]
    assert divided_labels(["|".join(labels), *missing], "|") == [("0", "1"), *[()] * len(missing)]


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_of_columns_are_composed(images, form, multi_label):
    rows = [f"images/{file}.png,{i % 2},{1 - i % 2}" for i, file in enumerate(FILES)]
    (images / "table.csv").write_text("\n".join([unicodedata.normalize(form, "path,Käse,Möhre"), *rows]))
    assert list_csv(images / "table.csv", multi_label=multi_label).classes == ["Käse", "Möhre"]


def test_a_separator_that_is_asked_for(images):
    lines = cells(lambda names: f'"{"+".join(names)}"')
    assert listed(images, lines, csv_label_separator="+") == dict(zip(FILES, TRUE))


def test_rows_of_one_path_are_joined(images):
    rows = [f"images/{name}.png,{label}" for name, labels in zip(FILES, TRUE) for label in sorted(labels) or [""]]
    assert listed(images, ["path,label", *rows]) == dict(zip(FILES, TRUE))


@pytest.mark.parametrize(("no", "yes"), ["01", ("False", "True")])
def test_columns_of_flags(images, no, yes, capsys):
    names = ("cat", "dog", "big dog")
    rows = [
        f"images/{file}.png,{','.join(yes if name in label else no for name in names)},x"
        for file, label in zip(FILES, TRUE)
    ]
    assert listed(images, [f"path,{','.join(names)},note", *rows]) == dict(zip(FILES, TRUE))
    assert "labels in 3 columns of 0 and 1: cat, dog, big dog (columns not used: note)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("header", "no", "yes", "name"),
    [("path,label", "", "rust", "rust"), ("path,rust", "0", "1", "rust"), ("path,label", "0", "1", "label")],
)
def test_one_class_or_none(images, header, no, yes, name):
    rust = [i % 2 == 0 for i in range(len(FILES))]
    lines = [header, *(f"images/{file}.png,{yes if each else no}" for file, each in zip(FILES, rust))]
    assert listed(images, lines) == {file: {name} if each else set() for file, each in zip(FILES, rust)}


def test_a_stream_a_load_and_a_check_agree(images):
    listed(images, cells(FORMS["bar"]))
    options = {"data_dir": images / "table.csv", "multi_label": True}
    loaded, listing, report = data.load(resize=4, **options), data.scan(**options), data.check(**options)
    assert loaded.multi_label and listing.multi_label
    np.testing.assert_array_equal(loaded.train.labels, listing.train.labels)
    assert sum(split.images for split in report.splits.values()) == 6
    whole = np.concatenate([loaded.train.labels, loaded.validation.labels])
    counts = [sum(split.classes.get(name, 0) for split in report.splits.values()) for name in loaded.class_names]
    np.testing.assert_array_equal(whole.sum(0), counts)
    batch = data.Stream(listing.train, 2, 4)[0]
    np.testing.assert_array_equal(batch[1], listing.train.labels[:2])


def test_a_label_that_training_lacks_is_left_out_with_a_warning(images, caplog):
    splits = ("train", "train", "train", "train", "validation", "validation")
    lines = [f"{line},{split}" for line, split in zip(cells(FORMS["bar"]), ("split", *splits))]
    assert listed(images, lines)["dog2"] == {"dog"}
    assert any("left out 1 class of" in text and "big dog" in text for text in warnings_of(caplog))


def test_a_bad_flag_skips_its_row(images, caplog):
    rows = [f"images/{file}.png,{i % 2},{'-1' if i == 5 else '1' if i < 3 else '0'}" for i, file in enumerate(FILES)]
    (images / "table.csv").write_text("\n".join(["path,cat,dog", *rows]))
    with pytest.raises(ValueError, match="no label among the columns"):  # -1 is no flag, so that `cat` is left alone
        data.scan(data_dir=images / "table.csv")
    head = [f"images/{file}.png,{i % 2},{int(i < 3)}" for i, file in enumerate(FILES)] * 40
    found = listed(images, ["path,cat,dog", *head, "images/dog3.png,1,-1"])
    assert len(found) == 6 and found["cat2"] == {"cat", "dog"}
    assert any("a value other than 0 and 1" in text for text in warnings_of(caplog))


HOSTILE = {
    "with both of '|' and ';'": ["path,labels", "images/cat1.png,cat|dog", "images/dog1.png,cat;dog"],
    r"`label_separator` \(--csv_label_separator\) must say what is between": [
        "path,labels", "images/cat1.png,cat dog", "images/cat2.png,cat", "images/dog1.png,dog",
    ],
    "at least 1 class with readable images": ["path,labels", "images/cat1.png,", "images/dog1.png,"],
    "must be a list of names in quotes": ["path,labels", 'images/cat1.png,"[__import__(1)]"', 'images/dog1.png,"[1]"'],
    "must have a name each": ["path,cat,cat", "images/cat1.png,0,1", "images/dog1.png,1,0"],
    "printable text of one line": ["path,labels", "images/cat1.png,a|b\x1b[2J", "images/dog1.png,a"],
}  # fmt: skip


@pytest.mark.parametrize("message", HOSTILE)
def test_tables_that_cannot_be_meant(images, message):
    with pytest.raises(ValueError, match=message) as raised:
        listed(images, HOSTILE[message])
    assert len(str(raised.value).splitlines()) == 1


def test_the_flag_decides_and_never_the_file(images):
    with pytest.raises(ValueError, match=r"unless `multi_label` \(--multi_label\) is set"):
        listed(images, cells(FORMS["bar"]), multi_label=False)
    with pytest.raises(ValueError, match="`csv_label_separator` must be with `multi_label`"):
        listed(images, cells(FORMS["bar"]), multi_label=False, csv_label_separator="|")
    for source in ({"data_dir": images / "images"}, {"dataset": "digits"}):
        with pytest.raises(ValueError, match="`multi_label` must be with a CSV file"):
            data.load(resize=4, multi_label=True, **source)
    with pytest.raises(ValueError, match=r"which no label of table\.csv has"):
        listed(images, cells(FORMS["bar"]), csv_label_separator="+")


def labels(count=400, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((count, 5)) < [0.5, 0.2, 0.1, 0.02, 0.01]).astype("int32")


def test_each_part_has_its_share_of_each_class():
    known, shares = labels(), (0.7, 0.2, 0.1)
    part = dealt(known, shares, seed=1)
    np.testing.assert_array_equal(part, dealt(known, shares, seed=1))
    assert (part != dealt(known, shares, seed=2)).any()
    counts = np.array([known[part == i].sum(0) for i in range(3)])
    assert (np.abs(counts - np.outer(shares, known.sum(0))) <= 2).all() and (counts[:, known.sum(0) >= 3] > 0).all()
    none = ~known.any(1)
    assert np.abs(np.bincount(part[none], minlength=3) - np.multiply(shares, none.sum())).max() <= 2


def test_a_limit_holds_for_each_class_and_for_none():
    known = [tuple("abcde"[i] for i in np.flatnonzero(row)) for row in labels()]
    kept = SeveralLabels().limited(known, 10, seed=0)
    counts = SeveralLabels().array([known[i] for i in kept], tuple("abcde")).sum(0)
    assert counts.max() == 10 and sum(not known[i] for i in kept) == 10
    assert len(SeveralLabels().limited(known, None, seed=0)) == len(known)


def test_labels_of_a_split_are_checked():
    pixels = np.zeros((2, 4, 4, 3), "uint8")
    with pytest.raises(ValueError, match=r"must be 0 or 1\. Received: values from -1 to 1"):
        data.Split(pixels, np.array([[0, 1], [-1, 0]], "int32"), ("a", "b"))
