"""Pictures: what is drawn is what the layers, the counts and the runs say."""

import json
import sys

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import keras_effconv as ke
from keras_effconv import visualize
from keras_effconv.explaining import feature_map, grad_cam, grad_cam_by_band

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 255, (40, 60, 3), "uint8")


@pytest.fixture(scope="module")
def octave():
    return ke.ResNet20(weights=None, conv="OctConv(alpha=0.25)", width=0.5, depth=0.4)


def prepared(model):
    return ke.preprocessing_for(model)(PHOTO[None])


def test_the_bands_of_a_heat_add_up_where_none_is_negative(octave):
    """Values and gradients of a map are positive: the sum of the bands, each on the scale of both, is the heat."""
    image = keras.Input((8, 8, 3))
    bands = ke.layers.OctConv2D(6, 3, alpha=0.5, activation="relu", name="map")(image)
    pooled = [keras.layers.GlobalAveragePooling2D()(each) for each in bands.values()]
    scores = keras.layers.Dense(2, kernel_initializer="ones")(keras.layers.Concatenate()(pooled))
    model, x = keras.Model(image, scores), RNG.uniform(0, 1, (2, 8, 8, 3)).astype("float32")
    parts, whole = grad_cam_by_band(model, x, "map", 0), grad_cam(model, x, "map", 0)
    assert list(parts) == ["high", "low"]
    total = parts["high"] + parts["low"]
    np.testing.assert_allclose(total / total.max((1, 2), keepdims=True), whole, atol=1e-5)
    assert max(each.max() for each in parts.values()) == pytest.approx(1)


def test_a_feature_map_is_what_a_cut_model_gives(octave):
    x, name = prepared(octave), "conv2_block1_out"
    maps = feature_map(octave, x, name)
    for band, values in maps.items():
        cut = keras.Model(octave.inputs, octave.get_layer(f"{name}_{band}").output)
        np.testing.assert_allclose(values, np.asarray(cut(x)), atol=1e-5)
    assert maps["low"].shape[1] * 2 == maps["high"].shape[1]
    with pytest.raises(ValueError, match="`images` must be"):
        feature_map(octave, np.ones((1, 8, 9, 1)), name)


def test_heat_is_laid_over_a_grey_photo():
    image, heat = PHOTO[:4, :4], np.zeros((4, 4))
    heat[0, 0] = 1
    drawn = visualize.overlaid(image, heat)
    grey = image.astype(float).mean(2).round()
    cold = drawn[1:].astype(int)
    assert drawn.dtype == "uint8" and np.abs(cold - grey[1:, :, None]).max() <= 1
    red, green, blue = drawn[0, 0].astype(int)
    assert red > green + 30 and red > blue + 30


@pytest.mark.parametrize("band", [None, "high", "low"])
def test_grad_cam_is_drawn_over_what_the_model_sees(octave, band):
    figure = visualize.plot_grad_cam(octave, PHOTO, "conv2_block1_out", 3, list("abcdefghij"), band)
    (ax,) = figure.axes
    assert ax.images[0].get_array().shape == (32, 32, 3)
    assert ax.get_title().startswith("d ") and (band is None or band in ax.get_title())


def test_a_band_that_a_map_lacks_is_one_line():
    with pytest.raises(ValueError, match=r"`band` must be one of 'high'\. Received: band='low'"):
        visualize.plot_grad_cam(ke.ResNet20(weights=None, width=0.5, depth=0.4), PHOTO, band="low")
    with pytest.raises(ValueError, match=r"`photo` must be \(h, w, 3\)"):
        visualize.plot_grad_cam(ke.ResNet20(weights=None), PHOTO[None])


def test_the_spectrum_of_a_wave_has_its_frequency():
    x = np.arange(64)
    for cycles in (4, 16, 24):
        frequencies, power = visualize.spectrum(np.tile(np.sin(2 * np.pi * cycles * x / 64), (64, 1)))
        assert frequencies[power.argmax()] == pytest.approx(cycles / 64, abs=1 / 64)
        assert power.sum() == pytest.approx(1)
    assert not visualize.spectrum(np.full((8, 8), 3.0))[1].any()
    with pytest.raises(ValueError, match="`values` must be"):
        visualize.spectrum(np.ones((3, 8)))


