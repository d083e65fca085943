"""`deploy` and `export` of models as people build them: sequential, nested, shared, and what has no graph."""

import keras
import numpy as np
import pytest
from keras import layers
from weights import names, random_statistics

import keras_effconv as ke
from keras_effconv.exporting.classifier import classifier_of
from keras_effconv.preprocessing import Preprocessing

SHAPE = (16, 16, 3)
INSIDE = Preprocessing(16, inside=True)


def folding(filters=4):
    return [layers.Conv2D(filters, 3, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU()]


def head():
    return [layers.GlobalAveragePooling2D(), layers.Dense(5, activation="softmax")]


def built(model):
    model.build((None, *SHAPE))
    return model


def called(model):
    model(np.zeros((1, *SHAPE), "float32"))
    return model


def nested():
    image, maps = keras.Input(SHAPE), keras.Input((16, 16, 4))
    inner = keras.Model(maps, layers.BatchNormalization()(layers.Conv2D(4, 3)(maps)))
    x = inner(keras.Sequential([keras.Input(SHAPE), *folding()])(image))
    return keras.Model(image, layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


def shared():
    inner = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(3, 3, padding="same"), layers.BatchNormalization()])
    image = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling2D()(inner(inner(image)))
    return keras.Model(image, layers.Dense(5, activation="softmax")(x))


def operations():
    image = keras.Input(SHAPE)
    x = keras.ops.relu(layers.Conv2D(4, 3)(image / 255.0 - 0.5))
    return keras.Model(image, keras.ops.softmax(layers.Dense(5)(keras.ops.mean(x, axis=(1, 2)))))


MODELS = {
    "with an input": lambda: keras.Sequential([keras.Input(SHAPE), *folding(), *head()]),
    "built": lambda: built(keras.Sequential([*folding(), *head()])),
    "called": lambda: called(keras.Sequential([*folding(), *head()])),
    "rescaling in front": lambda: keras.Sequential(
        [keras.Input(SHAPE), layers.Rescaling(1 / 255), *folding(), *head()]
    ),
    "nested": lambda: keras.Sequential(
        [keras.Input(SHAPE), keras.Sequential([keras.Sequential(folding())]), keras.Sequential(head())]
    ),
    "functional in functional": nested,
    "a lambda": lambda: keras.Sequential([keras.Input(SHAPE), layers.Lambda(lambda x: x / 255), *folding(), *head()]),
    "operations": operations,
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_deploys_and_is_a_classifier(name):
    """Sequential in all its forms: the docstring of `deploy` promises it."""
    model = random_statistics(MODELS[name]())
    fast = ke.deploy(model)
    assert fast.deploy_report.max_difference < 1e-4 and not names(fast, layers.BatchNormalization)
    images = np.random.default_rng(0).uniform(0, 255, (2, *SHAPE)).astype("float32")
    for each in (model, fast):
        probabilities, features = classifier_of(each, preprocessing=INSIDE).predict(images)
        np.testing.assert_allclose(probabilities, model(images), atol=1e-5)
        assert features.ndim == 2
    assert ke.quantize(model, "bfloat16").quantize_report.layers


def test_a_shared_model_keeps_its_normalization():
    fast = ke.deploy(random_statistics(shared()))
    assert len(names(fast, layers.BatchNormalization)) == 1 and fast.deploy_report.max_difference < 1e-4


class Code(keras.Model):
    """A subclass with a `call` of its own."""

    def call(self, x):
        return x


WITHOUT_A_GRAPH = [
    (
        lambda: keras.Sequential([*folding(), *head()]),
        r"Sequential that is not built: call `model\.build\(\(None, h, w",
    ),
    (lambda: keras.Sequential([MODELS["with an input"]()]), r"call `model\.build\(\(None, 16, 16, 3\)\)`"),
    (keras.Sequential, "Sequential without layers"),
    (Code, "Code, whose `call` is Python code"),
    (lambda: called(Code()), "Code, whose `call` is Python code"),
    (lambda: layers.Dense(2), "Received: Dense"),
]


@pytest.mark.parametrize(("make", "message"), WITHOUT_A_GRAPH, ids=[message[:20] for _, message in WITHOUT_A_GRAPH])
def test_a_model_without_a_graph_is_one_line(make, message, tmp_path):
    model = make()
    for function in (ke.deploy, ke.quantize, lambda model: ke.export(model, tmp_path / "out", "onnx")):
        with pytest.raises(ValueError, match=message) as error:
            function(model)
        assert "\n" not in str(error.value)
