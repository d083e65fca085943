"""The test split of data that stays on disk."""

import dataclasses

import numpy as np
import pytest
from PIL import Image
from small_runs import TINY

from keras_effconv import data
from keras_effconv.data.sources.encoded import Files
from keras_effconv.training import evaluate, train
from keras_effconv.training.input_pipeline import Streamed, feed, streamed
from keras_effconv.training.reporting import outputs


@pytest.mark.parametrize(("augmentation", "same"), [("none", True), ("standard", False)])
def test_a_stream_shows_images_as_they_are_where_nothing_augments_them(tmp_path, augmentation, same):
    rng = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(4):
            Image.fromarray(rng.integers(0, 255, (32, 32, 3), "uint8")).save(tmp_path / name / f"{i}.png")
    dataset = streamed(data.scan(data_dir=str(tmp_path)), 32)
    recipe = dataclasses.replace(TINY, augmentation=augmentation, batch_size=4)
    shown = feed(dataset.train, recipe, shuffle=True)
    plain = feed(dataset.train, recipe)
    shown, plain = ({x.tobytes() for i in range(len(each)) for x in each[i][0]} for each in (shown, plain))
    assert (shown == plain) == same


def test_a_streamed_test_split_is_evaluated(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "_export", lambda *arguments: [])
    paths, labels = [], np.array([0, 1] * 4, "int32")
    for i, label in enumerate(labels):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.new("RGB", (40, 40), (200 * int(label), 90, 20)).save(paths[-1])
    parts = [Files(tuple(paths[a:b]), labels[a:b]) for a, b in ((0, 4), (4, 6), (6, 8))]
    dataset = streamed(data.Dataset("files", *parts[:2], ("a", "b"), test=parts[2]), 32)
    assert isinstance(dataset.test, Streamed)
    result = train(dataclasses.replace(TINY, epochs=0), dataset, tmp_path / "out")
    assert len(result.test.labels) == 2
    expected = evaluate(result.model, dataset.test, dataset.class_names, 2)
    np.testing.assert_allclose(result.test.probabilities, expected.probabilities, rtol=1e-5)
