"""The convolutions by brute force, written from their definitions, and the checks that every layer has to pass.

Feature maps are NumPy arrays (n, h, w, c), or dicts of them by band; a plain array is the band "high".
"""

import itertools
import json
import math

import keras
import numpy as np

DEPTH = {"high": 0, "low": 1}
ACTIVATIONS = {None: lambda x: x, "relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}


# The plain convolution.


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def same_margins(size, reach, step):
    """TensorFlow's SAME: ceil(size / step) windows; where the padding is odd, the end has one more."""
    total = max((math.ceil(size / step) - 1) * step + reach - size, 0)
    return total // 2, total - total // 2


def conv2d(x, kernel, strides=1, padding="same", dilation_rate=1, groups=1):
    """One filter times one window gives one value. `kernel` is (k, k, channels / groups, filters)."""
    steps, gaps = pair(strides), pair(dilation_rate)
    reach = [gap * (k - 1) + 1 for gap, k in zip(gaps, kernel.shape, strict=False)]
    if padding == "same":
        x = np.pad(x, [(0, 0), *map(same_margins, x.shape[1:3], reach, steps), (0, 0)])
    height, width = ((size - r) // step + 1 for size, r, step in zip(x.shape[1:3], reach, steps, strict=True))
    rows, filters = kernel.shape[2:]
    y = np.zeros((len(x), height, width, filters))
    for i, j, f in itertools.product(range(height), range(width), range(filters)):
        top, left = i * steps[0], j * steps[1]
        first = f // (filters // groups) * rows
        window = x[:, top : top + reach[0] : gaps[0], left : left + reach[1] : gaps[1], first : first + rows]
        y[:, i, j, f] = (window * kernel[..., f]).sum((1, 2, 3))
    return y


# HetConv.


def blocks(size, parts):
    """The block of each index: blocks are contiguous, the first size % parts of them one longer."""
    return [number for number, block in enumerate(np.array_split(range(size), parts)) for _ in block]


def het_meets(channels, filters, parts, layout):
    """Whether channel c (row) meets filter n (column) with the whole k x k kernel."""
    if layout == "shifted":
        return np.array([[(c - n) % parts == 0 for n in range(filters)] for c in range(channels)])
    return np.array([[b == p for p in blocks(filters, parts)] for b in blocks(channels, parts)])


def het_support(kernel_size, channels, filters, parts, layout):
    """Where the equivalent (k, k, channels, filters) kernel has a weight."""
    height, width = pair(kernel_size)
    meets = het_meets(channels, filters, parts, layout)
    support = np.zeros((height, width, channels, filters), bool)
    for c, n in itertools.product(range(channels), range(filters)):
        if meets[c, n]:
            support[:, :, c, n] = True
        else:
            support[(height - 1) // 2, (width - 1) // 2, c, n] = True
    return support


def het_parameters(kernel_size, channels, filters, parts, layout):
    """Per filter: k * k for each channel of its part, 1 for each other channel."""
    area = math.prod(pair(kernel_size))
    met = het_meets(channels, filters, parts, layout).sum(0)
    return int(sum(area * m + (channels - m) for m in met))


# OctConv.


def bands(x):
    return x if isinstance(x, dict) else {"high": x}


def unband(x):
    """The inverse of `bands`: a map without a low band is a plain tensor."""
    return x["high"] if list(x) == ["high"] else x


def pool(x):
    """2x2 averages, stride 2; on an odd border, of the pixels that exist."""
    n, height, width, channels = x.shape
    y = np.zeros((n, math.ceil(height / 2), math.ceil(width / 2), channels))
    for i, j in np.ndindex(y.shape[1:3]):
        y[:, i, j] = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean((1, 2))
    return y


def shrink(x, octaves):
    for _ in range(octaves):
        x = pool(x)
    return x


def upsample(x, height, width):
    y = np.zeros((len(x), height, width, x.shape[3]))
    for i, j in np.ndindex(height, width):
        y[:, i, j] = x[:, i // 2, j // 2]
    return y


def shares(high, low):
    """Where each band stands in a kernel or a bias: high first."""
    return {"high": slice(0, high), "low": slice(high, high + low)}


def oct_conv(x, kernel, bias, alpha, strides=1, padding="same", dilation_rate=1, groups=1, activation=None):
    x = bands(x)
    filters = kernel.shape[3]
    low = int(alpha * filters)
    columns = shares(filters - low, low)
    rows = shares(*(x[band].shape[3] // groups if band in x else 0 for band in DEPTH))
    size = x["high"].shape[1:3] if "high" in x else [2 * side for side in x["low"].shape[1:3]]
    written = {}
    for write, column in columns.items():
        if column.start == column.stop:
            continue
        total = bias[column]
        for read in x:
            octaves = DEPTH[write] - DEPTH[read] + int(math.log2(strides))
            y = shrink(x[read], octaves)
            y = conv2d(y, kernel[:, :, rows[read], column], 1, padding, dilation_rate, groups)
            total = total + (upsample(y, *size) if octaves == -1 else y)
        written[write] = ACTIVATIONS[activation](total)
    return unband(written)


def oct_depthwise(x, kernel, bias, strides=1, padding="same", dilation_rate=1, activation=None):
    """Each band by itself, each channel by itself: channel c gives the outputs kernel[:, :, c, 0], [..., c, 1], ..."""
    x = bands(x)
    multiplier = kernel.shape[3]
    channels = shares(*(x[band].shape[3] if band in x else 0 for band in DEPTH))
    written = {}
    for band in x:
        y = shrink(x[band], int(math.log2(strides)))
        total = []
        for c, m in itertools.product(range(y.shape[3]), range(multiplier)):
            k = channels[band].start + c
            one = conv2d(y[..., c : c + 1], kernel[:, :, k, m][:, :, None, None], 1, padding, dilation_rate)
            total.append(one + bias[k * multiplier + m])
        written[band] = ACTIVATIONS[activation](np.concatenate(total, -1))
    return unband(written)


# What the tests of both layers share.


def numpy(x):
    """Keras tensors, in whatever nest, as float64 arrays."""
    return keras.tree.map_structure(lambda t: np.array(keras.ops.cast(t, "float32"), "float64"), x)


def tensors(x):
    return keras.tree.map_structure(keras.ops.convert_to_tensor, x)


def zeros(shape):
    """A map of zeros for a shape, a dict of them for a dict of shapes."""
    return {band: np.zeros(s, "float32") for band, s in shape.items()} if isinstance(shape, dict) else np.zeros(shape)


def noise(x):
    """Random numbers of the shapes of `x`; the tests seed NumPy."""
    return keras.tree.map_structure(lambda t: np.random.normal(size=t.shape).astype("float32"), x)


def activity_loss(factor, y):
    """Return the L2 loss of an output as Keras sums it: later versions than 3.13 divide it by the number of images."""
    layer = keras.layers.ActivityRegularization(l2=factor)
    layer(y)
    return float(numpy(layer.losses[0]))


def feature_map(n, height, width, high, low=0):
    """A random map with that many channels a band: a tensor, or a dict of the bands that have channels."""
    shape = {"high": (n, height, width, high), "low": (n, -(-height // 2), -(-width // 2), low)}
    return noise(zeros(unband({band: s for band, s in shape.items() if s[-1]})))


def fill(layer, x):
    """The layer, built for `x`, with random weights: an initial bias of zeros would hide mistakes."""
    if not layer.built:
        layer.build(keras.tree.map_structure(np.shape, x))
    layer.set_weights(noise(layer.get_weights()))
    return layer


def same_weights(layer, **changes):
    """A layer of that configuration but for the changes, with the weights of `layer`."""
    other = type(layer).from_config({**layer.get_config(), "name": "other", **changes})
    other.build_from_config(layer.get_build_config())
    other.set_weights(layer.get_weights())
    return other


def assert_close(actual, expected, tolerance=1e-5):
    """The same nest, the same shapes, and differences that are small beside the largest value."""
    keras.tree.assert_same_structure(actual, expected)
    for a, e in zip(keras.tree.flatten(numpy(actual)), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * max(1.0, np.abs(e).max(initial=0)))


def product(a, b, total=np.sum):
    """The scalar product of two nests of arrays (of tensors, with another `total`)."""
    return sum(total(x * y) for x, y in zip(*map(keras.tree.flatten, (a, b)), strict=True))


def gradients(layer, x, factors):
    """Of product(layer(x), factors): by each weight, and by x. The one place that asks for the backend."""
    x = tensors(x)
    if keras.backend.backend() == "jax":
        import jax

        def loss(weights, x):
            return product(layer.stateless_call(weights, [], x)[0], factors, keras.ops.sum)

        return numpy(jax.jit(jax.grad(loss, argnums=(0, 1)))([v.value for v in layer.variables], x))

    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = product(layer(x), factors, keras.ops.sum)
    return numpy(tape.gradient(loss, (layer.trainable_weights, x)))


# What Keras asks of a layer.


def check_gradients(layer, x):
    """The layer is affine in its weights and in its input, so a step of any length equals the gradient times it."""

    def total(x):
        return product(numpy(layer(x)), factors)

    factors = noise(numpy(layer(x)))
    by_weights, by_x = gradients(layer, x, factors)
    for gradient in keras.tree.flatten((by_weights, by_x)):
        assert np.all(gradient), "some value has no gradient"
    before, weights = total(x), layer.get_weights()
    for _ in range(3):
        step = noise(x)
        after = total(keras.tree.map_structure(np.add, x, step))
        np.testing.assert_allclose(after - before, product(by_x, step), rtol=1e-4, atol=1e-3)
        step = noise(weights)
        layer.set_weights([w + s for w, s in zip(weights, step, strict=True)])
        np.testing.assert_allclose(total(x) - before, product(by_weights, step), rtol=1e-4, atol=1e-3)
        layer.set_weights(weights)


def check_shapes(layer, x):
    """What the layer says of its output, with sizes and without, is what comes out."""

    def shapes(nest):
        return keras.tree.map_structure(lambda t: tuple(t.shape), nest)

    def unknown(nest):
        return keras.tree.map_structure(lambda t: keras.KerasTensor((None, None, None, t.shape[3])), nest)

    def plain(computed):
        return {b: tuple(s) for b, s in computed.items()} if isinstance(computed, dict) else tuple(computed)

    y = layer(x)
    assert plain(layer.compute_output_shape(shapes(x))) == shapes(y)
    assert shapes(layer(keras.tree.map_structure(lambda t: keras.KerasTensor(t.shape), x))) == shapes(y)
    assert shapes(layer(unknown(x))) == shapes(unknown(y))
    assert plain(layer.compute_output_shape(shapes(unknown(x)))) == shapes(unknown(y))


def check_config(layer):
    """Its configuration survives JSON, which has no tuples and no objects."""
    config = layer.get_config()
    again = type(layer).from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config


def check_policy(layer, x, policy):
    """Under a mixed policy: float32 variables, outputs in the compute dtype, near those of float32."""
    mixed = same_weights(layer, dtype=policy)
    y = mixed(x)
    assert {v.dtype for v in mixed.weights} == {"float32"}
    for t in keras.tree.flatten(y):
        assert keras.backend.standardize_dtype(t.dtype) == policy.removeprefix("mixed_")
    assert_close(y, numpy(layer(x)), {"mixed_float16": 4e-3, "mixed_bfloat16": 3e-2}[policy])


def check_saved(model, x, path):
    model.save(path)
    loaded = keras.models.load_model(path)
    for a, b in zip(*map(keras.tree.flatten, (numpy(model(x)), numpy(loaded(x)))), strict=True):
        np.testing.assert_array_equal(a, b)


def check_fit(model, x, jit_compile):
    """One step moves every weight, and leaves finite numbers."""
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
    history = model.fit(x, noise(numpy(model(x))), batch_size=len(x), epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    for variable, old in zip(model.weights, before, strict=True):
        assert np.isfinite(variable.numpy()).all(), variable.path
        assert np.any(variable.numpy() != old), variable.path


def check_late_build(*layers, x):
    """A layer without an input shape is built where `fit` first calls it, inside a graph on TensorFlow."""
    model = keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(x, np.ones((len(x), 1))))


def check_export(model, maps, path):
    """The SavedModel serves maps of any size, and nothing in it must be compiled by XLA."""
    import tensorflow as tf

    model.export(path, verbose=False)
    assert not xla_functions(path)
    loaded = tf.saved_model.load(path)
    for x in maps:
        assert_close(loaded.serve(tensors(x)), numpy(model(x)))


def xla_functions(path):
    """The functions of a SavedModel, and the nodes in them, that must be compiled by XLA."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    return xla_in(*(meta.graph_def for meta in saved.meta_graphs))


def xla_in(*graphs):
    """The functions of graphs, as protocol buffers, and the nodes in them, that must be compiled by XLA."""
    libraries = [dict((f.name, value) for f, value in graph.ListFields()).get("library") for graph in graphs]
    functions = [f for each in libraries if each is not None for f in each.function]
    nodes = [node for graph in graphs for node in graph.node] + [node for f in functions for node in f.node_def]
    return [x.name if hasattr(x, "op") else x.signature.name for x in functions + nodes if x.attr["_XlaMustCompile"].b]
