"""The weights of HetConv2D: built, assembled, cut from a dense kernel, saved and loaded."""

import math

import keras
import numpy as np
from keras import ops

from keras_effconv.layers.base import ConvolutionBase
from keras_effconv.layers.het_parts import LAYOUTS, Packing
from keras_effconv.layers.het_runs import unpack


class _ByRun(keras.constraints.Constraint):
    """A constraint that sees the kernels of each run as those of a convolution, (k, k, m, n), not as they are stored.

    Args:
        constraint: callable, as Keras' constraints.
        rows: list of ints, m of each run.
        filters: list of ints, n of each run.
    """

    def __init__(self, constraint, rows, filters):
        self.constraint, self.rows, self.filters = constraint, rows, filters

    def __call__(self, stored):
        window = stored.shape[:2] if len(stored.shape) > 2 else (1, 1)
        kernels = zip(unpack(stored, self.rows, self.filters), self.rows, self.filters)
        kept = [self.constraint(ops.reshape(kernel, (*window, r, f))) for kernel, r, f in kernels]
        flat = [ops.reshape(each, (*stored.shape[:-1], -1)) for each in kept]
        return ops.reshape(kept[0], stored.shape) if len(kept) == 1 else ops.concatenate(flat, axis=-1)


class HetWeights(ConvolutionBase):
    """A convolution that holds a k x k kernel for one part of the channels, and a 1 x 1 kernel for the rest.

    Subclasses set `filters`, `parts` and `layout`, and compute.
    """

    def build(self, input_shape):
        self.channels = input_shape[-1]
        if self.channels is None:
            raise ValueError(f"`HetConv2D` must know the number of channels. Received: input_shape={input_shape}")
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: self.channels})
        self.compute_output_shape(input_shape)  # raises for a map that is smaller than the kernel
        self.packing = Packing(self.channels, self.filters, self.parts, self.layout)
        wide, narrow = self.packing.shapes(self.kernel_size)
        self.kernel = self.add_kernel("kernel", wide, self._initial(0), self._constraint(self.packing.wide))
        self.pointwise_kernel = None
        if math.prod(narrow):
            own = self._constraint(self.packing.narrow)
            self.pointwise_kernel = self.add_kernel("pointwise_kernel", narrow, self._initial(1), own)
        self.add_bias()

    def _constraint(self, held):
        return self.kernel_constraint and _ByRun(self.kernel_constraint, *held)

    def _initial(self, index):
        """Return an initializer that draws a dense kernel and keeps what this layer holds of it.

        Variance scaling then counts more inputs per filter than there are, by `density`, which is corrected.
        """

        def initializer(shape, dtype=None):
            dense = (*self.kernel_size, self.channels, self.filters)
            kept = self.cut(np.arange(math.prod(dense)).reshape(dense))[index]
            values = ops.take(ops.reshape(self.kernel_initializer(dense, dtype=dtype), (-1,)), kept.reshape(shape))
            scaled = isinstance(self.kernel_initializer, keras.initializers.VarianceScaling)
            return values / math.sqrt(self.density) if scaled else values

        return initializer

    @property
    def weights_per_position(self) -> int:
        """The weights that one output position multiplies with: the layer's own without the bias."""
        wide = self.packing.wide_count
        return math.prod(self.kernel_size) * wide + self.channels * self.filters - wide

    @property
    def weights_executed(self) -> int:
        """The products that an output position costs as executed: the 1 x 1 runs over all channels."""
        window, wide = math.prod(self.kernel_size), self.packing.wide_count
        if self.execution == "dense":
            return window * self.channels * self.filters
        return window * wide + (self.channels * self.filters if self.pointwise_kernel is not None else 0)

    @property
    def density(self) -> float:
        """The weights over those of a plain convolution: `1 / P + (1 - 1 / P) / k ** 2` if P divides M."""
        return self.weights_per_position / (math.prod(self.kernel_size) * self.channels * self.filters)

    def cut(self, dense, pointwise: str = "center") -> tuple[np.ndarray, np.ndarray]:
        """Return the values of `kernel` and `pointwise_kernel` nearest to a dense kernel.

        Args:
            dense: array (k, k, M, N).
            pointwise: str, what becomes of a k x k kernel where the layer has 1 x 1: its `"center"`; its `"sum"`,
                which keeps the response to a map that does not change over k pixels; or `"correlated"`, a sum with
                weights 0.5 ** distance, which loses least where neighbours correlate so. Default `"center"`.

        Returns:
            A pair of NumPy arrays in the shapes of the variables; the second is empty if there is no 1 x 1.
        """
        return self.packing.cut(dense, pointwise)

    def dense_kernel(self):
        """Return the (k, k, M, N) kernel of the plain convolution that this layer equals."""
        return self.packing.dense(self.kernel, self.pointwise_kernel)

    def save_own_variables(self, store):
        """Save the weights, and as `form` the parts and whether they are shifted: shapes do not tell them."""
        super().save_own_variables(store)
        if self.built:
            store["form"] = np.array([self.parts, self.layout == "shifted"], "int32")

    def load_own_variables(self, store):
        """Load the weights.

        Args:
            store: mapping of str to array, as `save_own_variables` fills it; `form` may be missing.

        Raises:
            ValueError: if the weights are of other parts or of another layout; the layer is left as it was.
        """
        variables = {key: store[key] for key in store.keys()}  # noqa: SIM118 (Keras' stores are no iterables)
        if "form" in variables:
            self._check_form(np.ravel(variables.pop("form")).tolist())
        super().load_own_variables(variables)

    def _check_form(self, form):
        one_part = form[:1] == [1] == [self.parts]  # a plain convolution in either layout
        if form == [self.parts, self.layout == "shifted"] or one_part:
            return
        known = len(form) == 2 and form[1] in (0, 1)
        described = f"parts={form[0]}, layout={LAYOUTS[int(form[1])]!r}" if known else f"form={form}"
        raise ValueError(
            f"`parts` and `layout` of the layer {self.name!r} must be those of its weights, {described}. "
            f"Received: parts={self.parts}, layout={self.layout!r}"
        )
