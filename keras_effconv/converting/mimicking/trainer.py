"""What is trained: a student's maps and outputs against its teacher's, in one Keras model."""

import keras
import numpy as np
from keras import ops

from keras_effconv.layers.narrow_conv import with_right_gradients
from keras_effconv.layers.octaves import pool

FLOOR = 1e-2  # of a map's mean variance: what the variance of a channel counts as at least
LEAST = 1e-3  # of a variable's size: what the size of a weight counts as at least
USUAL = 144  # weights of a filter that a learning rate is meant for: 3 x 3 x 16


class Mimic(keras.Model):
    """A student next to its teacher: images in, the loss of each image out.

    Args:
        student: `keras.Model`; its outputs are its own and then those of all places, each band by itself.
        teacher: `keras.Model`; likewise, but one map for each place.
        places: list of `Place`.
        variances: list of arrays, of each channel of the teacher's maps.
        head_weight: float, of the outputs' loss next to the mean loss of the maps.
        spreads: list of floats, the variance of each of the outputs; `None` for one of probabilities.
    """

    def __init__(self, student, teacher, places, variances, head_weight, spreads):
        super().__init__(name="mimic", autocast=False)
        teacher.trainable = False
        self.student, self.teacher, self.places = with_right_gradients(student), teacher, places
        self.weights_of_maps = [1 / np.maximum(v, FLOOR * v.mean() + 1e-12) for v in variances]
        self.head_weight, self.spreads = head_weight, spreads

    def build(self, input_shape):
        self.built = True  # all of its parts are

    def call(self, images, training=False):
        del training  # normalization keeps its statistics, and nothing is dropped
        heads = len(self.spreads)
        targets = [ops.stop_gradient(x) for x in keras.tree.flatten(self.teacher(images, training=False))]
        outputs = keras.tree.flatten(self.student(images, training=False))
        maps, losses = iter(outputs[heads:]), 0.0
        for place, target, weights in zip(self.places, targets[heads:], self.weights_of_maps):
            losses = losses + self._map_loss([next(maps) for _ in place.student], target, weights, place)
        losses = losses / max(len(self.places), 1)
        for output, target, spread in zip(outputs[:heads], targets[:heads], self.spreads):
            losses = losses + self.head_weight * _head_loss(output, target, spread)
        return losses

    def _map_loss(self, outputs, target, weights, place):
        """Return the mean square error of each image in units of each channel's variance."""
        loss, first = 0.0, 0
        for name, output, count in zip(place.student, outputs, place.channels):
            part = ops.cast(target[..., first : first + count], "float32")
            part = pool(part, 1) if name.endswith("_low") and name != place.name else part
            error = ops.mean(ops.square(ops.cast(output, "float32") - part), axis=(1, 2))
            loss = loss + ops.sum(error * ops.cast(weights[first : first + count], "float32"), axis=-1)
            first += count
        return loss / first

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        del x, y, sample_weight, training
        return ops.mean(y_pred)


def _head_loss(output, target, spread):
    """Return the loss of an output: the divergence of probabilities, or the mean square error over the variance."""
    output, target = (ops.reshape(ops.cast(x, "float32"), (ops.shape(x)[0], -1)) for x in (output, target))
    if spread is not None:
        return ops.mean(ops.square(output - target), -1) / spread
    output, target = (ops.log(ops.clip(x, 1e-7, 1.0)) for x in (output, target))
    return ops.sum(ops.exp(target) * (target - output), axis=-1)


class RelativeAdam(keras.optimizers.Adam):
    """Adam whose learning rate is in units of the size of each weight.

    Args:
        learning_rate: float or schedule.
        units: sequence of arrays, one for each variable that is trained, that broadcast to it.
        **options: those of `keras.optimizers.Adam`.
    """

    def __init__(self, learning_rate, units, **options):
        super().__init__(learning_rate, **options)
        self.units = tuple(units)

    def update_step(self, gradient, variable, learning_rate):
        unit = ops.cast(self.units[self._get_variable_index(variable)], variable.dtype)
        super().update_step(gradient, variable, ops.cast(learning_rate, variable.dtype) * unit)


def units_of(network):
    """Return the unit of each variable that is trained: an array that broadcasts to it.

    Adam moves all weights by about the same, and all of a filter's at first in the direction that is worst for noise.
    What a step may change of a filter's output is to be the same in every layer: so the unit of a kernel's weight is
    its size, by the root mean squares of its filter and of its input channel, over the root of the weights of a filter.
    A folded kernel's channels differ by a hundredfold, which one number for all of them cannot serve.
    """
    units = []
    for layer in network.layers:
        filters = None
        for value in (ops.convert_to_numpy(v).astype("float64") for v in layer.trainable_variables):
            if value.ndim > 1:
                unit, filters = _kernel_units(value)
            else:
                unit = _vector_units(value, filters)
            units.append(unit.astype("float32"))
    return units


def _kernel_units(kernel):
    """Return the units of a kernel, whose last axes are its input channels and its filters, and each filter's size."""
    places = tuple(range(kernel.ndim - 2))
    rows, columns = _size(kernel, (*places, kernel.ndim - 1)), _size(kernel, (*places, kernel.ndim - 2))
    whole = max(float(_size(kernel, None).item()), 1e-12)
    is_depthwise = kernel.shape[-1] == 1
    count = np.prod(kernel.shape[: -2 if is_depthwise else -1])
    unit = np.maximum(rows * columns / whole, LEAST * whole) * min(1.0, np.sqrt(USUAL / count))
    return unit, (rows if is_depthwise else columns).ravel()


def _vector_units(vector, filters):
    """Return the units of a vector behind a kernel: its size, shared out as its filters' sizes, and at least these."""
    whole = float(_size(vector, None).item())
    if filters is None or filters.size != vector.size:
        return np.array(max(whole, LEAST))
    shared = filters / max(float(_size(filters, None).item()), 1e-12)
    return np.maximum(np.maximum(whole * shared, filters), LEAST * whole)


def _size(array, axes):
    return np.sqrt(np.mean(np.square(array), axis=axes, keepdims=True))
