"""What is wrong with a data set is said before training: leaks, duplicates, classes, names."""

import os
import shutil
import unicodedata

import pytest
from PIL import Image
from sample_images import fill, save, warnings_of

from keras_effconv.data import from_directory, scan
from keras_effconv.data.sources import checks


def split_folder(root, **counts):
    """A folder of splits with classes a and b."""
    for part, count in counts.items():
        for name in "ab":
            fill(root / part / name, count)
    return root


def copy(root, source, target):
    (root / target).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(root / source, root / target)


def about(caplog, words):
    """The one warning that contains some words."""
    [line] = [line for line in warnings_of(caplog) if words in line]
    return line


def test_nothing_to_say(tmp_path, caplog):
    scan(data_dir=split_folder(tmp_path, train=4, val=2, test=2))
    assert not warnings_of(caplog)


@pytest.mark.parametrize(
    "load", [lambda path, **rest: scan(data_dir=path, **rest), lambda p, **r: from_directory(p, 4, **r)]
)
def test_the_same_files_in_two_splits(tmp_path, caplog, load):
    """A leak is one warning with its count, and an error with `strict`."""
    split_folder(tmp_path, train=4, val=2, test=2)
    copy(tmp_path, "train/a/00.png", "val/a/other name.png")
    copy(tmp_path, "train/a/00.png", "val/a/third name.png")
    copy(tmp_path, "train/b/01.png", "test/b/leak.png")
    load(tmp_path)
    assert "in train and in validation, the same 2 images: " in about(caplog, "in validation")
    assert about(caplog, "in test, the same").endswith("test/b/leak.png = " + str(tmp_path / "train/b/01.png"))
    with pytest.raises(
        ValueError, match=r"With `strict=True` splits must have no image in common. Received: in train and"
    ):
        load(tmp_path, strict=True)


def test_duplicates_in_a_folder_without_a_split(tmp_path, caplog):
    """Duplicates may land on both sides: no error even with `strict`, since the user did not choose the sides."""
    for name in "ab":
        fill(tmp_path / name, 3)
    for i in range(8):
        copy(tmp_path, "a/00.png", f"a/copy{i}.png")
    copy(tmp_path, "a/01.png", "b/in two classes.png")
    scan(data_dir=tmp_path, strict=True)
    said = " ".join(warnings_of(caplog))
    assert "in train and in validation, the same" in said and "twice in a split, " in said
    assert "in two classes, 1 image: " in said


def test_classes_that_cannot_be_measured(tmp_path, caplog):
    split_folder(tmp_path, train=4, val=2)
    for name in "cde":
        fill(tmp_path / "train" / name, 1)
    (tmp_path / "train" / "empty").mkdir()
    scan(data_dir=tmp_path)
    assert about(caplog, "no validation image").endswith("no validation image in 3 classes: c, d, e")
    assert about(caplog, "a single training image").endswith("in 3 classes: c, d, e")
    assert about(caplog, "without a readable").endswith("left out 1 class without a readable training image: empty")


@pytest.mark.parametrize("part", ["val", "test"])
def test_a_split_of_one_class(tmp_path, caplog, part):
    split_folder(tmp_path, **{"train": 4, "val": 2, "test": 2})
    shutil.rmtree(tmp_path / part / "b")
    scan(data_dir=tmp_path)
    full = {"val": "validation"}.get(part, part)
    assert about(caplog, "of one class only").endswith(f"{full} has images of one class only: a")


def test_one_class_to_train_is_an_error_before_images_are_read(tmp_path, monkeypatch):
    split_folder(tmp_path, train=2)
    shutil.rmtree(tmp_path / "train" / "b")
    monkeypatch.setattr("keras_effconv.data.sources.file_list.read_into", None)
    with pytest.raises(ValueError, match="at least 2 class folders"):
        from_directory(tmp_path, 4)


def test_only_files_of_one_size_are_opened(tmp_path, monkeypatch):
    for i in range(5):
        (tmp_path / f"{i}").write_bytes(b"x" * (i + 1))
    for i in (5, 6):
        (tmp_path / f"{i}").write_bytes(b"yes")
    (tmp_path / "7").write_bytes(b"")
    (tmp_path / "8").write_bytes(b"")
    opened = []
    monkeypatch.setattr(checks, "_end", lambda path: opened.append(path) or path.read_bytes())
    paths = [tmp_path / f"{i}" for i in range(9)] + [tmp_path / "missing"]
    assert checks.same_content(paths) == [[tmp_path / "5", tmp_path / "6"]]
    assert opened == [tmp_path / "2", tmp_path / "5", tmp_path / "6"]


