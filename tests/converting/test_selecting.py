"""Which layer becomes which kind: exact choices, within the budget, from measured times and errors."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import keras_effconv
from keras_effconv.converting.selecting.choosing import Option, OverBudgetError, Slot, choose
from keras_effconv.converting.selecting.recovering import layer_errors
from keras_effconv.converting.selecting.select import select
from keras_effconv.converting.selecting.sensitivity import sensitivities
from keras_effconv.converting.selecting.study import Study
from keras_effconv.converting.selecting.tied_maps import candidates, convolutions
from keras_effconv.converting.selecting.timing import DENSE, Candidate, Timer
from keras_effconv.inference.rewriting import Graph
from keras_effconv.kinds import ByLayer, get

HET = [Candidate(f"HetConv(parts={parts})") for parts in (2, 4)]
OCT = [Candidate(f"OctConv(alpha={w})", r, w) for r, w in ((0.0, 0.5), (0.5, 0.5), (0.5, 0.0))]
MS, ERROR = st.integers(1, 9).map(float), st.integers(0, 9).map(float)


@st.composite
def chains(draw):
    """Draw a chain of layers with some options each; two maps may be tied."""
    count = draw(st.integers(1, 3))
    maps = [0, *(draw(st.integers(1, number)) for number in range(1, count + 1))]
    slots = []
    for number in range(count):
        found = [DENSE, *draw(st.lists(st.sampled_from(HET + OCT), unique=True))]
        fixed = 0 in (maps[number], maps[number + 1])
        found = [c for c in found if not (fixed and c.has_bands)]
        options = [Option(c, draw(MS), 0.0 if c == DENSE else draw(ERROR)) for c in found]
        slots.append(Slot(f"layer{number}", maps[number], maps[number + 1], options))
    return slots


def consistent(slots, options):
    """Return whether all layers agree on the bands of each map."""
    ends = [(s.reads, o.candidate.reads) for s, o in zip(slots, options)]
    ends += [(s.writes, o.candidate.writes) for s, o in zip(slots, options)]
    return len(dict(ends)) == len(set(ends))


@given(chains(), st.floats(0.2, 1.2))
def test_the_choice_is_the_best_of_all_within_the_limit(slots, share):
    limit = share * sum(slot.options[0].ms for slot in slots) + 1e-3
    every = [o for o in itertools.product(*(s.options for s in slots)) if consistent(slots, o)]
    slow = [
        o
        for o in every
        if any(
            not each.candidate.has_bands and each.candidate != DENSE and each.ms >= slot.options[0].ms
            for slot, each in zip(slots, o)
        )
    ]
    within = [o for o in every if o not in slow and sum(each.ms for each in o) <= limit]
    if not within:
        with pytest.raises(OverBudgetError) as caught:
            choose(slots, limit)
        assert caught.value.least == pytest.approx(min(sum(each.ms for each in o) for o in every))
        return
    chosen = choose(slots, limit)
    assert consistent(slots, chosen) and tuple(chosen) not in slow
    assert sum(each.ms for each in chosen) <= limit + 1e-6
    assert sum(each.error for each in chosen) == pytest.approx(min(sum(each.error for each in o) for o in within))


@given(chains())
def test_with_time_enough_all_stays_plain(slots):
    chosen = choose(slots, sum(slot.options[0].ms for slot in slots))
    assert {option.candidate for option in chosen} == {DENSE}


@dataclasses.dataclass(frozen=True)
class FakeTimer(Timer):
    """A layer takes 1 ms, times the factor of its candidate; the dense network takes 15, others a share of that."""

    runtime: str = keras.backend.backend()
    factors: tuple = ()
    ratio: float = 1.0

    def measured_ms(self, layers):
        factors = dict(self.factors)
        return {(call, c): factors.get(c.kind, 1.0) for call, found in layers.items() for c in found}

    def network_ms(self, models):
        return {name: 15.0 if name == "dense" else 15.0 * self.ratio for name in models}


FAST_HET = (("HetConv(parts=2)", 0.6), ("HetConv(parts=4)", 0.4))
IMAGES = np.random.default_rng(0).uniform(size=(4, 32, 32, 3)).astype("float32")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return keras_effconv.VGG16CIFAR(weights=None, width=0.125)


@pytest.fixture(scope="module")
def study(model):
    return Study(model, IMAGES, FakeTimer(factors=FAST_HET), parts=(2, 4), alphas=(0.25,))


@pytest.mark.parametrize("budget", (0.9, 0.7, 0.55))
def test_a_selection_keeps_the_budget_and_fits_a_network(study, budget):
    selection = study.select(budget)  # 12 of the 15 ms are of layers that may change
    assert selection.expected_ms <= budget * selection.dense_ms + 1e-6
    assert selection.kinds and set(selection.kinds.values()) <= {"HetConv(parts=2)", "HetConv(parts=4)"}
    network = keras_effconv.VGG16CIFAR(weights=None, width=0.125, conv=selection.kind)
    for name, kind in selection.kinds.items():
        assert network.get_layer(name).parts == get(kind).parts
    assert str(selection).count("\n") == len(selection.rows) + 1


def test_less_time_costs_more_error(study):
    errors = [study.select(budget).error for budget in (1.0, 0.9, 0.7, 0.55)]
    assert errors == sorted(errors) and errors[0] == 0


@pytest.mark.parametrize("budget", (1, 1.5))
def test_a_whole_budget_changes_nothing(study, budget):
    assert study.select(budget).kinds == {} and study.select(budget).error == 0


def test_what_is_slower_is_never_chosen(model):
    factors = (("HetConv(parts=2)", 1.1), ("HetConv(parts=4)", 0.4))
    selection = select(model, IMAGES, 0.8, FakeTimer(factors=factors), parts=(2, 4), alphas=())
    assert set(selection.kinds.values()) == {"HetConv(parts=4)"}


def test_a_network_of_half_precision_is_chosen_for_like_one_of_float32(model):
    copy = keras.models.clone_model(
        model, clone_function=lambda layer: type(layer).from_config({**layer.get_config(), "dtype": "mixed_bfloat16"})
    )
    copy.set_weights(model.get_weights())
    timer = FakeTimer(factors=FAST_HET)
    chosen = [select(each, IMAGES, 0.8, timer, parts=(2, 4), alphas=()) for each in (model, copy)]
    assert chosen[0].kinds == chosen[1].kinds != {}


def test_bands_are_chosen_where_they_pay(model):
    timer = FakeTimer(factors=(("OctConv(alpha=0.25)", 0.3), ("OctConv(alpha=0)", 0.3)))
    selection = select(model, IMAGES, 0.8, timer, parts=(), alphas=(0.25,))
    assert selection.kinds and all(kind.startswith("OctConv") for kind in selection.kinds.values())
    network = keras_effconv.VGG16CIFAR(weights=None, width=0.125, conv=selection.kind)
    for row in selection.rows:
        assert len(keras.tree.flatten(network.get_layer(row.layer).input)) == 1 + bool(row.reads)


def test_an_impossible_budget_is_an_error_with_the_least(study):
    with pytest.raises(ValueError, match=r"^`budget` must be at least 0\.52, .* Received: budget=0\.5$"):
        study.select(0.5)
    with pytest.raises(ValueError, match=r"`budget` must be a positive number\. Received: budget=0"):
        select(None, IMAGES, 0, FakeTimer())


@pytest.mark.parametrize("ratios, builds", (((0.8,), 1), ((0.9, 0.8), 2), ((0.9, 0.85, 0.85), 3)))
def test_a_network_over_the_budget_is_chosen_again(model, ratios, builds):
    kinds = []

    def build(kind):
        kinds.append(kind)
        return model

    @dataclasses.dataclass(frozen=True)
    class Measuring(FakeTimer):
        def network_ms(self, models):
            return {name: 15.0 * (1.0 if name == "dense" else ratios[len(kinds) - 1]) for name in models}

    timer = Measuring(factors=FAST_HET)
    selection = select(model, IMAGES, 0.8, timer, build, parts=(2, 4), alphas=())
    assert len(kinds) == builds and all(isinstance(kind, ByLayer) for kind in kinds)
    assert selection.ms == pytest.approx(15 * ratios[builds - 1])
    assert selection.kind == kinds[-1]


def test_maps_of_sums_are_tied():
    model = keras_effconv.ResNet20(weights=None, width=0.5, depth=0.7)  # two blocks a stage
    found, plain = convolutions(Graph(model), model)
    by_name = {each.name: each for each in found}
    first, second = by_name["conv3_block1_2_conv"], by_name["conv3_block2_2_conv"]
    assert first.writes == second.writes == by_name["conv3_block2_1_conv"].reads == by_name["conv4_block1_1_conv"].reads
    assert first.reads != first.writes and first.reads not in plain
    assert by_name["conv4_block1_1_conv"].call.shape == (16, 16, 16)  # ahead of padding
    assert "conv1_conv" not in by_name


def test_a_depthwise_convolution_ties_what_it_reads_and_writes():
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, padding="same", name="stem")(image)
    x = keras.layers.Conv2D(16, 1, name="wide")(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same", name="deep")(x)
    x = keras.layers.Conv2D(8, 1, name="narrow")(x)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    found, plain = convolutions(Graph(model), model)
    wide, deep, narrow = found
    assert wide.writes == deep.reads == deep.writes == narrow.reads
    assert [(c.reads, c.writes) for c in candidates(deep, plain, alphas=(0.25,))] == [(0, 0), (0.25, 0.25)]


def test_a_convolution_of_the_prepared_image_is_no_candidate():
    """Preprocessing in the network has no weights, or those of a normalization: the image is what is read."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.Normalization(mean=[1.0] * 3, variance=[2.0] * 3)(keras.layers.Rescaling(1 / 255)(image))
    x = keras.layers.Conv2D(8, 3, padding="same", name="stem")(x)
    x = keras.layers.Conv2D(8, 3, padding="same", name="next")(x)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    assert [each.name for each in convolutions(Graph(model), model)[0]] == ["next"]


