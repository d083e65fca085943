"""Counts: the integers of the papers, and what is not known is said."""

import json

import keras
import pytest
from paths import SHARED, needs

import keras_effconv as ke

GOLDEN = SHARED / "golden" / "paper_tables.json"


def golden(prefix):
    if not GOLDEN.exists():
        return []
    return [row for row in json.loads(GOLDEN.read_text()) if row["id"].startswith(prefix)]


@needs("golden")
@pytest.mark.parametrize("parts", [1, 2, 4, 8, 16, 32, 64])
@pytest.mark.parametrize("se", [False, True])
def test_hetconv_table_1(parts, se):
    (row,) = [r for r in golden("hetconv_t1_vgg16_p") if r["id"] == f"hetconv_t1_vgg16_p{parts}" + "_se" * se]
    assert row["variant"] == {"P": parts, "se": se, "se_ratio": 16 if se else None}
    counts, expected = ke.count(ke.VGG16CIFAR(weights=None, conv=ke.HetConv(parts), se=se)), row["model_counts"]
    assert counts.macs == expected["macs"]
    assert counts.params == expected["params_total"]
    assert counts.trainable_params == expected["params_trainable"]
    assert counts.macs_executed == (expected.get("macs_unmasked_gwc_plus_pwc") or expected["macs"])


@needs("golden")
@pytest.mark.parametrize("n", range(8))
def test_efficientnet_table_2(n):
    (row,) = golden(f"eff_t2_b{n}")
    counts, expected = ke.count(ke.applications.get(f"EfficientNetB{n}")(weights=None)), row["model_counts"]
    assert (counts.macs, counts.trainable_params) == (expected["macs"], expected["params_trainable"])
    assert counts.params == expected["params_total_keras"]


@needs("golden")
def test_hetconv_vgg16_on_imagenet():
    (row,) = golden("hetconv_t5_vgg16_imagenet_p4")
    assert ke.count(ke.VGG16(weights=None)).macs == row["model_counts"]["macs_p1"]
    assert ke.count(ke.VGG16(weights=None, conv=ke.HetConv(4))).macs == row["model_counts"]["macs"]


@pytest.mark.parametrize("alpha", [0.125, 0.25, 0.5, 0.75])
def test_octaves_keep_the_parameters_and_save_the_papers_share(alpha):
    """Theory for one octave layer, both sides split: 1 - 3/4 alpha (2 - alpha)."""
    maps = ke.OctConv(alpha).conv(keras.Input((16, 16, 32)), 32, 1, name="split")
    model = keras.Model(keras.utils.get_source_inputs(maps["high"]), ke.OctConv(alpha).conv(maps, 32, 3, name="both"))
    row = ke.count(model).layers[-1]
    assert row.params == 9 * 32 * 32 + 32
    assert row.macs == 16 * 16 * 9 * 32 * 32 * (1 - 0.75 * alpha * (2 - alpha))


def test_size_can_be_given_and_must_be_known():
    model = ke.EfficientNetB0(weights=None, include_top=False)
    with pytest.raises(ValueError, match="`input_shape` must be given"):
        ke.count(model)
    top = ke.count(ke.EfficientNetB0(weights=None)).macs - 1280 * 1000
    assert ke.count(model, input_shape=(224, 224, 3)).macs == top


def test_an_unknown_layer_is_named():
    class Odd(keras.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(3,))

        def call(self, x):
            return x * self.w

    image = keras.Input((8, 8, 3))
    assert ke.count(keras.Model(image, Odd(name="odd")(image))).uncounted == ("odd",)
    assert ke.count(ke.EfficientNetB0(weights=None)).uncounted == ()
