"""Changes of resolution by a factor of two, at every size."""

import keras
from keras import ops

from keras_effconv.feature_maps import bands, half, shapes
from keras_effconv.layers.backend import add, up_sample

DEPTH = {"high": 0, "low": 1}


def channels_read(layer, input_shape):
    """Return the channels of each band that a layer reads; raise a `ValueError` for what is no feature map.

    Args:
        layer: `keras.layers.Layer`, for the message.
        input_shape: shape (n, h, w, c), or a dict of them by band.
    """
    found = bands(input_shape)
    legal = set(found) <= set(DEPTH) and all(len(shape) == 4 and shape[-1] for shape in found.values())
    if not found or not legal:
        raise ValueError(
            f"`{type(layer).__name__}` expects a map (n, h, w, c) with known channels, or a dict of them with the "
            f"keys 'high' and 'low'. Received: input_shape={input_shape}"
        )
    if len(found) == 2:
        halves = [half(size) for size in found["high"][1:3]]
        if any(None not in sizes and sizes[0] != sizes[1] for sizes in zip(halves, found["low"][1:3])):
            raise ValueError(
                f"`{type(layer).__name__}` expects a low band of half the high band's size, rounded up: "
                f"{tuple(halves)}. Received: high={tuple(found['high'])}, low={tuple(found['low'])}"
            )
    return {band: found[band][-1] for band in DEPTH if band in found}


def pool(x, octaves):
    """Average (n, h, w, c) to (n, ceil(h / 2), ceil(w / 2), c) `octaves` times; the border has real pixels only."""
    for _ in range(octaves):
        x = ops.average_pool(x, 2, 2, padding="same", data_format="channels_last")
    return x


def add_up_sampled(high, low):
    """Add to (n, h, w, c) the nearest up-sampling of (n, ceil(h / 2), ceil(w / 2), c), cropped to h and w."""
    height, width = high.shape[1:3]
    up = up_sample(low)
    if None in (height, width) or height % 2 or width % 2:
        height, width = ops.shape(high)[1:3]
        up = up[:, :height, :width]
    return add(high, up)


def broadcast_up(high, low):
    """Compute what `add_up_sampled` gives, at even sizes without writing the up-sampled map."""
    height, width, count = high.shape[1:]
    if None in (height, width) or height % 2 or width % 2:
        return add_up_sampled(high, low)
    pairs = ops.reshape(high, (-1, height // 2, 2, width // 2, 2, count))
    return ops.reshape(pairs + ops.expand_dims(low, (2, 4)), (-1, height, width, count))


@keras.saving.register_keras_serializable(package="keras_effconv")
class MergeBands(keras.layers.Layer):
    """Merge a feature map in bands into one tensor at the high band's resolution, high channels first.

    Input shape:
        A dict with `"high"` `(n, h, w, c)` and `"low"` `(n, ceil(h / 2), ceil(w / 2), c_low)`, or with `"low"` alone.

    Output shape:
        `(n, h, w, c + c_low)`.

    Example:

    >>> maps = {"high": keras.ops.ones((1, 5, 5, 6)), "low": keras.ops.ones((1, 3, 3, 2))}
    >>> tuple(MergeBands()(maps).shape)
    (1, 5, 5, 8)
    """

    def call(self, inputs):
        channels_read(self, shapes(inputs))
        if "high" not in inputs:
            return up_sample(inputs["low"])
        height, width = ops.shape(inputs["high"])[1:3]
        return ops.concatenate([inputs["high"], up_sample(inputs["low"])[:, :height, :width]], axis=-1)

    def compute_output_shape(self, input_shape):
        count = sum(channels_read(self, input_shape).values())
        if "high" in input_shape:
            return (*input_shape["high"][:3], count)
        n, *sizes, _ = input_shape["low"]
        return (n, *(size and 2 * size for size in sizes), count)


def merge(x, name="merge_bands"):
    """Merge the bands of a feature map into one tensor; a tensor stays as it is."""
    return MergeBands(name=name)(x) if isinstance(x, dict) else x


@keras.saving.register_keras_serializable(package="keras_effconv")
class SplitBands(keras.layers.Layer):
    """Split a tensor into a dict of tensors with the channels of each band, high first.

    Args:
        counts: dict of str to int, the channels of each band.
        **kwargs: `name`, `dtype`, `trainable`, as in `keras.layers.Layer`.

    Input shape:
        `(..., c)`.

    Output shape:
        A dict with a shape `(..., count)` for each band.

    Example:

    >>> {band: tuple(x.shape) for band, x in SplitBands({"high": 6, "low": 2})(keras.ops.ones((1, 8))).items()}
    {'high': (1, 6), 'low': (1, 2)}
    """

    def __init__(self, counts: dict[str, int], **kwargs):
        super().__init__(**kwargs)
        self.counts = dict(counts)

    def call(self, inputs):
        self.compute_output_shape(tuple(inputs.shape))
        first, outputs = 0, {}
        for band, count in self.counts.items():
            outputs[band] = inputs[..., first : first + count]
            first += count
        return outputs

    def compute_output_shape(self, input_shape):
        if input_shape[-1] != sum(self.counts.values()):
            raise ValueError(f"`counts` must add up to the channels. Received: counts={self.counts}, {input_shape}")
        return {band: (*input_shape[:-1], count) for band, count in self.counts.items()}

    def get_config(self):
        return {**super().get_config(), "counts": self.counts}


@keras.saving.register_keras_serializable(package="keras_effconv")
class OctMaxPooling2D(keras.layers.Layer):
    """Pool a map in bands by 2 x 2 maxima so that the low band still is half of the high one, rounded up.

    The high band is pooled as `keras.layers.MaxPooling2D` does (an odd last row is dropped). Pooling the low band
    likewise would lose a row that the high band keeps if its size is 4 n + 2.

    Input shape:
        A dict with `"high"` `(n, h, w, c)` and `"low"` `(n, ceil(h / 2), ceil(w / 2), c_low)`, or with one of them.

    Output shape:
        The same bands at half the resolution.

    Example:

    >>> maps = {"high": keras.ops.ones((1, 6, 6, 4)), "low": keras.ops.ones((1, 3, 3, 2))}
    >>> {band: tuple(x.shape) for band, x in OctMaxPooling2D()(maps).items()}
    {'high': (1, 3, 3, 4), 'low': (1, 2, 2, 2)}
    """

    def call(self, inputs):
        self.compute_output_shape(shapes(inputs))
        outputs = {band: ops.max_pool(x, 2, 2, POOL_PADDING[band], "channels_last") for band, x in inputs.items()}
        if "high" in outputs and "low" in outputs:
            height, width = (-(-size // 2) for size in ops.shape(outputs["high"])[1:3])
            outputs["low"] = outputs["low"][:, :height, :width]
        return outputs

    def compute_output_shape(self, input_shape):
        channels_read(self, input_shape)
        if "high" in input_shape and 1 in input_shape["high"][1:3]:
            raise ValueError(f"`OctMaxPooling2D` expects maps of 2 x 2 pixels or more. Received: {input_shape}")
        outputs = {}
        for band, (n, *sizes, count) in input_shape.items():
            outputs[band] = (n, *(half(s) if band == "low" else s and s // 2 for s in sizes), count)
        if "high" in outputs and "low" in outputs:
            outputs["low"] = (*(outputs["low"][:1]), *map(half, outputs["high"][1:3]), outputs["low"][-1])
        return outputs


POOL_PADDING = {"high": "valid", "low": "same"}