def observed(layer, channels=8, size=10, smooth=False):
    """Return a layer, built, and what it reads: noise, or maps of constant squares of two pixels."""
    x = np.random.default_rng(0).normal(size=(6, size, size, channels)).astype("float32")
    if smooth:
        x = np.repeat(np.repeat(x[:, ::2, ::2], 2, 1), 2, 2)
    layer.build(x.shape)
    return layer, x


@pytest.mark.parametrize("parts", (2, 4))
def test_a_kernel_that_is_a_hetconv_has_no_error(parts):
    layer, x = observed(keras.layers.Conv2D(8, 3, padding="same"))
    het = keras_effconv.layers.HetConv2D(8, 3, parts=parts)
    het.build(x.shape)
    layer.kernel.assign(het.dense_kernel())
    errors = layer_errors(layer, x, [DENSE, *HET])
    assert errors[Candidate(f"HetConv(parts={parts})")] < 1e-6 and errors[DENSE] == 0


def test_more_parts_and_larger_bands_lose_more():
    layer, x = observed(keras.layers.Conv2D(8, 3, padding="same"))
    shares = [Candidate(f"OctConv(alpha={a})", a, a) for a in (0.125, 0.25, 0.5)]
    for family in (HET, shares):
        errors = list(layer_errors(layer, x, family).values())
        assert errors == sorted(errors) and 0 < errors[0] < errors[-1] < 1


