"""The drawings are current, and show what the package counts."""

import xml.etree.ElementTree as ElementTree

import drawings
import keras
import pytest

from keras_effconv import count
from keras_effconv.layers import HetConv2D, OctConv2D

DRAWINGS = drawings.drawings()
CHANNELS = 64


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.name)
def test_a_drawing_is_current(path):
    assert path.read_text(encoding="utf-8") == DRAWINGS[path]
    root = ElementTree.fromstring(DRAWINGS[path])
    assert root.find("{http://www.w3.org/2000/svg}title").text
    assert "prefers-color-scheme: dark" in DRAWINGS[path]


def test_a_stale_drawing_is_told(monkeypatch, capsys):
    path = next(iter(DRAWINGS))
    monkeypatch.setattr(drawings, "drawings", lambda: {path: DRAWINGS[path] + "\n"})
    with pytest.raises(SystemExit) as ended:
        drawings.main(["--check"])
    assert ended.value.code == 1 and path.name in capsys.readouterr().out


def macs(layer, *shapes):
    """Count a layer that reads maps of these shapes: one, or a high and a low band."""
    inputs = {name: keras.Input(shape, name=name) for name, shape in zip(("high", "low"), shapes)}
    maps = inputs if len(inputs) == 2 else inputs["high"]
    return count(keras.Model(maps, layer(maps))).macs


def plain():
    return macs(keras.layers.Conv2D(CHANNELS, drawings.KERNEL, padding="same"), (16, 16, CHANNELS))


@pytest.mark.parametrize("parts", drawings.HET_PARTS)
def test_the_bars_of_het_conv_are_counted(parts):
    layer = HetConv2D(CHANNELS, drawings.KERNEL, parts=parts)
    assert macs(layer, (16, 16, CHANNELS)) / plain() == pytest.approx(sum(drawings.het_shares(parts)))


@pytest.mark.parametrize("alpha", drawings.ALPHAS)
def test_the_bars_of_oct_conv_are_counted(alpha):
    low = int(alpha * CHANNELS)
    layer = OctConv2D(CHANNELS, drawings.KERNEL, alpha=alpha)
    counted = macs(layer, (16, 16, CHANNELS - low), (8, 8, low))
    assert counted / plain() == pytest.approx(sum(drawings.oct_shares(alpha)))


@pytest.mark.parametrize("layout", ["grouped", "shifted"])
def test_the_drawn_layouts_are_those_of_the_layer(layout):
    """The kernels drawn as wide are those whose corners are weights of the layer."""
    layer = HetConv2D(drawings.CHANNELS, 3, parts=drawings.PARTS, layout=layout, kernel_initializer="ones")
    layer.build((None, 8, 8, drawings.CHANNELS))
    corner = keras.ops.convert_to_numpy(layer.dense_kernel())[0, 0]  # channel x filter
    wide = drawings.LAYOUTS[f'"{layout}"']
    for row in range(drawings.CHANNELS):
        for column in range(drawings.CHANNELS):
            assert wide(row, column) == bool(corner[column, row])
