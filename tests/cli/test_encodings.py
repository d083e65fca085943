"""Commands whose output cannot write the names of classes and files, as on Windows into a file."""

import csv
import io
import json
import os
import shutil

import pytest
from blots import blots
from commands import command
from served import small

CLASSES = ("玫瑰", "Löwenzahn", "وردة")
ENCODINGS = pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
HOSTILE = os.fsdecode(b"a\x1b[2J\nb\xff.png")
SHOWN = r"a\x1b[2J\nb\udcff.png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of three classes, and images of each in a folder."""
    folder = tmp_path_factory.mktemp("names")
    small(1).save(folder / "model.keras")
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in CLASSES), encoding="utf-8")
    for number, name in enumerate(CLASSES):
        (folder / "images" / name).mkdir(parents=True)
        for i in range(4):
            blots(10 * number + i).save(folder / "images" / name / f"{i}.png")
    return folder


def shown(name, encoding):
    return name.encode(encoding, "backslashreplace").decode(encoding)


@ENCODINGS
def test_evaluate_ends_with_its_files(folder, tmp_path, encoding):
    flags = (f"--model={folder / 'model.keras'}", f"--data_dir={folder / 'images'}", f"--output={tmp_path}")
    done = command("evaluate", *flags, encoding=encoding)
    assert done.returncode == 0, done.stderr
    assert all(shown(name, encoding) in done.stdout for name in CLASSES)
    assert json.loads((tmp_path / "evaluation.json").read_text("utf-8"))["classes"] == list(CLASSES)
    assert {"report.html", "confusion.png"} <= {path.name for path in tmp_path.iterdir()}


@ENCODINGS
def test_data_check_ends_with_its_files(folder, tmp_path, encoding):
    done = command("data", "check", folder / "images", f"--output={tmp_path}", encoding=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(shown(name, encoding) in done.stdout for name in CLASSES)
    assert {path.name for path in tmp_path.iterdir()} == {"check.json", "contact_sheet.png"}


@pytest.mark.long
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_finetune_ends_with_its_files(folder, tmp_path, encoding, monkeypatch):
    from keras_effconv.training.reporting import outputs

    monkeypatch.setattr(outputs, "_export", lambda *arguments: [])
    flags = ["--model=ResNet20", "--weights=none", '--options={"depth": 0.3}', "--image_size=32", "--epochs=0"]
    done = command("finetune", f"--data_dir={folder / 'images'}", f"--output={tmp_path}", *flags, encoding=encoding)
    assert done.returncode == 0, done.stderr
    assert all(shown(name, encoding) in done.stdout for name in CLASSES)
    assert {"report.json", "README.md", "report.html", "model.keras"} <= {path.name for path in tmp_path.iterdir()}


@ENCODINGS
def test_predict_writes_names_that_no_terminal_obeys(folder, tmp_path, encoding):
    photos = [tmp_path / HOSTILE, tmp_path / "玫瑰.png", tmp_path / f"no{HOSTILE}"]
    for photo in photos[:2]:
        blots(1).save(photo, "PNG")
    photos[2].write_bytes(b"no image")
    words = [*photos, f"--model={folder / 'model.keras'}", "--top=3"]
    done = command("predict", *words, encoding=encoding)
    assert done.returncode == 1 and "\x1b" not in done.stdout + done.stderr
    first, *rest = done.stdout.splitlines()
    assert first == f"{tmp_path}{os.sep}{SHOWN}" and rest[3] == f"{tmp_path}{os.sep}{shown('玫瑰.png', encoding)}"
    assert {line.split("%  ")[1] for line in rest[:3]} == {shown(name, encoding) for name in CLASSES}
    assert len(rest) == 7 and f"no{SHOWN}: " in done.stderr.splitlines()[0]


@ENCODINGS
@pytest.mark.parametrize("stdout", [True, False])
def test_rows_of_predict_have_the_names_as_they_are(folder, tmp_path, encoding, stdout):
    for name in (HOSTILE, "玫瑰.png", "=1+1.png"):
        blots(1).save(tmp_path / name, "PNG")
    words = [tmp_path, f"--model={folder / 'model.keras'}", "--top=1"]
    done = command("predict", *words, f"--csv={'-' if stdout else tmp_path / 'out.csv'}", encoding=encoding)
    assert done.returncode == 0, done.stderr
    text = done.stdout if stdout else (tmp_path / "out.csv").read_text("utf-8", "surrogateescape")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {os.path.basename(row["path"]) for row in rows} == {HOSTILE, "玫瑰.png", "=1+1.png"}
    assert rows[0]["label_1"] in CLASSES


@pytest.fixture
def hostile(folder, tmp_path):
    """The images in a folder whose name is no UTF-8, as are those of some files."""
    images = tmp_path / os.fsdecode(b"\xff$5%$ | <b>")
    shutil.copytree(folder / "images", images)
    for name in CLASSES:
        os.rename(images / name / "0.png", images / name / HOSTILE)
        shutil.copy(images / name / HOSTILE, images / name / f"again{HOSTILE}")
    (images / CLASSES[0] / f"no{HOSTILE}").write_bytes(b"no image")
    return images


@ENCODINGS
def test_names_that_are_no_text_reach_every_file(folder, hostile, tmp_path, encoding):
    flags = ("check", hostile, f"--output={tmp_path / 'check'}")
    done = command("data", *flags, encoding=encoding)
    assert done.returncode == 1 and r"\udcff" in done.stdout and "\x1b" not in done.stdout
    assert r"\udcff" in (tmp_path / "check" / "check.json").read_text("utf-8")
    assert (tmp_path / "check" / "contact_sheet.png").is_file()
    flags = (f"--model={folder / 'model.keras'}", f"--data_dir={hostile}", f"--output={tmp_path / 'out'}")
    done = command("evaluate", *flags, encoding=encoding)
    assert done.returncode == 0, done.stderr
    assert "\N{REPLACEMENT CHARACTER}$5%$ | &lt;b&gt;" in (tmp_path / "out" / "report.html").read_text("utf-8")


@pytest.mark.long
def test_a_run_on_names_that_are_no_text_leaves_every_file(hostile, tmp_path, monkeypatch):
    from keras_effconv.training.reporting import outputs

    monkeypatch.setattr(outputs, "_export", lambda *arguments: [])
    flags = ["--model=ResNet20", "--weights=none", '--options={"depth": 0.3}', "--image_size=32", "--epochs=1"]
    done = command("finetune", f"--data_dir={hostile}", f"--output={tmp_path / 'run'}", *flags, encoding="ascii")
    assert done.returncode == 0, done.stderr
    for name in ("report.json", "README.md", "report.html", "run.json", "mislabelled.json"):
        assert (tmp_path / "run" / name).read_text("utf-8"), name
    card = (tmp_path / "run" / "README.md").read_text("utf-8")
    assert r"udcff$5%$" in card
