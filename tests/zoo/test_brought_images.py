"""What weights want of an image, as a file says it or the user must."""

import hashlib
import json

import checkpoints
import keras
import numpy as np
import pytest
from checkpoints import saved, tensors
from reference import numpy
from safetensors.numpy import save_file
from weights import random_weights

import keras_effconv as ke
from keras_effconv.zoo import origin, writers

LITE = {"weights": None, "width": 0.25, "depth": 0.1, "input_shape": (32, 32, 3), "include_top": False}
HALF, USUAL = (127.5,) * 3, (255 * 0.485, 255 * 0.456, 255 * 0.406)


@pytest.fixture(scope="module")
def timm_names():
    """The file of an EfficientNet of timm, in its names, and our network of that size."""
    model = random_weights(ke.EfficientNetB0(**LITE))
    return model, timm_arrays(model)


def timm_arrays(model):
    found = {}
    for layer in model.layers:
        for v in layer.weights:
            if name := timm_name(layer.name, v.name):
                value = numpy(v)
                order = (2, 3, 0, 1) if layer.name.endswith("dwconv") else (3, 2, 0, 1)
                found[name] = np.ascontiguousarray(value.transpose(order) if value.ndim == 4 else value)
    return found


def timm_name(layer, variable):
    variable = {**checkpoints.VARIABLES, "kernel": "weight"}.get(variable, variable)
    ends = {"stem_conv": "conv_stem", "stem_bn": "bn1", "top_conv": "conv_head", "top_bn": "bn2"}
    if layer in ends:
        return f"{ends[layer]}.{variable}"
    if not layer.startswith("block"):
        return None
    block, _, part = layer.partition("_")
    first = {"dwconv": "conv_dw", "bn": "bn1", "project_conv": "conv_pw", "project_bn": "bn2"}
    later = {"expand_conv": "conv_pw", "expand_bn": "bn1", "dwconv": "conv_dw", "bn": "bn2", "project_conv": "conv_pwl"}
    gate = {"se_reduce": "se.conv_reduce", "se_expand": "se.conv_expand"}
    names = {**gate, **(first if block[5] == "1" else {**later, "project_bn": "bn3"})}
    return f"blocks.{int(block[5]) - 1}.{ord(block[6]) - ord('a')}.{names[part]}.{variable}"


def mean_inside(model):
    """What the network itself takes off an image, from what it computes of a black one."""
    stem = keras.Model(model.input, model.get_layer("normalization").output)
    shift, scale = (numpy(stem(np.full((1, 32, 32, 3), x, "f4")))[0, 0, 0] for x in (0, 255))
    return -255 * shift / (scale - shift)


def test_a_file_whose_sets_disagree_asks_what_it_wants_of_an_image(timm_names, tmp_path):
    """Timm's tf_efficientnet_b0 and its AdvProp weights have one set of names, and means of 0.485 and of 0.5."""
    model, content = timm_names
    save_file(content, tmp_path / "mine.safetensors")
    before = [numpy(v).copy() for v in model.weights]
    with pytest.raises(ValueError, match=r"`preprocessing` must say like which set .*'timm/tf_ap_in1k'") as caught:
        ke.load_weights(model, tmp_path / "mine.safetensors")
    assert "mean 0.5, 0.5, 0.5" in str(caught.value) and "\n" not in str(caught.value)
    for v, old in zip(model.weights, before):
        np.testing.assert_array_equal(numpy(v), old)


