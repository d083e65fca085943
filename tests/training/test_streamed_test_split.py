"""The test split of data that stays on disk."""

import dataclasses

import numpy as np
from PIL import Image
from small_runs import TINY

from keras_effconv import data
from keras_effconv.data.sources.encoded import Files
from keras_effconv.training import evaluate, train
from keras_effconv.training.input_pipeline import Streamed, streamed
from keras_effconv.training.reporting import outputs


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
