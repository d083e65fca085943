"""`keras_effconv.finetune` does what the command does, in a line of Python; in a notebook, curves grow."""

import json
import sys
import types

import numpy as np
import pytest
from PIL import Image
from small_runs import TINY, coloured_set

import keras_effconv as ke
from keras_effconv.training import train
from keras_effconv.training.live_curves import LiveCurves, live_curves

LABELS = [0, 1, 2] * 6
TINY_FIELDS = {"weights": None, "options": dict(TINY.options), "image_size": 32, "epochs": 0, "augmentation": "none"}


def test_it_is_a_run_of_the_recipe(tmp_path, capsys):
    dataset = coloured_set(LABELS, [0, 1, 2], [2, 1, 0])
    expected = train(TINY, dataset, tmp_path / "a", outputs=False)
    result = ke.finetune(dataset, output=tmp_path / "b", recipe=TINY)  # its model and kind, too
    for mine, theirs in zip(result.model.get_weights(), expected.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    shown = capsys.readouterr().out
    assert "colours: 18 training and 3 validation images, 3 test images for the end, 3 classes; ResNet20" in shown
    assert f"written to {tmp_path / 'b'}: " in shown and (tmp_path / "b" / "report.html").is_file()


def test_a_folder_and_its_split(tmp_path, capsys):
    for name, colour in (("red", (250, 0, 0)), ("blue", (0, 0, 250))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(5):
            pixels = np.full((16, 16, 3), colour, "uint8") - number
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    fields = {"conv": "HetConv(parts=2)", "output": tmp_path / "run", "validation_split": 0.4}
    result = ke.finetune(tmp_path / "photos", "ResNet20", limit=2, **fields, **TINY_FIELDS)
    assert result.evaluation.class_names == ("blue", "red")
    assert "4 training and 4 validation images" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "report.json").read_text())["conv"] == "HetConv(parts=2)"


def test_a_folder_goes_before_a_name(tmp_path, monkeypatch):
    from keras_effconv.training import finetune

    source = sys.modules[finetune.__module__]._source
    monkeypatch.chdir(tmp_path)
    assert source("digits") == {"dataset": "digits"}
    (tmp_path / "digits").mkdir()
    assert source("digits") == {"data_dir": "digits"}
    for path in ("a/b", "flowers/", "photos.csv", "s3://bucket/photos", tmp_path / "digits"):
        assert source(path) == {"data_dir": path}


@pytest.mark.parametrize(
    ("images", "arguments", "match"),
    [
        (3, {}, "`images` must be a path, a name or a `Dataset`. Received: int"),
        ("digits", {"epoch": 3}, "`epoch` must be a field of `Recipe`. Received: epoch=3; did you mean epochs?"),
        ("digits", {"model": "ResNet21"}, "ResNet21"),
        ("digits", {"conv": "HetKonv()"}, "HetKonv"),
        ("digits", {"schedule": "cosinus"}, "schedule"),
        ("no/such/folder", {}, "no/such/folder"),
        ("no_such_set", {}, "no_such_set"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(images, arguments, match, tmp_path):
    with pytest.raises((ValueError, OSError)) as raised:
        ke.finetune(images, output=tmp_path / "run", **arguments)
    assert match in str(raised.value) and "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


class Display(types.SimpleNamespace):
    """What `IPython.display` does, kept for a look at it."""

    def __init__(self):
        super().__init__(Image=lambda data: data, shown=[])

    def display(self, picture, display_id):
        assert display_id
        self.shown.append(["display", picture])
        return types.SimpleNamespace(update=lambda picture: self.shown.append(["update", picture]))


def test_curves_of_a_notebook_are_one_picture_that_grows(monkeypatch):
    assert live_curves() == []
    display = Display()
    shell = types.SimpleNamespace(kernel=None)
    known = {"version_info": (9, 0, 0), "display": display}  # matplotlib asks for the version when it is first used
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell, **known))
    (curves,) = live_curves()
    assert isinstance(curves, LiveCurves)
    for epoch in range(3, 6):  # of a run that was resumed
        curves.on_epoch_end(epoch, {"loss": 1 / epoch, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.4})
    assert [how for how, _ in display.shown] == ["display", "update", "update"]
    assert all(picture.startswith(b"\x89PNG") for _, picture in display.shown)
    assert len({picture for _, picture in display.shown}) == 3
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: object()))
    assert live_curves() == []
