"""What is known of a dense network before it is rewritten: strides, what stays dense and why, who can use bands."""

import math

from keras import layers

from keras_effconv.layers import GroupConv2D, SamePadding2D
from keras_effconv.layers.base import ConvolutionBase

CONVOLUTIONS = (
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.Conv1DTranspose,
    layers.Conv2DTranspose,
    layers.Conv3DTranspose,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
    layers.SeparableConv1D,
    layers.SeparableConv2D,
    ConvolutionBase,
)
KNOWN = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, GroupConv2D)
STRIDING = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.MaxPooling2D, layers.AveragePooling2D)
BORDERS = (layers.Cropping2D, layers.ZeroPadding2D, SamePadding2D)


class Survey:
    """What is known of each step and each value of a graph.

    Args:
        graph: `Graph`.
        kind: the kind of convolution that it will have.
        uses: callable (step, wanted) -> bool, whether a step can use the bands of what it reads, if its own output is
            wanted in bands or not.

    Attributes:
        strides: dict, how many times smaller than the image a value is, by the value's id.
        reasons: dict, why a convolution stays dense, or `None`, by the step's id.
        readers: dict, whether a convolution can read bands, by the step's id; the rule of convolutions fills it.
        latest: dict, the number of the last convolution ahead of a value, by the value's id.
        wanted: set of the ids of the values that are of use in bands.
    """

    def __init__(self, graph, kind, uses):
        self.graph, self.kind = graph, kind
        self.strides = {id(x): 1 for x in graph.inputs}
        self._images, self.latest = image_values(graph), dict.fromkeys(self.strides, -1)
        self.reasons, self.readers, self.wanted = {}, {}, set()
        for number, step in enumerate(graph.steps):
            self._go_through(step, number)
        for step in reversed(graph.steps):
            wanted = any(id(value) in self.wanted for value in step.outputs)
            if uses(self, step, wanted):
                self.wanted.update(id(value) for value in step.inputs)

    def _go_through(self, step, number):
        if isinstance(step.operation, CONVOLUTIONS):
            self.reasons[id(step)] = self._reason(step)
        stride = max((self.strides[id(value)] for value in step.inputs), default=1) * _stride_of(step)
        latest = number if self.converts(step) else max((self.latest[id(value)] for value in step.inputs), default=-1)
        for value in step.outputs:
            self.strides[id(value)], self.latest[id(value)] = stride, latest

    def stride(self, step):
        """Return the stride of what a step writes: an int, 1 or a power of two."""
        return max(1, 2 ** round(math.log2(self.strides[id(step.outputs[0])])))

    def reads_image(self, step):
        """Return whether all that a step reads is the image, through layers without weights."""
        return all(id(value) in self._images for value in step.inputs)

    def converts(self, step):
        """Return whether a step is a convolution that a kind may make."""
        return self.reasons.get(id(step), "none") is None

    def _reason(self, step):
        """Return why a convolution stays dense; `None` if it does not."""
        layer, config = step.operation, step.config
        if self.graph.uses[id(layer)] > 1:
            return "its layer is used more than once"
        if type(layer) not in KNOWN:
            return f"there is no rule for the class {type(layer).__name__}"
        if not self.graph.is_plain(step):
            return "it is called with options"
        if config["data_format"] != "channels_last":
            return "its channels come first"
        if config.get("groups", 1) > 1 and type(layer) is not layers.DepthwiseConv2D:
            return "it has groups"
        if self.reads_image(step):
            return "it reads the image"
        if set(step.outputs[0].shape[1:3]) == {1} and max(config["kernel_size"]) == 1:
            return "it reads a map of 1 x 1"
        if max(config["dilation_rate"]) > 1 and max(config["strides"]) > 1:
            return "it has dilation and strides"
        if getattr(layer, "quantization_mode", None) is not None or getattr(layer, "lora_enabled", False):
            return "its kernel is quantized or adapted"
        return None


def image_values(graph) -> set[int]:
    """Return the ids of the values of a `Graph` that are the image, or come from it through layers without weights."""
    images = {id(value) for value in graph.inputs}
    for step in graph.steps:
        if step.inputs and all(id(value) in images for value in step.inputs) and _keeps_images(step.operation):
            images.update(id(value) for value in step.outputs)
    return images


def _keeps_images(operation):
    """Return whether a layer leaves images what they are: it has no weights, or normalizes them."""
    return not getattr(operation, "weights", ()) or isinstance(operation, layers.Normalization)


def _stride_of(step):
    """Return how many times a step makes a map smaller: as its layer says, or as the sizes say."""
    if isinstance(step.operation, STRIDING):
        return step.operation.strides[0]
    if isinstance(step.operation, layers.UpSampling2D):
        return 1 / step.operation.size[0]
    if isinstance(step.operation, BORDERS):
        return 1
    sizes = [value.shape[1] for value in (*step.inputs[:1], *step.outputs[:1]) if len(value.shape) == 4]
    known = len(sizes) == 2 and all(sizes) and 1 not in sizes
    return 2.0 ** round(math.log2(sizes[0] / sizes[1])) if known else 1
