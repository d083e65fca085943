"""A model as a TensorFlow graph of constants, which is what the converters of other runtimes take."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

INPUT, OUTPUT = "images", "probabilities"
LARGE = 2**20  # bytes


class Frozen(NamedTuple):
    """A graph without variables, and without anything that it need not do.

    Attributes:
        graph: `GraphDef`, whose nodes `images` and `probabilities` are its input and output.
        large: dict of arrays by name: constants of more than a megabyte. In the graph there are placeholders for them,
            since a graph is copied many times on its way through a converter.
    """

    graph: Any
    large: dict[str, np.ndarray]


def frozen(model):
    """The probabilities of a `Program`'s model as `Frozen`.

    The converters take Keras' variables and the constants of its `Normalization` for inputs, and the loose ends of a
    graph for outputs. What does not depend on the images is computed here, since a kernel that a layer assembles from
    its weights (HetConv) must be a constant to be quantised.
    """
    trainable, other = model.trainable_variables, model.non_trainable_variables

    def function(images, *weights):
        split = list(weights[: len(trainable)]), list(weights[len(trainable) :])
        (probabilities, _), _ = model.stateless_call(*split, images, training=False)
        return tf.identity(probabilities, name=OUTPUT)

    specs = [tf.TensorSpec(v.shape, v.dtype, name=f"weight_{i}") for i, v in enumerate([*trainable, *other])]
    images = tf.TensorSpec(model.input_shape, tf.float32, name=INPUT)
    traced = tf.function(function, autograph=False).get_concrete_function(images, *specs)
    given = zip(traced.inputs[1:], [*trainable, *other, *traced.captured_inputs])
    weights = {tensor.op.name: np.asarray(value.numpy()) for tensor, value in given}
    return _folded(traced.graph.as_graph_def(), weights)


def module(frozen):
    """A frozen graph as a `tf.Module` whose variables are the large constants.

    Its `serve`, images -> `{"probabilities": ...}`, is a function of one signature.
    """
    graph, made = frozen.graph, tf.Module()
    made.weights = {name: tf.Variable(value) for name, value in frozen.large.items()}
    (images,) = (node for node in graph.node if node.name == INPUT)

    def serve(images):
        given = {f"{INPUT}:0": images, **{f"{name}:0": weight.value() for name, weight in made.weights.items()}}
        return {OUTPUT: tf.import_graph_def(graph, given, [f"{OUTPUT}:0"], name="")[0]}

    spec = tf.TensorSpec(tf.TensorShape(images.attr["shape"].shape), tf.float32, name=INPUT)
    made.serve = tf.function(serve, [spec], autograph=False)
    return made


def _sources(node):
    """The tensors and nodes that a node reads, as (name of the node, number of its output)."""
    for name in node.input:
        source, _, number = name.lstrip("^").partition(":")
        yield source, int(number or 0)


def _folded(graph, weights):
    """A graph that reads the weights from placeholders, with constants for what does not depend on the images."""
    depends, read = {INPUT}, set()
    for node in graph.node:  # in the order in which they were made
        if node.name in depends or any(source in depends for source, _ in _sources(node)):
            depends.add(node.name)
            read.update(_sources(node))
    known = {node.name for node in graph.node if node.op == "Const"} | depends
    values = _values(graph, weights, [source for source in sorted(read) if source[0] not in known])
    kept, large = type(graph)(library=graph.library, versions=graph.versions), {}
    for (source, number), value in values.items():
        node = _constant(kept, f"{source}/{number}/folded", value)
        if node.op == "Placeholder":
            large[node.name] = value
    for node in graph.node:
        if node.name in known:
            copy = kept.node.add()
            copy.CopyFrom(node)
            del copy.input[:]
            for name, (source, number) in zip(node.input, _sources(node)):
                folded = (source, number) in values and not name.startswith("^")
                copy.input.append(f"{source}/{number}/folded" if folded else name)
    kept = _needed(kept)
    names = {node.name for node in kept.node}
    return Frozen(kept, {name: value for name, value in large.items() if name in names})


def _values(graph, weights, wanted):
    """Tensors (name of a node, number of its output) that do not depend on the images, as a dict of arrays."""
    values = {(name, number): weights[name] for name, number in wanted if name in weights}
    names = {each: f"{each[0]}:{each[1]}" for each in wanted if each not in values}
    if names:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.import_graph_def(graph, name="")
            given = {f"{name}:0": value for name, value in weights.items()}
            values.update({each: np.asarray(value) for each, value in session.run(names, given).items()})
    return values


def _constant(graph, name, value):
    """A node for a constant: a `Placeholder` where it is large."""
    node, dtype = graph.node.add(op="Const", name=name), tf.as_dtype(value.dtype)
    node.attr["dtype"].type = dtype.as_datatype_enum
    if value.nbytes > LARGE:
        node.op = "Placeholder"
        node.attr["shape"].shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
    else:
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, dtype))
    return node


def _needed(graph):
    """The graph without the nodes that the output does not need."""
    nodes, names, wanted = {node.name: node for node in graph.node}, set(), [OUTPUT]
    while wanted:
        name = wanted.pop()
        if name not in names:
            names.add(name)
            wanted += [source for source, _ in _sources(nodes[name])]
    kept = type(graph)(library=graph.library, versions=graph.versions)
    kept.node.extend(node for node in graph.node if node.name in names)
    return kept