@pytest.mark.parametrize("strides, size", ((1, 10), (2, 10), (1, 9), (2, 7)))
@pytest.mark.parametrize("depthwise", (False, True))
def test_errors_are_shares(strides, size, depthwise):
    kind = keras.layers.DepthwiseConv2D(3, strides, padding="same") if depthwise else None
    layer, x = observed(kind or keras.layers.Conv2D(8, 3, strides, padding="same"), size=size)
    found = [c for c in OCT if not depthwise or c.reads == c.writes]
    assert all(0 <= error <= 1 for error in layer_errors(layer, x, found).values())


def test_what_a_low_band_holds_costs_a_pointwise_reader_nothing():
    layer, x = observed(keras.layers.Conv2D(8, 1), smooth=True)
    assert max(layer_errors(layer, x, OCT).values()) < 1e-6


def test_padding_ahead_of_a_convolution_is_seen():
    layer, x = observed(keras.layers.Conv2D(8, 3, strides=2, padding="valid"))
    error = layer_errors(layer, x, [OCT[1]], pad=keras.layers.ZeroPadding2D(1))[OCT[1]]
    assert 0 < error <= 1


@pytest.mark.parametrize("with_kernel", (False, True))
@pytest.mark.parametrize("activation", (None, "linear"))
def test_an_error_that_nothing_reads_has_no_weight(with_kernel, activation):
    image = keras.Input((8, 8, 3))
    layers = [keras.layers.Conv2D(4, 3, name=name, activation=activation) for name in ("dead", "live")]
    y, z = (layer(image) for layer in layers)
    model = keras.Model(image, keras.layers.Add()([keras.layers.Rescaling(0.0)(y), z]))
    kernels = {}
    for layer in layers:
        kernel = keras.ops.convert_to_numpy(layer.kernel)
        kernels[layer.name] = (kernel + 0.1, np.zeros(4)) if with_kernel else None
    weights = sensitivities(Graph(model), kernels, np.random.default_rng(0).normal(size=(16, 8, 8, 3)))
    assert weights["dead"] == 0 and weights["live"] == pytest.approx(1, abs=0.1)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="ONNX and OpenVINO are written by TensorFlow")
@pytest.mark.long
@pytest.mark.parametrize(
    ("runtime", "width", "batch"),
    [("tensorflow", 0.5, 8), ("onnx", 0.25, 1), pytest.param("openvino", 0.25, 1, marks=pytest.mark.slow)],
)
def test_a_real_run(runtime, width, batch):
    """Of a width at which a part saves time there, on whatever processor."""
    for module in {"onnx": ("tf2onnx", "onnxruntime"), "openvino": ("tf2onnx", "openvino")}.get(runtime, ()):
        pytest.importorskip(module)
    model = keras_effconv.VGG16CIFAR(weights=None, width=width)
    timer = Timer(runtime, batch=batch, repeats=1, threads=1)

    def build(kind):
        return keras_effconv.VGG16CIFAR(weights=None, width=width, conv=kind)

    selection = select(model, IMAGES, 0.97, timer, build, parts=(4,), alphas=())
    assert selection.ms > 0 and selection.expected_ms <= 0.97 * selection.dense_ms
