"""The sizes of maps: whether what a layer makes of two bands still are two bands."""

from keras import layers

from keras_effconv.feature_maps import half
from keras_effconv.layers import SamePadding2D
from keras_effconv.layers.padding import output_size, same_padding

SIZES = range(4, 70)  # stand for all, where a size is unknown


def _pooling(config, axis):
    def size_of(size):
        return output_size(size, config["pool_size"][axis], config["strides"][axis], config["padding"])

    return size_of


def _up_sampling(config, axis):
    return lambda size: size * config["size"][axis]


def _zero_padding(config, axis):
    return lambda size: size + sum(config["padding"][axis])


def _cropping(config, axis):
    return lambda size: size - sum(config["cropping"][axis])


def _same_padding(config, axis):
    return lambda size: size + sum(same_padding(size, config["kernel_size"][axis], config["strides"][axis]))


# By exact class: callables (configuration, axis) -> callable (size) -> size.
SIZES_OF = {
    layers.AveragePooling2D: _pooling,
    layers.Cropping2D: _cropping,
    layers.MaxPooling2D: _pooling,
    layers.UpSampling2D: _up_sampling,
    layers.ZeroPadding2D: _zero_padding,
    SamePadding2D: _same_padding,
}
BORDERS = {layers.Cropping2D: "cropping", layers.ZeroPadding2D: "padding"}


def low_config(step):
    """Return the configuration of a step's layer for the low band: borders are half as wide.

    Returns:
        dict, or `None` if they are odd.
    """
    key = BORDERS.get(step.kind)
    if key is None:
        return step.config
    amounts = step.config[key]
    if any(amount % 2 for axis in amounts for amount in axis):
        return None
    return {**step.config, key: tuple(tuple(amount // 2 for amount in axis) for axis in amounts)}


def keeps_bands(step):
    """Return whether a layer of `SIZES_OF`, applied to each band, leaves a low band of half the high one's size."""
    low = low_config(step)
    if low is None or step.config.get("data_format", "channels_last") != "channels_last":
        return False
    for axis, size in enumerate(step.inputs[0].shape[1:3]):
        of_high, of_low = (SIZES_OF[step.kind](config, axis) for config in (step.config, low))
        if any(of_low(half(each)) != half(of_high(each)) for each in _sizes(size)):
            return False
    return True


def is_octaves(step, pad=None):
    """Return whether a convolution writes its input's size over a power of two, rounded up, so that bands fit.

    Args:
        step: `Step` of a convolution.
        pad: `Step` of the padding that it reads, or `None`.
    """
    config = step.config
    rows, columns = config["strides"]
    if rows != columns or rows & (rows - 1):
        return False
    for axis, size in enumerate((pad or step).inputs[0].shape[1:3]):
        for each in _sizes(size):
            padded = SIZES_OF[pad.kind](pad.config, axis)(each) if pad else each
            window = config["kernel_size"][axis], rows, config["padding"], config["dilation_rate"][axis]
            if output_size(padded, *window) != -(-each // rows):
                return False
    return True


def _sizes(size):
    return SIZES if size is None else (size,)
