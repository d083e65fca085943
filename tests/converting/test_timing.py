"""The clock of layers and networks, and the runtimes that it runs them in."""

import itertools

import keras
import numpy as np
import pytest

import keras_effconv
from keras_effconv.converting.selecting.runtimes import RUNTIMES, runner
from keras_effconv.converting.selecting.timing import DENSE, Candidate, LayerCall, Timer, in_turns, layer_model
from keras_effconv.inference.precision import in_float32

BACKEND = keras.backend.backend()
CALL = LayerCall((9, 9, 16), filters=24, kernel_size=(3, 3), activation="relu")
CANDIDATES = (
    DENSE,
    Candidate("HetConv(parts=2)"),
    Candidate("OctConv(alpha=0.25)", 0.0, 0.25),
    Candidate("OctConv(alpha=0.25)", 0.25, 0.25),
    Candidate("OctConv(alpha=0)", 0.25, 0.0),
    Candidate("OctConv(alpha=0.5, multiple=8)", 0.5, 0.5, 8),
)


class Clock:
    """Time that passes only when something runs."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def takes(self, *seconds):
        """Return a function that takes one of these times after the other."""
        times = itertools.cycle(seconds)

        def run():
            self.now += next(times)

        return run


def test_the_median_counts_and_a_fast_function_is_called_more_often():
    clock = Clock()
    calls = []
    runs = {"slow": clock.takes(0.1, 0.1, 0.1, 0.1, 9.0), "fast": clock.takes(0.001)}
    fast = runs["fast"]
    runs["fast"] = lambda: (calls.append(1), fast())
    assert in_turns(runs, repeats=4, clock=clock) == pytest.approx({"slow": 100.0, "fast": 1.0})
    assert len(calls) == 3 + 4 * 5


def test_functions_take_turns():
    clock, order = Clock(), []

    def named(name):
        def run():
            order.append(name)
            clock.now += 1.0

        return run

    in_turns({"a": named("a"), "b": named("b")}, repeats=3, clock=clock)
    assert order[6:] == ["a", "b"] * 3


@pytest.mark.parametrize("candidate", CANDIDATES, ids=str)
def test_a_layer_reads_and_writes_the_bands_of_its_candidate(candidate):
    model = layer_model(CALL, candidate)
    reads, writes = (sorted(tuple(x.shape[1:]) for x in each) for each in (model.inputs, model.outputs))
    low = {0.0: (0, 0), 0.25: (4, 6), 0.5: (8, 8 if candidate.multiple == 8 else 12)}
    assert reads == sorted(_bands(16, low[candidate.reads][0]))
    assert writes == sorted(_bands(24, low[candidate.writes][1]))


def _bands(channels, low):
    return [(9, 9, channels - low)] + ([(5, 5, low)] if low else [])


def test_a_depthwise_layer_keeps_its_bands():
    call = LayerCall((8, 8, 16), 16, (3, 3), (2, 2), is_depthwise=True)
    model = layer_model(call, Candidate("OctConv(alpha=0.25)", 0.25, 0.25))
    assert {tuple(x.shape[1:]) for x in model.outputs} == {(4, 4, 12), (2, 2, 4)}


def runtimes():
    """Return the runtimes that can be run with the backend of this process."""
    return ("jax",) if BACKEND == "jax" else ("tensorflow", "onnx", "openvino")


def needed(runtime):
    """Skip if a runtime is not installed."""
    for module in {"onnx": ("tf2onnx", "onnxruntime"), "openvino": ("tf2onnx", "openvino")}.get(runtime, ()):
        pytest.importorskip(module)


@pytest.mark.parametrize("runtime", runtimes())
def test_a_model_of_half_precision_is_timed_in_float32(runtime):
    needed(runtime)
    image = keras.Input((8, 8, 4))
    x = keras.layers.Conv2D(4, 3, padding="same", dtype="mixed_bfloat16")(image)
    model = keras.Model(image, keras.layers.Conv2D(2, 1, dtype="mixed_bfloat16")(x))
    (output,) = runner(model, runtime, batch=2, threads=1)()
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
    expected = keras.ops.convert_to_numpy(in_float32(model)(images))
    output = np.moveaxis(output, 1, -1) if runtime in ("onnx", "openvino") else np.asarray(output)
    np.testing.assert_allclose(output, expected, atol=1e-5)


@pytest.mark.parametrize("runtime", runtimes())
@pytest.mark.parametrize("candidate", CANDIDATES[:4:3], ids=str)
def test_a_runtime_computes_what_the_layer_does(runtime, candidate):
    needed(runtime)
    model = layer_model(CALL, candidate)
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, *x.shape[1:])).astype("float32") for x in model.inputs]
    expected = model({x.name: value for x, value in zip(model.inputs, inputs)} if len(inputs) > 1 else inputs[0])
    outputs = [np.asarray(x) for x in runner(model, runtime, batch=2, threads=1)()]
    if runtime in ("onnx", "openvino"):
        outputs = [np.moveaxis(x, 1, -1) for x in outputs]
    for output, value in zip(outputs, keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(output, keras.ops.convert_to_numpy(value), atol=1e-4)


@pytest.mark.parametrize("runtime", runtimes())
def test_layers_and_networks_have_times(runtime):
    needed(runtime)
    timer = Timer(runtime, batch=1, repeats=1, threads=1)
    times = timer.measured_ms({CALL: CANDIDATES[:2]})
    assert set(times) == {(CALL, candidate) for candidate in CANDIDATES[:2]}
    model = keras_effconv.ResNet20(weights=None, width=0.25, depth=0.3)
    assert all(ms > 0 for ms in (*times.values(), *timer.network_ms({"network": model}).values()))


@pytest.mark.skipif(BACKEND == "jax", reason="TensorFlow writes the files of these runtimes")
@pytest.mark.parametrize("runtime", [name for name, precisions in RUNTIMES.items() if "int8" in precisions])
def test_int8_is_timed(runtime):
    needed(runtime)
    timer = Timer(runtime, batch=1, precision="int8", repeats=1, threads=1)
    assert timer.measured_ms({CALL: [CANDIDATES[3]]})[CALL, CANDIDATES[3]] > 0


def test_what_is_not_there_is_an_error_that_names_what_is():
    with pytest.raises(ValueError, match=r"`runtime` must be one of .*'openvino'.* Received: runtime='torch'"):
        Timer("torch")
    with pytest.raises(
        ValueError, match=rf"`precision` must be one of .*'int8' in onnx.*Received: .*'int8' in {BACKEND}"
    ):
        Timer(BACKEND, precision="int8")
    other = "tensorflow" if BACKEND == "jax" else "jax"
    with pytest.raises(ValueError, match=rf"`runtime` must be .*KERAS_BACKEND='{BACKEND}'.* Received: .*'{other}'"):
        Timer(other)
    assert "int8" in RUNTIMES["onnx"] and "int8" in RUNTIMES["openvino"]


@pytest.mark.skipif(BACKEND == "jax", reason="TensorFlow writes the files of these runtimes")
@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_int8_computes_nearly_what_float32_does_and_not_the_same(runtime):
    needed(runtime)
    model = layer_model(CALL, CANDIDATES[0])
    exact, coarse = (runner(model, runtime, 2, precision, threads=1)()[0] for precision in ("float32", "int8"))
    error = np.abs(exact - coarse).max() / np.abs(exact).max()
    assert 1e-4 < error < 0.05
