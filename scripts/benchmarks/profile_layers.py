"""Where a deployed network's time goes: each convolution layer alone, next to the one in its place in `Conv()`."""

import statistics

import keras

import keras_effconv
from keras_effconv.cli.compare_report import markdown
from keras_effconv.cli.timing import in_turns
from keras_effconv.counting import macs_of
from keras_effconv.counting.calls import calls_of

HEAD = (
    "layer",
    "reads",
    "writes",
    "MMAC",
    "MACs over `Conv()`",
    "executed over `Conv()`",
    "ms",
    "ms of `Conv()`",
    "over",
)


def layers_of(name, kind, image_size):
    """Name -> call of the layers of a deployed network that multiply."""
    size = image_size or keras_effconv.applications.get(name).preprocessing.size
    model = keras_effconv.applications.get(name)(weights=None, input_shape=(size, size, 3), conv=kind)
    calls = calls_of(keras_effconv.deploy(model))
    return {call.name: call for call in calls if (macs_of(call.operation, call) or (0,))[0]}


def alone(call, batch):
    """A layer's function without arguments, on numbers drawn once; it returns when all is computed."""
    layer = call.operation
    inputs = keras.tree.map_shape_structure(lambda shape: keras.random.normal((batch, *shape[1:])), call.inputs)
    if keras.backend.backend() == "jax":
        import jax

        state = ([v.value for v in layer.trainable_variables], [v.value for v in layer.non_trainable_variables])
        compiled = jax.jit(lambda x: layer.stateless_call(*state, x)[0])
        return lambda _: jax.block_until_ready(compiled(inputs))
    import tensorflow as tf

    compiled = tf.function(lambda x: layer(x))

    def run(_):
        compiled(inputs)
        tf.test.experimental.sync_devices()  # a GPU computes on when the call has returned

    return run


def profile(name, kind, batch, image_size, repeats):
    """The table of a kind, text; layers without a counterpart of that name in `Conv()` have no ratio."""
    plain = layers_of(name, keras_effconv.kinds.Conv(), image_size)
    other = layers_of(name, kind, image_size)
    timed = {  # twins one after another, then the layers that only one of the two has
        (which, layer): alone(calls[layer], batch)
        for layer in {**other, **plain}
        for which, calls in enumerate((plain, other))
        if layer in calls
    }
    times = in_turns(timed, None, repeats, f"{name}, layers of {kind!r}")
    medians = {key: 1000 * statistics.median(seconds) for key, seconds in times.items()}
    lines = [_line(layer, call, plain.get(layer), medians) for layer, call in other.items()]
    sums = [sum(ms for key, ms in medians.items() if key[0] == which) for which in (1, 0)]
    lines.append(("all", "", "", "", "", "", *(f"{ms:.2f}" for ms in sums), f"{sums[0] / sums[1]:.2f}"))
    return f"Layers of {name} with `{kind!r}` alone, deployed, batch {batch}:\n\n" + markdown(HEAD, lines)


def _line(layer, call, plain, medians):
    macs, executed = macs_of(call.operation, call)
    cells = [layer, _shape(call.inputs), _shape(call.outputs), f"{macs / 1e6:.1f}"]
    if plain is None:
        return (*cells, "", "", f"{medians[1, layer]:.2f}", "", "")
    before = macs_of(plain.operation, plain)[0]
    ms, ms_plain = medians[1, layer], medians[0, layer]
    return (
        *cells,
        f"{macs / before:.2f}",
        f"{executed / before:.2f}",
        f"{ms:.2f}",
        f"{ms_plain:.2f}",
        f"{ms / ms_plain:.2f}",
    )


def _shape(shape):
    if isinstance(shape, dict):
        return " + ".join(map(_shape, shape.values()))
    return " x ".join(map(str, shape[1:]))
