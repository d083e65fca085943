"""A model as a TensorFlow graph of constants, which is what the converters of other runtimes take."""

import collections
import itertools
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
    """Freeze the probabilities of a `Classifier`'s model.

    The converters take Keras' variables and the constants of its `Normalization` for inputs, and the loose ends of a
    graph for outputs. What does not depend on the images is computed in advance, since a kernel that a layer assembles
    from its weights (HetConv) must be a constant to be quantised.

    Args:
        model: `keras.Model`.

    Returns:
        A `Frozen`.
    """
    trainable, other = model.trainable_variables, model.non_trainable_variables

    def function(images, *weights):
        split = list(weights[: len(trainable)]), list(weights[len(trainable) :])
        (probabilities, _), _ = model.stateless_call(*split, images, training=False)
        return tf.identity(probabilities, name=OUTPUT)

    specs = [tf.TensorSpec(v.shape, v.dtype, name=f"weight_{i}") for i, v in enumerate([*trainable, *other])]
    images = tf.TensorSpec(model.input_shape, tf.float32, name=INPUT)
    traced = tf.function(function, autograph=False).get_concrete_function(images, *specs)
    variables = zip(traced.inputs[1:], [*trainable, *other, *traced.captured_inputs])
    weights = {tensor.op.name: np.asarray(value.numpy()) for tensor, value in variables}
    return _folded(traced.graph.as_graph_def(), weights)


def as_module(frozen):
    """Make a `tf.Module` of a frozen graph, whose variables are the large constants.

    Its `serve`, images -> `{"probabilities": ...}`, is a function of one signature.
    """
    graph, module = frozen.graph, tf.Module()
    module.weights = {name: tf.Variable(value) for name, value in frozen.large.items()}
    (images,) = (node for node in graph.node if node.name == INPUT)

    def serve(images):
        feeds = {f"{INPUT}:0": images, **{f"{name}:0": weight.value() for name, weight in module.weights.items()}}
        return {OUTPUT: tf.import_graph_def(graph, feeds, [f"{OUTPUT}:0"], name="")[0]}

    spec = tf.TensorSpec(tf.TensorShape(images.attr["shape"].shape), tf.float32, name=INPUT)
    module.serve = tf.function(serve, [spec], autograph=False)
    return module


def _source(name):
    """Return an input of a node, as (name of the node that it belongs to, number of its output)."""
    source, _, number = name.lstrip("^").partition(":")
    return source, int(number or 0)


def _sources(node):
    return [_source(name) for name in node.input]


def _folded(graph, weights):
    """Fold a graph that reads its weights from placeholders: what does not depend on the images becomes constants."""
    depends, read = {INPUT}, set()
    for node in graph.node:  # in the order of creation
        if node.name in depends or any(source in depends for source, _ in _sources(node)):
            depends.add(node.name)
            read.update(_sources(node))
    known = {node.name for node in graph.node if node.op == "Const"} | depends
    values = _values(graph, weights, [source for source in sorted(read) if source[0] not in known])
    without = _scaled([node for node in graph.node if node.name in depends], values)
    kept, large = _without_nodes(graph), {}
    for (source, number), value in values.items():
        node = _constant(kept, f"{source}/{number}/folded", value)
        if node.op == "Placeholder":
            large[node.name] = value
    for node in graph.node:
        if node.name in known:
            copy = kept.node.add()
            copy.CopyFrom(node)
            if node.name in without:
                copy.op = "Identity"
            del copy.input[:]
            for name in without.get(node.name, node.input):
                source, number = _source(name)
                folded = (source, number) in values and not name.startswith("^")
                copy.input.append(f"{source}/{number}/folded" if folded else name)
    kept = _needed(kept)
    names = {node.name for node in kept.node}
    return Frozen(kept, {name: value for name, value in large.items() if name in names})


def _without_nodes(graph):
    """Return a `GraphDef` of the same functions and versions."""
    kept = type(graph)()
    for field in ("library", "versions"):
        getattr(kept, field).CopyFrom(getattr(graph, field))
    return kept


def _values(graph, weights, sources):
    """Compute tensors (name of a node, number of its output) that do not depend on the images, as a dict of arrays."""
    values = {(name, number): weights[name] for name, number in sources if name in weights}
    names = {each: f"{each[0]}:{each[1]}" for each in sources if each not in values}
    if names:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.import_graph_def(graph, name="")
            feeds = {f"{name}:0": value for name, value in weights.items()}
            values.update({each: np.asarray(value) for each, value in session.run(names, feeds).items()})
    return values


def _scaled(nodes, values):
    """Multiply large kernels by what their convolution's output is multiplied by, as normalization does.

    A converter does so with the kernels that it sees, and it does not see the large ones.

    Returns:
        dict of the multiplications that are no longer needed, by name, and the only input that is left of each.
    """
    reads = collections.Counter(source for node in nodes for source in _sources(node))
    by_name, without = {node.name: node for node in nodes}, {}
    for node in nodes:
        for name, factor in itertools.permutations(node.input, 2) if node.op == "Mul" else ():
            scale, outputs, scaled = values.get(_source(factor)), [_source(name)], []
            writer = by_name.get(outputs[0][0])
            if scale is not None and writer is not None and writer.op == "BiasAdd":
                outputs, scaled = [*outputs, _sources(writer)[0]], [_sources(writer)[1]]
                writer = by_name.get(outputs[-1][0])
            if scale is None or writer is None or writer.op != "Conv2D" or writer.attr["data_format"].s != b"NHWC":
                continue
            kernel = _sources(writer)[1]
            scaled.append(kernel)
            alone = all(reads[each] == 1 for each in (*outputs, *scaled))
            if not alone or any(each not in values for each in scaled) or values[kernel].nbytes <= LARGE:
                continue
            if scale.shape[-1:] == (scale.size,) == values[kernel].shape[-1:]:
                values.update({each: values[each] * scale.reshape(-1) for each in scaled})
                without[node.name] = [name]
    return without


def _constant(graph, name, value):
    """Add a node for a constant: a `Placeholder` if it is large."""
    node, dtype = graph.node.add(op="Const", name=name), tf.as_dtype(value.dtype)
    node.attr["dtype"].type = dtype.as_datatype_enum
    if value.nbytes > LARGE:
        node.op = "Placeholder"
        node.attr["shape"].shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
    else:
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, dtype))
    return node


def _needed(graph):
    """Return the graph without the nodes that the output does not need."""
    nodes, names, pending = {node.name: node for node in graph.node}, set(), [OUTPUT]
    while pending:
        name = pending.pop()
        if name not in names:
            names.add(name)
            pending += [source for source, _ in _sources(nodes[name])]
    kept = _without_nodes(graph)
    kept.node.extend(node for node in graph.node if node.name in names)
    return kept
