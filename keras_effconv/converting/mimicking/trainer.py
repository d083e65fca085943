"""What is trained: a student's maps and outputs against its teacher's, in one Keras model."""

import keras
import numpy as np
from keras import ops

from keras_effconv.layers.octaves import pool

FLOOR = 1e-2  # of a map's mean variance: what the variance of a channel counts as at least


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
        self.student, self.teacher, self.places = student, teacher, places
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
    """Adam whose learning rate is in units of the root mean square of each variable.

    Args:
        learning_rate: float or schedule.
        units: sequence of floats, one for each variable that is trained.
        **options: those of `keras.optimizers.Adam`.
    """

    def __init__(self, learning_rate, units, **options):
        super().__init__(learning_rate, **options)
        self.units = tuple(units)

    def update_step(self, gradient, variable, learning_rate):
        unit = self.units[self._get_variable_index(variable)]
        super().update_step(gradient, variable, ops.cast(learning_rate, "float32") * unit)


def units_of(network):
    """Return the unit of each variable that is trained: its root mean square; of a vector, at least its kernel's."""
    units = []
    for layer in network.layers:
        sizes = [float(np.sqrt(np.mean(np.square(ops.convert_to_numpy(v))))) for v in layer.trainable_variables]
        least = max((s for s, v in zip(sizes, layer.trainable_variables) if len(v.shape) > 1), default=1e-3)
        units += [
            max(size, least if len(v.shape) == 1 else 1e-3 * least) for size, v in zip(sizes, layer.trainable_variables)
        ]
    return units
