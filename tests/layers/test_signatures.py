"""The layers spell out and document their arguments, so that an editor shows what a call may say."""

import inspect
import re

import keras
import pytest

from keras_effconv import layers

CONVOLUTIONS = {
    layers.HetConv2D: keras.layers.Conv2D,
    layers.OctConv2D: keras.layers.Conv2D,
    layers.OctDepthwiseConv2D: keras.layers.DepthwiseConv2D,
}
# HetConv2D has parts in place of groups.
ABSENT = {layers.HetConv2D: {"groups"}}
of_every_convolution = pytest.mark.parametrize("layer", CONVOLUTIONS)


def arguments(layer):
    signature = inspect.signature(layer.__init__).parameters
    return {name: parameter for name, parameter in signature.items() if name not in ("self", "kwargs")}


def default_of(parameter):
    """What the documentation says of an argument's default."""
    value = parameter.default
    if value is parameter.empty:
        return ""
    if isinstance(value, str):
        return f'Default `"{value}"`'
    return f"Default `{value}`" if value is None or isinstance(value, bool) else f"Default {value}"


@of_every_convolution
def test_it_has_the_arguments_of_keras(layer):
    plain = arguments(CONVOLUTIONS[layer])
    assert set(plain) - ABSENT.get(layer, set()) <= set(arguments(layer))
    other = {"padding": "same", "data_format": "channels_last", "strides": 1, "dilation_rate": 1}
    for name in set(plain) & set(arguments(layer)) - set(other):
        assert arguments(layer)[name].default == plain[name].default, name
    assert {name: arguments(layer)[name].default for name in other} == other


@of_every_convolution
def test_every_argument_is_annotated_and_documented(layer):
    documented = re.search(r"Args:\n(.*?)\n\n", inspect.getdoc(layer), re.DOTALL)[1]
    for name, parameter in arguments(layer).items():
        assert parameter.annotation is not parameter.empty, name
        text = re.search(rf"^    {name}: (.*?)(?=^    [\w*]+: |\Z)", documented, re.DOTALL | re.MULTILINE)
        assert text, name
        assert default_of(parameter) in text[1], name


@of_every_convolution
def test_its_configuration_is_its_arguments(layer):
    numbers = {"filters": 8, "kernel_size": 3}
    convolution = layer(**{name: value for name, value in numbers.items() if name in arguments(layer)})
    own = set(convolution.get_config()) - set(keras.layers.Layer().get_config())
    assert own == set(arguments(layer)) - {"activity_regularizer"}  # which Keras writes where it is set


@of_every_convolution
def test_an_unknown_argument_is_refused(layer):
    with pytest.raises(ValueError, match=r"Unrecognized keyword arguments .*part"):
        layer(**{name: 3 for name in ("filters", "kernel_size") if name in arguments(layer)}, part=2)