def test_the_low_band_ends_at_a_quarter_of_a_cycle():
    maps = {"high": RNG.normal(size=(1, 32, 32, 5)), "low": RNG.normal(size=(1, 16, 16, 2))}
    figure = visualize.plot_bands(maps, channels=3)
    *channels, spectra = figure.axes
    assert len(channels) == 3 + 2
    ends = {line.get_label(): line.get_xdata().max() for line in spectra.lines}
    assert ends == {"high": pytest.approx(0.5), "low": pytest.approx(0.25)}
    strongest = maps["high"][0].var((0, 1)).argmax()
    np.testing.assert_array_equal(channels[0].images[0].get_array(), maps["high"][0, ..., strongest])


@pytest.mark.parametrize("maps", [{}, np.ones((4, 4)), {"high": np.ones((2, 8, 8, 3))}])
def test_maps_of_no_image_are_one_line(maps):
    with pytest.raises(ValueError, match="`maps` must be"):
        visualize.plot_bands(maps)


@pytest.mark.parametrize("layout", ["grouped", "shifted"])
@pytest.mark.parametrize("parts", [1, 3, 4, 16])
def test_the_table_of_parts_is_the_dense_kernel_of_the_layer(parts, layout):
    layer = ke.layers.HetConv2D(6, 3, parts=parts, layout=layout, kernel_initializer="ones", bias_initializer="zeros")
    layer.build((None, 4, 4, 8))
    taps = (np.asarray(keras.ops.convert_to_numpy(layer.dense_kernel())) != 0).sum((0, 1))
    (ax, *_) = visualize.plot_parts(parts, channels=8, filters=6, layout=layout).axes
    drawn = ax.collections[0].get_array().reshape(6, 8)
    np.testing.assert_array_equal(drawn, (taps == 9).T)
    assert f"{taps.sum() / (9 * 48):.0%}".rstrip("%") in ax.get_title()


def test_parts_from_1_to_16_are_one_picture():
    figure = visualize.plot_parts_sweep()
    assert [ax.get_title().split("\n")[0] for ax in figure.axes] == [f"P = {parts}" for parts in range(1, 17)]
    with pytest.raises(ValueError, match="`parts` must be"):
        visualize.plot_parts_sweep([])
    with pytest.raises(ValueError, match="`parts` must be a positive integer"):
        visualize.plot_parts(0)


def networks():
    yield ke.ResNet20(weights=None, conv="HetConv(parts=4)"), {(32, 32): {"high": 16}, (8, 8): {"high": 64}}
    yield ke.ResNet20(weights=None, conv="OctConv(alpha=0.25)"), {(32, 32): {"high": 12, "low": 4}}
    network = ke.MobileNetV2(weights=None, input_shape=(64, 64, 3), conv="OctConv(alpha=0.25)")
    yield network, {(32, 32): {"high": 16}, (2, 2): {"high": 1280}}


def test_stages_have_all_that_is_counted():
    for model, channels in networks():
        stages = visualize.stages(model)
        assert sum(sum(stage.macs.values()) for stage in stages) == ke.count(model).macs
        assert stages[-1].size is None and list(stages[-1].macs) == ["Dense"]
        for size, expected in channels.items():
            assert next(stage for stage in stages if stage.size == size).channels == expected
        (ax,) = visualize.plot_architecture(model).axes
        assert {"HetConv", "OctConv"} & {text.get_text() for text in ax.get_legend().get_texts()}


