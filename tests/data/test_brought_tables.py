"""Tables as other tools write them: flags of splits, lists of one label, cells that are empty or quoted."""

import pytest
from sample_images import warnings_of
from tables import RIGHT, rows, understood, write_images

from keras_effconv.data import from_csv, scan


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path)


def splits(folder, lines, name="table.csv"):
    """{split: number of images} of a table."""
    (folder / name).write_text("".join(f"{line}\n" for line in lines))
    dataset = scan(data_dir=folder / name)
    parts = {part: getattr(dataset, part) for part in ("train", "validation", "test")}
    return {part: len(split) for part, split in parts.items() if split is not None}


def with_value(values):
    return [f"{row},{value}" for row, value in zip(rows(), values)]


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("is_valid", ("False", "False", "True"), {"train": 4, "validation": 2}),
        ("isTest", ("0", "0", "1"), {"train": 2, "validation": 2, "test": 2}),
        ("is_training_image", ("1", "1", "0"), {"train": 2, "validation": 2, "test": 2}),
    ],
)
def test_columns_that_say_whether_a_row_is_of_a_split(images, capsys, column, values, expected):
    """The `is_valid` of fastai and the birds' `is_training_image` were not used, without a word."""
    assert splits(images, [f"path,label,{column}", *with_value(values * 2)]) == expected
    assert f"split '{column}'" in capsys.readouterr().out


def test_splits_without_a_header_are_told_by_their_values(images):
    """`TRAIN,path,label`, as AutoML wants it."""
    parts = ("TRAIN", "TRAIN", "VALIDATION") * 2
    lines = [f"{part},{row}" for part, row in zip(parts, rows())]
    assert splits(images, lines) == {"train": 4, "validation": 2}
    assert understood(images, lines) == RIGHT


def test_a_split_column_of_other_values_is_said(images, caplog):
    splits(images, ["path,label,split", *with_value("012" * 2)])
    assert warnings_of(caplog) == ["table.csv: the column 'split' is not used, since its values mean no split: 0, 1, 2"]


@pytest.mark.parametrize(
    "form", ["images/{id}.png,['{label}']", "images/{id}.png,{label},", 'images/{id}.png, "{label}"']
)
def test_lists_of_one_label_empty_cells_and_quotes_behind_spaces(images, form):
    assert understood(images, ["path,label", *rows(form)]) == RIGHT


def test_one_hot_columns_of_true_and_false(images):
    lines = [f"images/{name[:-4]}.png,{label == 'cat'},{label == 'dog'}" for name, label in RIGHT.items()]
    assert understood(images, ["id,cat,dog", *lines]) == RIGHT


@pytest.mark.parametrize("joined", ["cat/dog", "cat + dog", "dog&cat"])
def test_other_joints_of_several_labels_are_refused(images, joined):
    with pytest.raises(ValueError, match=r"one label, unless `multi_label` \(--multi_label\) is set"):
        understood(images, ["path,label", *rows()[:-1], f"images/dog3.png,{joined}"])


def test_one_column_cannot_be_both(images):
    with pytest.raises(ValueError, match=r"`label_column` must be another column than that of paths. Received: 'path'"):
        understood(images, ["path,label", *rows()], csv_path_column="path", csv_label_column="1")


def test_an_empty_table_says_what_was_skipped(images):
    with pytest.raises(ValueError, match=r"Received: 0 of 0 classes .*; skipped table.csv:2: more values .*and 5 more"):
        understood(images, ["path,label", *rows("images/{id}.png,{label},x")])


def test_a_guessed_encoding_says_what_to_do(images, capsys):
    understood(images, ["path,label", *rows(label=lambda name: f"é{name[0]}")], encoding="cp1252")
    assert "read as cp1252, since it is no UTF-8: save it as UTF-8" in capsys.readouterr().out


def test_numbers_as_labels_say_why_none_validates(images):
    lines = [f"{row.partition(',')[0]},{i * 1.5}" for i, row in enumerate(rows())]
    (images / "table.csv").write_text("\n".join(["path,score", *lines]))
    with pytest.raises(ValueError, match="where each class has a single image, which trains"):
        from_csv(images / "table.csv", 4)
