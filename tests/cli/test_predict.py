"""`keras-effconv predict` on files, folders, patterns and lists, by models and exports."""

import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest
from commands import check_mistakes, command
from PIL import Image
from served import LABELS, decoded, expected, small

import keras_effconv as ke
from keras_effconv.cli import image_files
from keras_effconv.exporting.format import Format


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model with its labels, and photos in folders: one is no image, one is empty, one is hidden."""
    folder = tmp_path_factory.mktemp("predict")
    small(1).save(folder / "model.keras")
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS), encoding="utf-8")
    rng = np.random.default_rng(0)
    for name in ("b/2.png", "b/10.PNG", "a/1.jpg", "a/.hidden.png", "a/x [1].png"):
        (folder / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), "uint8")).save(folder / "photos" / name)
    (folder / "photos" / "b" / "no.png").write_text("no image")
    (folder / "photos" / "empty.jpg").touch()
    (folder / "photos" / "notes.txt").write_text("no image, and not named as one")
    return folder


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


ALL = ["empty.jpg", "a/1.jpg", "a/x [1].png", "b/10.PNG", "b/2.png", "b/no.png"]


def test_a_folder_as_csv_in_batches(folder, tmp_path):
    out, photos = tmp_path / "out" / "predictions.csv", folder / "photos"
    done = command("predict", photos, f"--model={folder / 'model.keras'}", f"--csv={out}", "--top=2", "--batch_size=2")
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout == f"{out}: 6 files, 2 unreadable\n"
    rows = rows_of(out.read_text(encoding="utf-8"))
    assert list(rows[0]) == ["path", "label_1", "score_1", "label_2", "score_2", "error"]
    assert [os.path.relpath(row["path"], photos) for row in rows] == ALL
    bad = [row for row in rows if row["error"]]
    assert [row["error"] == "empty file" for row in bad] == [True, False]
    assert all(not row["label_1"] and not row["score_2"] for row in bad)
    good = [row for row in rows if not row["error"]]
    files = [Path(row["path"]).read_bytes() for row in good]
    for row, probabilities in zip(good, expected(small(1), decoded(files))):
        order = np.argsort(-probabilities)[:2]
        assert [row["label_1"], row["label_2"]] == [LABELS[i] for i in order]
        np.testing.assert_allclose([float(row["score_1"]), float(row["score_2"])], probabilities[order], atol=1e-5)


def test_a_photo_and_its_mirror_image_are_averaged(folder, tmp_path):
    photo = folder / "photos" / "b" / "2.png"
    model, out = f"--model={folder / 'model.keras'}", tmp_path / "scores.csv"
    done = command("predict", photo, model, f"--csv={out}", f"--top={len(LABELS)}", "--views=mirror")
    assert done.returncode == 0
    (row,) = rows_of(out.read_text(encoding="utf-8"))
    found = {row[f"label_{i}"]: float(row[f"score_{i}"]) for i in range(1, len(LABELS) + 1)}
    images = decoded([photo.read_bytes()])
    wanted = (expected(small(1), images) + expected(small(1), images[:, :, ::-1]))[0] / 2
    np.testing.assert_allclose([found[label] for label in LABELS], wanted, atol=1e-5)


def test_patterns_lists_and_files_in_the_order_of_the_words(folder, monkeypatch):
    photos = folder / "photos"
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{photos / 'b/2.png'}\n\n{photos / 'missing.png'}\n"))
    words = [photos / "b" / "*.[pP][nN][gG]", "-", photos / "a" / "x [1].png", photos / "**" / "1.*"]
    done = command("predict", *words, f"--model={folder / 'model.keras'}", "--csv=-", "--top=9")
    assert done.returncode == 1 and done.stderr == "-: 7 files, 2 unreadable\n"
    rows = rows_of(done.stdout)
    wanted = ["b/10.PNG", "b/2.png", "b/no.png", "b/2.png", "missing.png", "a/x [1].png", "a/1.jpg"]
    assert [os.path.relpath(row["path"], photos) for row in rows] == wanted
    assert "No such file" in rows[4]["error"] and rows[0].keys() >= {"label_3", "error"}
    assert "label_4" not in rows[0]


def test_tables_without_csv(folder):
    done = command("predict", folder / "photos" / "b", f"--model={folder / 'model.keras'}", "--top=1")
    assert done.returncode == 1
    first, second, end = done.stdout.split("\n")[0::2]
    assert first.endswith("10.PNG") and second.endswith("2.png") and end == ""
    assert done.stderr.splitlines()[-1] == "3 files, 1 unreadable" and "no.png: " in done.stderr


def test_what_names_no_image_is_one_line(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    check_mistakes(
        "predict",
        [
            ((), "`IMAGE` must be at least one file"),
            ((tmp_path,), f"`IMAGE` must be a file, or name at least one image. Received: '{tmp_path}'"),
            ((folder, tmp_path / "*.jpg"), "`IMAGE` must be a file, or name at least one image"),
            (("-",), "name at least one image. Received: '-'"),
        ],
    )


def test_an_export_is_a_model(folder, tmp_path, monkeypatch):
    """Any folder that `export` wrote, also one of versions."""
    from keras_effconv import exporting
    from keras_effconv.exporting import destination

    def load(folder, precision, threads, streams):
        return lambda images: expected(small(1), images)

    record = Format("keras", lambda *_: None, load, ("numpy",), destination.versioned, settings=("version",))
    monkeypatch.setitem(exporting.FORMATS, "keras", record)
    ke.export(small(1), tmp_path / "flowers", "keras", LABELS)
    image = folder / "photos" / "b" / "2.png"
    wanted = command("predict", image, f"--model={folder / 'model.keras'}")
    for model in (tmp_path / "flowers", tmp_path / "flowers" / "1"):
        done = command("predict", image, f"--model={model}")
        assert (done.returncode, done.stdout) == (0, wanted.stdout) and f"%  {LABELS[0]}\n" in done.stdout


def test_the_images_of_a_folder_are_those_that_training_reads(tmp_path):
    """By extension or else by content, without what operating systems leave and what runs have written."""
    for name in ("a.png", "b/no_extension", "__MACOSX/a.png", ".hidden/a.png", "run/confusion.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(path, format="PNG")
    (tmp_path / "run" / "report.json").write_text("{}")
    assert image_files.paths([str(tmp_path)], []) == [str(tmp_path / "a.png"), str(tmp_path / "b" / "no_extension")]
