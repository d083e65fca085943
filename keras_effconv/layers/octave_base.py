"""What OctConv2D and OctDepthwiseConv2D share: bands in, bands out, and the octaves between them."""

from keras_effconv.feature_maps import bands, half, shapes
from keras_effconv.layers.base import ConvolutionBase
from keras_effconv.layers.octaves import DEPTH, channels_read


class OctaveBase(ConvolutionBase):
    """Bands in, bands out, and how a path changes resolution.

    One rule covers all paths and strides: `octaves = depth(write) - depth(read) + log2(stride)`. So many 2 x 2
    average pools come before the convolution; -1 is a nearest up-sampling after it. Strides are pooling.

    Args:
        *args, **kwargs: as of `ConvolutionBase`.
    """

    def __init__(self, kernel_size, strides=1, *args, **kwargs):
        super().__init__(kernel_size, strides, *args, **kwargs)
        self.octaves = self.strides[0].bit_length() - 1
        if self.strides != (1 << self.octaves,) * 2:
            raise ValueError(f"`strides` must be 1 or a power of two, in both directions. Received: strides={strides}")
        if self.padding == "valid" and max(self.kernel_size) > 1:
            raise ValueError(
                "`padding='valid'` is defined for 1 x 1 kernels only: a band of half the resolution would shrink "
                f"twice as fast. Received: kernel_size={kernel_size}, padding='valid'"
            )

    def _channels(self, input_shape):
        """Return the channels of each band of the input, which are those that the layer was built for."""
        found = channels_read(self, input_shape)
        if self.built and found != self.read:
            raise ValueError(
                f"`{self.name}` expects the channels that it was built for, {self.read}. Received: {found}"
            )
        return found

    def _maps(self, inputs):
        """Return the bands of what arrives, checked."""
        self._channels(shapes(inputs))
        return bands(inputs)

    def compute_output_shape(self, input_shape):
        found = bands(input_shape)
        n, *sizes, _ = found.get("high") or found["low"]
        if "high" not in found:
            sizes = [None if size is None else 2 * size for size in sizes]
        for _ in range(self.octaves):
            sizes = [half(size) for size in sizes]
        low = [half(size) for size in sizes]
        written = self._written(self._channels(input_shape))
        outputs = {band: (n, *(low if DEPTH[band] else sizes), count) for band, count in written.items()}
        return feature_map_of(outputs)


def feature_map_of(outputs):
    """Return a dict of bands as a feature map: the high band itself if it is the only one."""
    return outputs["high"] if set(outputs) == {"high"} else outputs
