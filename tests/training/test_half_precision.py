"""Training under half precision: the types of what learns, of what is finished, and exact resuming."""

import dataclasses

import keras
import numpy as np
import pytest
from small_runs import SMALL, Stop, StopAt

from keras_effconv import data
from keras_effconv.policies import default_policy, half_policy_of
from keras_effconv.training import Recipe, train
from keras_effconv.training.augmentation.mixing import Mixing
from keras_effconv.training.half_precision import finished, training_policy
from keras_effconv.training.head import features
from keras_effconv.training.trainer import Trainer


@pytest.fixture(scope="module")
def digits():
    return data.digits(32, limit=3)


def recipe(dtype, **changes):
    return dataclasses.replace(SMALL, epochs=1, dtype=dtype, augmentation="none", mixup=0, **changes)


@pytest.mark.long
def test_a_bfloat16_run_learns_in_float32_and_ends_in_bfloat16(digits, tmp_path, capsys):
    result = train(recipe("bfloat16", head_c=0.03), digits, tmp_path, outputs=False)
    assert "training in mixed_bfloat16, so that weights and optimizer are in float32" in capsys.readouterr().out
    assert half_policy_of(result.model.layers) == "bfloat16"
    assert result.model.get_layer("predictions").dtype_policy.name == "float32"
    assert np.isfinite(result.curves["loss"]).all() and result.head_score is not None
    assert keras.config.dtype_policy().name == "float32"
    probabilities = result.model.predict(digits.validation.images.astype("float32"), verbose=0)
    assert probabilities.dtype == "float32" and np.isfinite(probabilities).all()


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", pytest.param("float16", marks=pytest.mark.slow)])
def test_a_stopped_run_ends_as_the_whole_one_to_the_bit(dtype, digits, tmp_path):
    """Slots, the scale of the loss and the moving average are in the checkpoint, in float32."""
    chosen = recipe(dtype)
    whole = train(chosen, digits, tmp_path / "whole", outputs=False)
    with pytest.raises(Stop):
        train(chosen, digits, tmp_path / "part", False, [StopAt(0, 0)], checkpoint_seconds=0, outputs=False)
    result = train(chosen, digits, tmp_path / "part", True, checkpoint_seconds=0, outputs=False)
    for mine, theirs in zip(result.model.weights, whole.model.weights):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (mine, theirs)))


def test_weights_that_float16_cannot_hold_stay_mixed(capsys):
    """After the training is paid for, nothing is lost."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="large"), keras.layers.Dense(1)])
    model.get_layer("large").kernel.assign(np.full((2, 2), 1e6))
    assert finished(model, "float16") is model
    assert "stays in mixed_float16: `dtype` must be a type that holds the weights" in capsys.readouterr().out
    assert finished(model, "mixed_float16") is model


def test_the_policy_of_training_and_the_types_of_a_recipe():
    assert [training_policy(d) for d in ("float32", "mixed_float16", "float16", "bfloat16")] == [
        "float32",
        "mixed_float16",
        "mixed_float16",
        "mixed_bfloat16",
    ]
    with pytest.raises(ValueError, match="`dtype` must be one of"):
        Recipe(dtype="float64")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_images_reach_the_augmentation_as_they_are(policy):
    """Half precision would round 201.3 to 201 before anything is drawn; the loss of float16 is scaled all the same."""
    seen = []

    class Seen(keras.layers.Layer):
        def call(self, images, training=False):
            seen.append(keras.ops.convert_to_numpy(images))
            return images

    with default_policy(policy):
        network = keras.Sequential([keras.Input((2, 2, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
        trainer = Trainer(network, recipe(policy), Seen(dtype="float32"), Mixing())
        trainer.compile(keras.optimizers.SGD())
    trainer(np.full((2, 2, 2, 3), 201.3, "float32"), training=True)
    np.testing.assert_array_equal(seen[0], np.float32(201.3))
    assert isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")


def test_adam_takes_no_step_in_weights_of_bfloat16():
    """Why: its decay of 0.999 is 1 in them. If Keras changes that, the type of training may change too."""
    weights = {dtype: keras.Variable(np.full(4, 0.5), dtype=dtype) for dtype in ("float32", "bfloat16")}
    for weight in weights.values():
        optimizer = keras.optimizers.Adam(0.01)
        for _ in range(3):
            optimizer.apply([keras.ops.ones(4, weight.dtype)], [weight])
    moved = {dtype: 0.5 - float(weight[0]) for dtype, weight in weights.items()}
    assert moved["bfloat16"] == 0.0
    assert moved["float32"] == pytest.approx(0.03, rel=1e-3)


class Batches(list):
    """Two images, as `Epochs` has them."""

    batch_size, total = 2, 1


def test_features_that_overflow_are_an_error_before_training():
    model = keras.Sequential(
        [keras.Input((2, 2, 3)), keras.layers.Flatten(), keras.layers.Dense(2, dtype="mixed_float16")]
    )
    model.layers[-1].kernel.assign(np.full((12, 2), 1e4))
    with pytest.raises(ValueError, match="`dtype` must be a type in which the features are finite"):
        features(model, Batches([(np.full((2, 2, 2, 3), 255.0, "float32"), np.zeros(2, "int32"))]))
