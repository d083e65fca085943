"""A model as a TensorFlow graph of constants, which is what the converters of other runtimes take."""

import tensorflow as tf

INPUT, OUTPUT = "images", "probabilities"


def frozen(model):
    """The probabilities of a `Program`'s model as a graph without variables, and without anything that it need not do.

    The converters take Keras' variables and the constants of its `Normalization` for inputs, and the loose ends of a
    graph for outputs. What does not depend on the images is computed here, since a kernel that a layer assembles from
    its weights (HetConv) must be a constant to be quantised.

    Returns:
        A `GraphDef` whose nodes `images` and `probabilities` are its input and output.
    """
    trainable, other = ([v.numpy() for v in vs] for vs in (model.trainable_variables, model.non_trainable_variables))

    def function(images):
        constants = [[tf.constant(value) for value in values] for values in (trainable, other)]
        (probabilities, _), _ = model.stateless_call(*constants, images, training=False)
        return tf.identity(probabilities, name=OUTPUT)

    spec = tf.TensorSpec(model.input_shape, tf.float32, name=INPUT)
    graph = tf.function(function, autograph=False).get_concrete_function(spec).graph.as_graph_def()
    return _needed(_folded(graph))


def concrete_function(graph):
    """The function from images to probabilities that a frozen graph is."""
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    ends = (wrapped.graph.as_graph_element(f"{name}:0") for name in (INPUT, OUTPUT))
    return wrapped.prune(*ends)


def _sources(node):
    """The tensors and nodes that a node reads, as (name of the node, number of its output)."""
    for name in node.input:
        source, _, number = name.lstrip("^").partition(":")
        yield source, int(number or 0)


def _folded(graph):
    """The graph with constants for what does not depend on the images."""
    depends, read = {INPUT}, set()
    for node in graph.node:  # in the order in which they were made
        if node.name in depends or any(source in depends for source, _ in _sources(node)):
            depends.add(node.name)
            read.update(_sources(node))
    known = {node.name for node in graph.node if node.op == "Const"} | depends
    names = [f"{source}:{number}" for source, number in sorted(read) if source not in known]
    with tf.Graph().as_default() as whole, tf.compat.v1.Session() as session:
        tf.import_graph_def(graph, name="")
        values = dict(zip(names, session.run(names)))
        types = {name: whole.get_tensor_by_name(name).dtype for name in names}
    kept = type(graph)(library=graph.library, versions=graph.versions)
    constants = {name: f"{name.replace(':', '/')}/folded" for name in names}
    for name, value in values.items():
        node = kept.node.add(op="Const", name=constants[name])
        node.attr["dtype"].type = types[name].as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, types[name]))
    for node in graph.node:
        copy = kept.node.add()
        copy.CopyFrom(node)
        if node.name in depends:
            del copy.input[:]
            for name, (source, number) in zip(node.input, _sources(node)):
                folded = constants.get(f"{source}:{number}")
                copy.input.append(folded if folded and not name.startswith("^") else name)
    return kept


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
