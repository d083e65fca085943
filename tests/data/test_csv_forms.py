"""CSV files as people have them: names of columns, delimiters, encodings, paths and labels."""

import codecs

import pytest
from sample_images import warnings_of
from tables import RIGHT, rows, understood, write_images

from keras_effconv.data import from_csv, scan
from keras_effconv.data.sources.csv_columns import NAMES, is_header
from keras_effconv.data.sources.table import decoded, delimiter_of


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path)


@pytest.mark.parametrize(
    "header",
    [
        "path,label",
        "Path,Label",
        " Image Path , CLASS ",
        "filename,category",
        "image_id,label",
        "image,target",
        "file,class_name",
        "filepaths,labels",
        "img_name,species",
        "url,breed",
        "x,y",
        "who,knows",
    ],
)
def test_names_of_columns(images, header):
    assert understood(images, [header, *rows()]) == RIGHT


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("id,path,label,width", "7,images/{id}.png,{label},4"),
        ("class id,filepaths,labels,data set,scientific name", "0,images/{id}.png,{label},train,Felis"),
        ("label;path", "{label};images/{id}.png"),
        ("path\tlabel", "images/{id}.png\t{label}"),
        ("path|label", "images/{id}.png|{label}"),
        ('"path","label"', '"images/{id}.png","{label}"'),
        (None, "images/{id}.png,{label}"),
        (None, "images/{id}.png;{label}"),
        (None, "images/{id}.png {label}"),
        (None, "{label}\timages/{id}.png"),
        (None, "{id},{label}"),
        ("image_id,label", "{id},{label}"),
        ("image_id,label", "{id}.png,{label}"),
        ("path,label", r"images\{id}.png,{label}"),
        ("path,label", r".\images\{id}.png,{label}"),
        ("path,label", "/kaggle/input/images/{id}.png,{label}"),
        ("path,label", r"C:\Users\me\images\{id}.png,{label}"),
        ("path,label", "./images/../images/{id}.png,{label}"),
        ("sep=;\npath;label", "images/{id}.png;{label}"),
    ],
)
def test_columns_delimiters_and_paths(images, header, form):
    assert understood(images, ([header] if header else []) + rows(form)) == RIGHT


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "utf-32"])
@pytest.mark.parametrize("name", ["table.csv", "table.tsv"])
def test_encodings(images, encoding, name):
    label = {"cat": "Kätzchen", "dog": "Hündchen"}
    tab = "\t" if name.endswith("tsv") else ","
    lines = [f"path{tab}label", *rows(f"images/{{id}}.png{tab}{{label}}", lambda n: label[n.partition("/")[0]])]
    assert understood(images, lines, name, encoding) == {file: label[name] for file, name in RIGHT.items()}


def test_text_lists_without_a_header(images):
    assert understood(images, rows("images/{id}.png {label}"), "train.txt") == RIGHT


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " "])
def test_a_class_with_the_name_of_a_column_is_no_header(images, delimiter):
    """Without a header, the first row of such a class was lost."""
    for word in (*NAMES["path"], *NAMES["label"], *NAMES["split"]):
        right = {file: name.replace("cat", word) for file, name in RIGHT.items()}
        lines = rows(f"images/{{id}}.png{delimiter}{{label}}", lambda name: name[:3].replace("cat", word))  # noqa: B023
        assert understood(images, lines) == right, word


def test_a_home_folder_and_quoted_commas(images, monkeypatch):
    monkeypatch.setenv("HOME", str(images))
    (images / "images").rename(images / "images, all")
    assert understood(images, ["path,label", *rows('"~/images, all/{id}.png",{label}')]) == RIGHT


def test_what_was_understood_is_said(images, capsys):
    understood(images, ["image_id;breed;split;note", *rows("{id};{label};train;x")], encoding="utf-16")
    assert capsys.readouterr().out.splitlines() == [
        f"{images / 'table.csv'}: path 'image_id', label 'breed', split 'split', read as utf-16; "
        "6 images found by name below it",
        "table: found a split: train (2 classes, 6 images); 20% of each class validate",
    ]


def test_columns_that_are_asked_for(images):
    lines = ["a,b,c", *rows("images/{id}.png,{label},{id}")]
    with pytest.raises(
        ValueError, match=r"no label among the columns \['a', 'b', 'c'\]; say which by label_column \(--csv"
    ):
        understood(images, lines)
    assert understood(images, lines, csv_label_column="B") == RIGHT
    assert understood(images, lines, csv_path_column="1", csv_label_column=2) == RIGHT
    assert len(from_csv(images / "table.csv", 4, path_column="a", label_column="b").train) == 4
    with pytest.raises(ValueError, match=r"`label_column` must be a name or a number of the columns .* Received: 'd'"):
        understood(images, lines, csv_label_column="d")


def test_a_split_column_with_a_test(images):
    split = iter(["Training", "train", "validation", "training", "VAL", "holdout"])
    (images / "t.csv").write_text("\n".join(["path,label,set", *(f"{row},{next(split)}" for row in rows())]))
    dataset = from_csv(images / "t.csv", 4)
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [3, 2, 1]
    assert dataset.test.images[0, 0, 0, 0] == 200 and dataset.class_names[dataset.test.labels[0]] == "dog"


def test_train_and_test_rows_only_train_is_divided(images):
    split = iter(["train", "train", "test"] * 2)
    (images / "t.csv").write_text("\n".join(["path,label,Usage", *(f"{row},{next(split)}" for row in rows())]))
    dataset = scan(data_dir=images / "t.csv")
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [2, 2, 2]


