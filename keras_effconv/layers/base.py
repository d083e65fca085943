"""What the convolutions share: the arguments of `keras.layers.Conv2D`, checked once, and bias and activation."""

from collections.abc import Callable

import keras
from keras import activations, constraints, initializers, ops, regularizers

from keras_effconv.utils.arguments import one_of, pair

IntPair = int | tuple[int, int]
Activation = str | Callable | None
Initializer = str | initializers.Initializer
Regularizer = str | regularizers.Regularizer | None
Constraint = str | constraints.Constraint | None


class ConvolutionBase(keras.layers.Layer):
    """The arguments, bias and activation of a 2-D convolution over `channels_last` maps.

    Subclasses set `filters`, make their kernels in `build` (with `add_kernel`) and end `call` in `finish`. They spell
    the arguments out again, so that an editor shows them.
    """

    def __init__(
        self,
        kernel_size: IntPair,
        strides: IntPair = 1,
        padding: str = "same",
        dilation_rate: IntPair = 1,
        activation: Activation = None,
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        data_format: str = "channels_last",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kernel_size = pair("kernel_size", kernel_size)
        self.strides = pair("strides", strides)
        self.padding = one_of("padding", str(padding).lower(), ("same", "valid"))
        self.dilation_rate = pair("dilation_rate", dilation_rate)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides` > 1 and `dilation_rate` > 1 do not go together. "
                f"Received: strides={strides}, dilation_rate={dilation_rate}"
            )
        self.data_format = one_of("data_format", data_format or "channels_last", ("channels_last",))
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias = None

    def add_kernel(self, name, shape, initializer=None, constraint=None):
        """Add a variable with the kernel's regularizer and, unless others are passed, initializer and constraint."""
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer or self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=constraint or self.kernel_constraint,
        )

    def add_bias(self):
        """Add the bias if the layer has one."""
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def finish(self, outputs, first=0):
        """Add the bias and apply the activation to the map that holds filters `first`, `first + 1`, ..."""
        if self.use_bias:
            outputs = ops.add(outputs, self.bias[first : first + outputs.shape[-1]])
        return self.activation(outputs)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "data_format": self.data_format,
        }
