"""The model is the mean of the pretrained network and the trained one, in a run that is interrupted as well."""

import dataclasses

import keras
import numpy as np
import pytest
from small_runs import SMALL, Stop, StopAt

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.training import train
from keras_effconv.training.blending import blends
from keras_effconv.training.checkpoint import START, write_arrays


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("pretrained") / "resnet.weights.h5"
    ke.ResNet20(weights=None, input_shape=(32, 32, 3), include_top=False, **SMALL.options).save_weights(path)
    fields = {"weights": str(path), "head_c": 0.03, "epochs": 2, "lr": 0.01, "blend": 0.25}
    return dataclasses.replace(SMALL, **fields), data.digits(32, limit=4)


def weights_of(result):
    return [keras.ops.convert_to_numpy(weight) for weight in result.model.weights]


@pytest.mark.long
def test_a_model_is_between_where_it_started_and_where_it_came_to(pretrained, tmp_path):
    recipe, digits = pretrained
    mean = train(recipe, digits, tmp_path / "mean", outputs=False)
    trained = train(dataclasses.replace(recipe, blend=1.0), digits, tmp_path / "trained", outputs=False)
    only_head = train(dataclasses.replace(recipe, epochs=0), digits, tmp_path / "head", outputs=False)
    moved = 0
    for one, last, first in zip(*map(weights_of, (mean, trained, only_head)), strict=True):
        if one.dtype.kind == "f":
            np.testing.assert_allclose(one, 0.25 * last + 0.75 * first, rtol=1e-5, atol=1e-6)
            moved += not np.allclose(last, first, atol=1e-4)
    assert moved > 20  # kernels, scales and statistics of each layer
    assert mean.curves == trained.curves and mean.kept == 2
    scores = mean.model.predict(digits.validation.images.astype("float32"), verbose=0)
    assert mean.score == pytest.approx(np.mean(scores.argmax(1) == digits.validation.labels))
    assert not (tmp_path / "trained" / START).exists()


@pytest.mark.long
def test_a_run_that_was_interrupted_finds_where_it_started(pretrained, tmp_path):
    recipe, digits = pretrained
    whole = train(recipe, digits, tmp_path / "whole", outputs=False)
    with pytest.raises(Stop):
        train(recipe, digits, tmp_path, callbacks=[StopAt(1, 0)], checkpoint_seconds=0, outputs=False)
    start = (tmp_path / START).read_bytes()
    (tmp_path / START).write_bytes(start[:100])
    with pytest.raises(ValueError, match=r"`start.npz` must be the checkpoint of a run"):
        train(recipe, digits, tmp_path, resume=True, outputs=False)
    write_arrays(tmp_path / START, whole.model.weights, run="another run")
    with pytest.raises(ValueError, match=r"`start.npz` must be of the run that resumes"):
        train(recipe, digits, tmp_path, resume=True, outputs=False)
    (tmp_path / START).write_bytes(start)
    resumed = train(recipe, digits, tmp_path, resume=True, outputs=False)
    for mine, theirs in zip(weights_of(resumed), weights_of(whole), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("change", [{"weights": None}, {"head_c": 0}, {"epochs": 0}, {"keep": "best"}, {"patience": 2}])
def test_only_a_trained_network_with_a_fitted_head_is_blended(pretrained, change):
    recipe, _ = pretrained
    assert blends(recipe) and not blends(dataclasses.replace(recipe, **change))
