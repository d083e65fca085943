"""The walk over a Keras graph: nested models, shared layers, and models of every sort."""

import re

import keras
import pytest
from keras import layers

import keras_effconv as ke
from keras_effconv.graph import come_through, functional_of, layers_of, tensors_read, walk, with_structure


class Wrapper(keras.Model):
    """A subclassed model around another one."""

    def __init__(self, network):
        super().__init__()
        self.network, self.head = network, layers.Dense(2, name="head")

    def call(self, inputs):
        return self.head(self.network(inputs))


def block(name):
    x = keras.Input((4,), name=f"{name}_input")
    return keras.Model(x, layers.Dense(4, name=f"{name}_dense")(x), name=name)


@pytest.fixture
def model():
    """A nested model that is called twice, a shared layer, an operation, inputs and outputs by name."""
    one, two = keras.Input((4,), name="one"), keras.Input((4,), name="two")
    inner, shared = keras.Sequential([keras.Input((4,)), block("block")], name="inner"), layers.ReLU(name="shared")
    x = shared(inner(shared(inner(one))) + two)
    return keras.Model({"one": one, "two": two}, {"sum": x})


def test_a_walk_visits_nested_models_and_shared_layers_at_each_call(model):
    visits = []

    def visit(name, operation, args, kwargs):
        visits.append(name)
        return f"{operation.name}({', '.join(map(str, args))})"

    outputs = walk(model, ["a", "b"], visit)
    assert visits[:3] == ["inner/block/block_dense", "shared", "inner/block/block_dense"]
    assert visits[-1] == "shared" and len(visits) == 5
    assert re.fullmatch(r"shared\(add\w*\(block_dense\(shared\(block_dense\(a\)\)\), b\)\)", outputs["sum"])


def test_a_walk_enters_what_it_is_asked_to(model):
    visits = []

    def visit(name, operation, args, kwargs):
        visits.append(name)
        return name

    walk(model, ["a", "b"], visit, enters=lambda args, kwargs: args[0] == "a")
    assert visits[:3] == ["inner/block/block_dense", "shared", "inner"]


def test_a_nested_model_whose_inputs_are_given_by_name():
    x = keras.Input((4,))
    model = keras.Model(x, block("block")(inputs=x))
    assert walk(model, ["a"], lambda name, operation, args, kwargs: f"{name} of {args[0]}") == "block/block_dense of a"


def test_layers_of_models_of_every_sort(model):
    names = [layer.name for layer in layers_of(model) if not isinstance(layer, layers.InputLayer)]
    assert [name for name in names if not name.startswith("add")] == ["block_dense", "shared"]
    wrapper = Wrapper(keras.Sequential([block("block")]))
    assert [layer.name for layer in layers_of(wrapper)] == ["block_input", "block_dense", "head"]
    assert sum(len(layer.weights) for layer in layers_of(model)) == len(model.weights)


def test_functional_graphs(model):
    assert functional_of(model) is model
    assert functional_of(keras.Sequential([keras.Input((4,)), layers.Dense(2)])).inputs
    for other in (layers.Dense(2), keras.Sequential([layers.Dense(2)]), Wrapper(block("block"))):
        assert functional_of(other) is None


def test_inputs_in_the_structure_of_a_model(model):
    assert with_structure(model, [1, 2]) == {"one": 1, "two": 2}
    assert with_structure(keras.Sequential([keras.Input((4,)), layers.Dense(2)]), [1]) == 1


def test_tensors_that_a_layer_reads_in_a_model_not_in_another(model):
    one, two = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(4)
    first, second = keras.Model(one, shared(one)), keras.Model(two, shared(shared(two)))
    assert [[x.name for x in call] for call in tensors_read(first, shared)] == [["a"]]
    assert len(tensors_read(second, shared)) == 2 and tensors_read(second, shared)[0][0].name == "b"
    assert tensors_read(first, layers.Dense(4)) == []


def test_what_a_tensor_comes_through_is_found_once_however_many_ways_there_are():
    """Of two hundred sums with two branches each there are 2 ** 200 ways back to the image."""
    x = image = keras.Input((4,), name="image")
    for i in range(200):
        x = keras.layers.Add(name=f"sum{i}")([x, keras.layers.ReLU(name=f"relu{i}")(x)])
    names = [operation.name for operation in come_through(x).values()]
    assert len(names) == len(set(names)) == 401 and names[0] == "sum199" and next(iter(come_through(image))) is image


def test_a_network_may_stand_on_a_deep_one():
    x = keras.Input((32, 32, 3))
    for _ in range(40):
        x = keras.layers.Add()([x, keras.layers.ReLU()(x)])
    model = ke.MobileNetV2(weights=None, input_tensor=x, alpha=0.35, classes=3)
    assert len(model.inputs) == 1