def test_any_model_has_stages():
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(image)
    gate = keras.layers.Conv2D(4, 1)(keras.layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = keras.layers.Conv2D(6, 3, padding="same")(keras.layers.Multiply()([x, gate]))
    model = keras.Model(image, x)
    assert visualize.stages(model) == [
        visualize.architecture.Stage((8, 8), {"high": 6}, 3, {"Conv": ke.count(model).macs})
    ]
    with pytest.raises(ValueError, match="`model` must have layers with multiply-accumulates"):
        visualize.stages(keras.Model(image, keras.layers.ReLU()(image)))


def test_octaves_alone_are_drawn():
    """With alpha 1, there is a low band and no high one."""
    model = ke.ResNet20(weights=None, conv="OctConv(alpha=1)", width=0.5, depth=0.4)
    assert any(set(stage.channels) == {"low"} for stage in visualize.stages(model))
    assert isinstance(visualize.plot_architecture(model), Figure)


def run_folder(folder, name, **values):
    report = {"model": "ResNet20", "conv": "Conv()", "accuracy": 0.9, "accuracy_interval": [0.85, 0.94]}
    report |= {"macs": 41_000_000, "params": 270_000, "model_bytes": 1_200_000, **values}
    (folder / name).mkdir()
    (folder / name / "report.json").write_text(json.dumps(report))
    return folder / name


def test_runs_are_read_from_their_folders(tmp_path):
    plain = run_folder(tmp_path, "plain")
    cheap = run_folder(tmp_path, "cheap", conv="HetConv(parts=4)", macs=14_000_000, accuracy=0.88)
    points = visualize.read_runs([plain, str(cheap)])
    assert [(p.kind, p.cost, p.accuracy) for p in points] == [
        ("Conv()", 0.041, 0.9),
        ("HetConv(parts=4)", 0.014, 0.88),
    ]
    (ax,) = visualize.plot_accuracy([plain, cheap], "params").axes
    assert ax.get_xlabel().startswith("parameters")
    assert {text.get_text() for text in ax.texts} == {"Conv", "P=4"}
    broken = run_folder(tmp_path, "broken", accuracy_interval=None)
    with pytest.raises(ValueError, match="`folders` must be folders of finished runs"):
        visualize.read_runs([broken])
    with pytest.raises(ValueError, match="`runs` must be at least one"):
        visualize.plot_accuracy([])
    with pytest.raises(ValueError, match="`cost` must be one of"):
        visualize.read_runs([plain], "time")


def test_pictures_fit_in_a_figure_of_ones_own_without_pyplot(octave):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert visualize.plot_parts(ax=left) is figure
    assert visualize.plot_spectrum({"x": RNG.normal(size=(8, 8))}, right) is figure
    part = Figure().subfigures(1, 2)[0]
    assert len(visualize.plot_bands({"high": RNG.normal(size=(8, 8, 2))}, 2, part).axes) == 3
    with pytest.raises(ValueError, match="`ax` must be a matplotlib Axes"):
        visualize.plot_architecture(octave, ax=3)
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


@pytest.mark.parametrize("name", ["$5%$", "_bg", "\\", "^", "%", "$\\frac{$", "_$x$"])
def test_names_are_no_formulas_and_none_is_missing(octave, name, tmp_path):
    """Matplotlib reads `$5%$` as a formula, and leaves `_bg` out of a legend."""
    maps = {name: RNG.normal(size=(8, 8, 2)), "low": RNG.normal(size=(4, 4, 2))}
    figures = [
        visualize.plot_spectrum(maps),
        visualize.plot_bands(maps, 2),
        visualize.plot_accuracy([visualize.Point(name, "Conv()", 0.04, 0.9, 0.85, 0.94)]),
        visualize.plot_grad_cam(octave, PHOTO, "conv2_block1_out", 0, [name] * 10),
        visualize.plot_architecture(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)], name=name)),
    ]
    for number, figure in enumerate(figures):
        figure.savefig(tmp_path / "picture.png")
        assert any(name in text.get_text() for text in figure.findobj(Text)), number


def test_a_legend_has_what_a_user_has_drawn_too():
    ax = Figure().subplots()
    ax.plot([0, 0.5], [1, 1], label="mine")
    visualize.plot_spectrum({"_x": RNG.normal(size=(8, 8))}, ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["mine", "_x"]