SAID = {
    "a tag": ("mine.safetensors", None, "timm/tf_ap_in1k", HALF),
    "another tag": ("mine.safetensors", None, "timm/tf_aa_in1k", USUAL),
    "preprocessing": ("mine.safetensors", None, ke.preprocessing.UNIT, HALF),
    "the name of the file": ("tf_efficientnet_b0.ap_in1k.safetensors", None, None, HALF),
    "an old name of the file": ("tf_efficientnet_b0_ap-f262efe1.safetensors", None, None, HALF),
    "the folder": ("models--timm--tf_efficientnet_b0.aa_in1k/model.safetensors", None, None, USUAL),
    "the configuration": ("a/model.safetensors", {"pretrained_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}, None, HALF),
}


@pytest.mark.parametrize("said", SAID)
def test_what_a_file_wants_of_an_image_is_said_by(said, timm_names, tmp_path):
    name, config, preprocessing, mean = SAID[said]
    model, content = timm_names
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    save_file(content, path)
    if config:
        path.with_name("config.json").write_text(json.dumps(config))
    ke.load_weights(model, path, preprocessing=preprocessing)
    np.testing.assert_allclose(mean_inside(model), mean, rtol=1e-4)
    np.testing.assert_allclose(ke.preprocessing_for(model).preprocessing.mean, mean, rtol=1e-4)


def test_a_published_file_is_known_by_its_hash_whatever_it_is_called(timm_names, tmp_path, monkeypatch):
    model, content = timm_names
    save_file(content, tmp_path / "mine.safetensors")
    digest = hashlib.sha256((tmp_path / "mine.safetensors").read_bytes()).hexdigest()
    found = [each._replace(hash=digest) if each.tag == "timm/tf_ap_in1k" else each for each in origin.RECORDS]
    monkeypatch.setattr(origin, "RECORDS", found)
    ke.load_weights(model, tmp_path / "mine.safetensors")
    np.testing.assert_allclose(mean_inside(model), HALF, rtol=1e-4)


def test_a_path_takes_a_tag_behind_an_at_sign(timm_names, tmp_path):
    save_file(timm_names[1], tmp_path / "a.safetensors")
    model = ke.EfficientNetB0(**{**LITE, "weights": f"{tmp_path}/a.safetensors@timm/tf_ap_in1k"})
    np.testing.assert_allclose(mean_inside(model), HALF, rtol=1e-4)
    with pytest.raises(ValueError, match=r"weights='timm/ra_in1k'` of EfficientNetB0 are for padding='symmetric'"):
        ke.load_weights(model, tmp_path / "a.safetensors", preprocessing="timm/ra_in1k")


def test_a_file_by_name_of_other_options_is_refused(timm_names, tmp_path):
    """Timm's efficientnet_b0 pads otherwise than tf_efficientnet_b0, with the same names and shapes."""
    save_file(timm_names[1], tmp_path / "efficientnet_b0.ra_in1k.safetensors")
    with pytest.raises(ValueError, match=r"are for padding='symmetric' \(received 'same'\)"):
        ke.load_weights(timm_names[0], tmp_path / "efficientnet_b0.ra_in1k.safetensors")


def test_sets_that_agree_need_no_word(tmp_path):
    """All sets of tf_efficientnet_lite1 want 0.5, though Keras' way for Lite is 127 and 128."""
    model = random_weights(ke.EfficientNetLite1(**LITE))
    save_file(timm_arrays(model), tmp_path / "a.safetensors")
    ke.load_weights(model, tmp_path / "a.safetensors")
    np.testing.assert_allclose(mean_inside(model), HALF, rtol=1e-4)


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5", ".keras", ".safetensors"])
@pytest.mark.filterwarnings("ignore")
def test_our_files_say_what_they_want_of_an_image(suffix, network, arrays, model, bodies, tmp_path):
    """Torch's weights want RGB by mean and deviation, Keras' ResNets BGR less a mean."""
    ke.load_weights(model, saved(tmp_path / "a.pth", tensors(arrays)))
    path = tmp_path / f"own{suffix}"
    model.save(path) if suffix == ".h5" else writers.write(model, path)
    other = bodies["plain"]
    ke.load_weights(other, path)
    assert ke.preprocessing_for(other).preprocessing.std == pytest.approx([58.395, 57.12, 57.375])
    assert not ke.preprocessing_for(other).preprocessing.bgr


def test_keras_own_loading_brings_what_weights_want_of_an_image(arrays, model, network, tmp_path):
    ke.load_weights(model, saved(tmp_path / "a.pth", tensors(arrays)))
    model.save_weights(tmp_path / "a.weights.h5")
    network.load_weights(tmp_path / "a.weights.h5")
    assert not ke.preprocessing_for(network).preprocessing.bgr
