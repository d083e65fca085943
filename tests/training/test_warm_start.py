"""Fine-tuning a network of another kind than its weights' starts from a conversion."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image
from small_runs import TINY, Stop, StopAt

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.data.sources.encoded import Files
from keras_effconv.training import Recipe, network, train, warm_start
from keras_effconv.training.input_pipeline import feed, streamed

OCTAVE, HET = "OctConv(alpha=0.5)", "HetConv(parts=2)"


@pytest.fixture(scope="module")
def digits():
    return data.digits(32, limit=5)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Weights of a plain network, at random."""
    path = str(tmp_path_factory.mktemp("weights") / "plain.weights.h5")
    keras.utils.set_random_seed(3)
    ke.ResNet20(weights=None, **TINY.options).save_weights(path)
    return path


def recipe_of(weights, conv, **changes):
    return dataclasses.replace(TINY, weights=weights, conv=conv, **{"mimic": 2, "epochs": 0, **changes})


def arrays(model):
    return [keras.ops.convert_to_numpy(v) for v in model.weights]


def features(model, dataset):
    return np.concatenate([keras.ops.convert_to_numpy(model(x)) for x, _ in feed(dataset.train, TINY)])


@pytest.mark.parametrize("conv", [OCTAVE, HET, "DWCPWC()"])
def test_features_are_those_of_the_plain_network(plain, digits, conv, capsys):
    """In the order of the plain network whose channels have been put in order."""
    recipe = recipe_of(plain, conv, mimic=0)
    base = network.backbone(recipe, digits.white)
    names = [layer.name for layer in base.layers]
    warm_start.warm_start(base, recipe, digits)
    assert "channels in order, kernels fitted" in capsys.readouterr().out
    assert [layer.name for layer in base.layers] == names
    batches = feed(digits.train, recipe, shuffle=True)
    pair = warm_start._converted(warm_start._teacher(recipe, digits.white), recipe, batches)
    got, student, expected = (features(model, digits) for model in (base, *pair))
    np.testing.assert_allclose(got, student, rtol=1e-4, atol=1e-5)
    assert np.square(got - expected).mean() < 0.5 * expected.var()


@pytest.mark.parametrize("conv", [OCTAVE, HET])
def test_steps_towards_the_plain_network_never_lead_away(plain, digits, conv):
    recipe = recipe_of(plain, conv, mimic=25, batch_size=16)
    base, batches = network.backbone(recipe, digits.white), feed(digits.train, recipe, shuffle=True)
    pair = warm_start._converted(warm_start._teacher(recipe, digits.white), recipe, batches)
    images = np.concatenate([x for x, _ in feed(digits.train, recipe)])

    def error():
        got, expected = (keras.ops.convert_to_numpy(model(images)) for model in pair)
        return np.square(got - expected).mean() / expected.var()

    before = error()
    warm_start._mimic(pair, recipe, warm_start._Cycle(batches), flip=False)
    assert error() < 1.2 * before
    assert [v.shape for v in pair.student.weights] == [v.shape for v in base.weights]


def test_the_seed_decides(plain, digits, tmp_path):
    runs = [train(recipe_of(plain, OCTAVE, seed=seed), digits, tmp_path, outputs=False).model for seed in (1, 1, 2)]
    first, again, other = map(arrays, runs)
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other))


@pytest.mark.long
@pytest.mark.parametrize("moment", [(0, 0), (1, 2)], ids=str)
def test_an_interrupted_run_resumes_with_the_same_result(plain, digits, tmp_path, moment, capsys):
    recipe = recipe_of(plain, OCTAVE, epochs=2, unfreeze_blocks=-1, freeze_norm=False)
    whole = train(recipe, digits, tmp_path / "whole", outputs=False)
    with pytest.raises(Stop):
        train(recipe, digits, tmp_path, callbacks=[StopAt(*moment)], checkpoint_seconds=0, outputs=False)
    capsys.readouterr()
    result = train(recipe, digits, tmp_path, True, checkpoint_seconds=0, outputs=False)
    assert "channels in order" not in capsys.readouterr().out
    for mine, theirs in zip(arrays(result.model), arrays(whole.model)):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_thawed_normalization_begins_with_the_statistics_of_the_data(plain, digits):
    """What the network computes is the same, and training mode computes what inference does, over all images."""
    recipe = recipe_of(plain, HET, mimic=0, batch_size=len(digits.train.images))
    bases = []
    for freeze in (True, False):
        changed = dataclasses.replace(recipe, freeze_norm=freeze)
        bases.append(network.backbone(changed, digits.white))
        warm_start.warm_start(bases[-1], changed, digits)
    frozen, thawed = (features(base, digits) for base in bases)
    np.testing.assert_allclose(thawed, frozen, rtol=1e-3, atol=1e-4)
    images = np.concatenate([x for x, _ in feed(digits.train, recipe)])
    deviations = []
    for base in bases:
        outputs = [keras.ops.convert_to_numpy(base(images, training=training)) for training in (False, True)]
        deviations.append(np.square(outputs[0] - outputs[1]).mean())
    assert deviations[1] < 1e-4 * deviations[0]


def test_pouring_is_left_to_choose(plain, digits, capsys):
    recipe = recipe_of(plain, OCTAVE, warm_start="pour")
    warm_start.warm_start(network.backbone(recipe, digits.white), recipe, digits)
    assert "measuring batch statistics again" in capsys.readouterr().out
    with pytest.raises(ValueError, match="`warm_start` must be one of"):
        Recipe(warm_start="cold")


def test_a_file_of_another_kind_has_no_plain_network(digits, tmp_path, capsys):
    path = str(tmp_path / "octave.weights.h5")
    ke.ResNet20(weights=None, conv=OCTAVE, **TINY.options).save_weights(path)
    recipe = recipe_of(path, HET)
    warm_start.warm_start(network.backbone(recipe, digits.white), recipe, digits)
    assert "measuring batch statistics again" in capsys.readouterr().out


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "bfloat16"])
def test_half_precision_is_converted_in_float32(plain, digits, tmp_path, dtype):
    result = train(recipe_of(plain, HET, dtype=dtype), digits, tmp_path, outputs=False)
    assert keras.config.dtype_policy().name == "float32"
    assert all(np.isfinite(a.astype("float32")).all() for a in arrays(result.model))


def test_data_that_stays_on_disk(plain, tmp_path):
    paths, labels = [], np.array([0, 1] * 8, "int32")
    rng = np.random.default_rng(0)
    for i in range(len(labels)):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), "uint8")).save(paths[-1])
    parts = [Files(tuple(paths[a:b]), labels[a:b]) for a, b in ((0, 12), (12, 16))]
    dataset = streamed(data.Dataset("files", *parts, ("a", "b")), 32)
    result = train(recipe_of(plain, OCTAVE), dataset, tmp_path / "out", outputs=False)
    assert result.load_report.approximate
    assert np.isfinite(result.head_score)