def test_large_sets_are_not_searched(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(checks, "LIMIT", 3)
    monkeypatch.setattr(checks, "same_content", None)
    scan(data_dir=split_folder(tmp_path, train=2, val=2))
    assert "not searched for duplicates, of more than 3 images" in capsys.readouterr().out


# --- names ------------------------------------------------------------------------------------------------------------


def test_composed_and_decomposed_names_are_one_class(tmp_path, caplog):
    """NFC and NFD: macOS unpacks names decomposed."""
    for part, form in (("train", "NFC"), ("val", "NFD")):
        for name in ("Käse", "Brötchen"):
            fill(tmp_path / part / unicodedata.normalize(form, name), 2)
    dataset = scan(data_dir=tmp_path)
    assert dataset.class_names == ("Brötchen", "Käse") and len(dataset.validation) == 4
    assert all(unicodedata.is_normalized("NFC", name) for name in dataset.class_names) and not warnings_of(caplog)


def test_names_in_another_case_are_one_class_and_said(tmp_path, caplog):
    for part, names in {"train": ("Cat", "dog"), "val": ("cat", "Dog "), "test": ("Cat", "bird")}.items():
        for name in names:
            fill(tmp_path / part / name, 2)
    dataset = scan(data_dir=tmp_path)
    assert dataset.class_names == ("Cat", "dog") and dataset.validation.labels.tolist() == [1, 1, 0, 0]
    assert about(caplog, "taken as of training").endswith(
        "2 class names taken as of training: 'Dog ' as 'dog', 'cat' as 'Cat'"
    )
    assert about(caplog, "unknown in training").endswith("unknown in training: bird") and len(dataset.test) == 2


def test_names_that_differ_by_case_in_one_split(tmp_path, caplog):
    for name in ("Cat", "cat"):
        fill(tmp_path / name, 4)
    if len(os.listdir(tmp_path)) == 1:
        pytest.skip("this file system knows no case")
    assert scan(data_dir=tmp_path).class_names == ("Cat", "cat")
    assert about(caplog, "by case only").endswith("'Cat' and 'cat'")


def test_numbers_are_in_the_order_of_text_as_in_labels_txt_and_said(tmp_path, caplog):
    for name in ("0", "1", "2", "10"):
        fill(tmp_path / name, 4)
    assert scan(data_dir=tmp_path).class_names == ("0", "1", "10", "2")
    assert about(caplog, "are numbers").endswith("their order is that of text: 0, 1, 10, 2")
    caplog.clear()
    shutil.rmtree(tmp_path / "10")
    scan(data_dir=tmp_path)
    assert not warnings_of(caplog)


@pytest.mark.parametrize("name", [b"a\nb", b"a\tb", b"\xff", b"a\x7f", "a\u2028b".encode()])
def test_class_names_that_cannot_be_written_are_refused(tmp_path, name):
    fill(tmp_path / "a", 4)
    fill(tmp_path / "x", 4)
    os.rename(tmp_path / "x", os.path.join(os.fsencode(tmp_path), name))
    with pytest.raises(ValueError, match=r"Class names must be printable text of one line. Received: '.*\\") as raised:
        from_directory(tmp_path, 4)
    assert "\n" not in str(raised.value) and str(raised.value).isascii()


def test_links_in_circles(tmp_path, caplog):
    for name in "ab":
        fill(tmp_path / name, 4)
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    (tmp_path / "top").symlink_to(tmp_path)
    assert scan(data_dir=tmp_path).class_names == ("a", "b")
    assert about(caplog, "left out").endswith("(links to folders: 2)")


def test_images_that_are_links_are_one_content(tmp_path, caplog):
    split_folder(tmp_path, train=4, val=2)
    save(Image.new("RGB", (3, 3)), tmp_path / "train" / "a" / "real.png")
    (tmp_path / "val" / "a" / "link.png").symlink_to(tmp_path / "train" / "a" / "real.png")
    scan(data_dir=tmp_path)
    assert "the same 1 image" in about(caplog, "in validation")