@pytest.mark.parametrize(("written", "right"), [("{}.0", "{}"), ("{}", "{}"), ("0{}", "0{}"), ("-{}.0", "-{}")])
def test_labels_that_are_numbers(images, written, right):
    number = {"cat": "1", "dog": "2"}
    lines = ["path,label", *rows(label=lambda name: written.format(number[name[:3]]))]
    assert understood(images, lines) == {file: right.format(number[name]) for file, name in RIGHT.items()}


def test_labels_that_are_missing_numbers(images, caplog):
    labels = iter(["1.0", "nan", "1.0", "2.0", "2.0", "NaN"])
    assert len(understood(images, ["path,label", *rows(label=lambda name: next(labels))])) == 4
    assert any(
        "skipped 2 files or rows: no value for label: table.csv:3, table.csv:7" in line for line in warnings_of(caplog)
    )


MULTI = "Each image must have one label"


@pytest.mark.parametrize("label", ["cat dog", "cat|dog", "cat;dog", '"cat, dog"', "\"['cat', 'dog']\"", "dog  cat"])
def test_several_labels_in_a_cell_are_refused(images, label):
    lines = ["path,label", *rows()]
    lines[2] = f"images/cat2.png,{label}"
    with pytest.raises(ValueError, match=MULTI) as raised:
        understood(images, lines)
    assert "\n" not in str(raised.value) and "table.csv" in str(raised.value)


@pytest.mark.parametrize("joined", ["apple pie", "apple/pie", "apple, pie", "apple|pie", "pie & apple"])
def test_what_is_refused_as_several_labels_has_a_way_out(images, joined):
    """Nothing said how to write a label of which both words are labels, too."""
    names = iter(["apple", "pie", joined, "apple", "pie", joined])
    lines = ["path,label", *rows('images/{id}.png,"{label}"', lambda name: next(names))]
    with pytest.raises(ValueError, match=rf"{MULTI}, unless .*\(if '.*' is one label, write '\w+'\)$") as raised:
        understood(images, lines)
    written = str(raised.value).rpartition("write '")[2].removesuffix("')")
    assert set(understood(images, [line.replace(joined, written) for line in lines]).values()) == {
        "apple",
        "pie",
        written,
    }


def test_names_of_several_words_are_one_label(images):
    names = {"cat": "Blue Jay", "dog": "Cactus Wren, old"}
    lines = ["path,label", *rows('images/{id}.png,"{label}"', lambda name: names[name[:3]])]
    assert set(understood(images, lines).values()) == set(names.values())


def test_one_hot_columns(images):
    hot = {"cat": "1,0", "dog": "0,1"}
    lines = ["image_id,cat,dog", *rows("{id},{label}", lambda name: hot[name[:3]])]
    assert understood(images, lines) == RIGHT
    lines[1] = "cat1,1,1"
    with pytest.raises(ValueError, match=rf"{MULTI}.* 1 rows that have not exactly one 1 in cat, dog"):
        understood(images, lines)


def test_an_image_in_rows_of_several_labels_is_refused(images):
    with pytest.raises(ValueError, match=rf"{MULTI}.* 6 rows with the path of an earlier row, and another label"):
        understood(images, ["path,label", *rows(), *rows(label=lambda name: "pet")])


def test_missing_files_are_one_warning(images, caplog):
    missing = [f"images/no{i}.png,cat" for i in range(40)]
    assert understood(images, ["path,label", *rows(), *missing]) == RIGHT
    [line] = [line for line in warnings_of(caplog) if "No such file" in line]
    assert line.startswith("skipped 40 files or rows: No such file or directory: ") and line.endswith(" and 37 more")
    assert line.count(".png") == 3


def test_addresses_in_rows(images, monkeypatch, tmp_path_factory):
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("home")))
    memory = fsspec.filesystem("memory")
    for name in RIGHT:
        memory.pipe(f"/rows/{name}", (images / "images" / name).read_bytes())
    assert understood(images, ["path,label", *rows("memory://rows/{id}.png,{label}")]) == RIGHT
    assert understood(images, ["path,label", *rows(f"file://{images}/images/{{id}}.png,{{label}}")]) == RIGHT


def test_a_class_name_with_a_line_break_is_refused_before_training(images):
    for label in ('"a\nb"', "a\x07b"):
        with pytest.raises(ValueError, match=r"Class names must be printable text of one line. Received: 'a\\"):
            understood(images, ["path,label", *rows(), f"images/cat1.png,{label}", f"images/cat2.png,{label}"][3:])


def test_a_class_name_may_have_a_path_separator(images):
    lines = ["path,label", *rows(label=lambda name: f"pets/{name[:3]}")]
    assert set(understood(images, lines).values()) == {"pets/cat", "pets/dog"}


def test_a_column_split_without_splits_is_none(images, capsys):
    assert understood(images, ["path,label,set", *rows("images/{id}.png,{label},A")]) == RIGHT
    assert "split '" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("path,label\na;b.png,x;y\n", ","),
        ("path;label\na,b.png;1,5\nc,d.png;2,5\n", ";"),
        ("a.png\tcat and dog\nb.png\tdog\n", "\t"),
        ("a.png 0\nb c.png 1\n", " "),
        ("only\none\n", ","),
        ("a.png;x,y\nb.png;z\n", ";"),
    ],
)
def test_delimiters(text, delimiter):
    assert delimiter_of(text, is_header) == delimiter


def test_marks_of_encodings():
    assert decoded(codecs.BOM_UTF16_BE + "a,b".encode("utf-16-be")) == ("a,b", "utf-16")
    assert decoded(b"path,label\n\x81,x\n")[1] == "latin-1" and decoded(b"") == ("", "utf-8")
