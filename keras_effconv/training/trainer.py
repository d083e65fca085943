"""What `fit` runs: augmentation, the network and its loss in one model, for every recipe."""

import threading

import keras
from keras import ops

from keras_effconv.layers.narrow_conv import with_right_gradients
from keras_effconv.preprocessing import ImagePreprocessing
from keras_effconv.training.devices import relative_share
from keras_effconv.training.optimization.losses import distilled
from keras_effconv.training.task import SingleLabel


class MeanLoss(keras.losses.Loss):
    """The mean of losses per example, weighted by the examples and scaled for the devices as Keras scales its own."""

    def __init__(self):
        super().__init__(name="mean", reduction="mean_with_sample_weight")

    def call(self, y_true, y_pred):
        return y_pred


class Trainer(keras.Model):
    """A network in training: images (n, h, w, 3), 0..255, and integer labels in, probabilities out.

    In training, images are augmented and mixed, and the loss is taken against labels mixed likewise; in evaluation
    the network alone acts. All that is drawn comes from seed generators among the model's variables, so whoever
    saves `variables` can resume exactly where training stopped.

    Args:
        network: classifier, images -> probabilities (n, classes).
        recipe: `Recipe`.
        augment: layer, images -> images of the size that `small` takes.
        mixing: `Mixing`.
        small: the network at another size of the image, on the same layers. Default: `network`.
        average: `MovingAverage` of the network, or `None`.
        teacher: `Teacher`, or `None`.
        penalty: callable -> scalar that is added to the loss, or `None`.
        class_weights: what `task.class_weights` returns, or `None`.
        shared: bool, whether devices of TensorFlow share each batch, padding included. Default `False`.
        task: `SingleLabel` or `MultiLabel`. Default: `SingleLabel()`.
    """

    def __init__(
        self,
        network,
        recipe,
        augment,
        mixing,
        small=None,
        average=None,
        teacher=None,
        penalty=None,
        class_weights=None,
        shared=False,
        task=None,
    ):
        # Its policy is what scales the loss in float16. Images keep their type: half precision would round them first.
        super().__init__(name="trainer", autocast=False)
        self.network, self.augment, self.mixing, self.average = with_right_gradients(network), augment, mixing, average
        self.small = small or network
        self.recipe, self.penalty, self.class_weights = recipe, penalty, class_weights
        self.teach, self.task = teacher, task or SingleLabel()
        self.mean = MeanLoss()
        # Keras weighs a batch's loss by its rows, padding included. Of two metrics of one name the last one counts.
        self.mean_loss = keras.metrics.Mean(name="loss") if shared else None
        self._step = threading.local()  # each device of TensorFlow traces its step in a thread, and they take turns

    def build(self, input_shape):
        self.built = True  # all of its parts are

    def call(self, images, training=False):
        if not training:
            return self.network(images, training=False)
        images = self.mixing(self.augment(ops.cast(images, "float32"), training=True), training=True)
        self._step.images = images  # the teacher looks at them when the loss is made
        probabilities = self.small(images, training=True)
        if self.average is not None:
            self.average(probabilities, training=True)
        return probabilities

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        recipe, task = self.recipe, self.task
        targets = task.targets(y, y_pred.shape[-1])
        if training:
            targets = self.mixing.targets(targets)
        losses = task.losses(targets, y_pred, *((recipe.label_smoothing, recipe.focal) if training else ()))
        if training and self.teach:
            soft = self.teach(self._step.images), recipe.temperature, recipe.teacher_weight
            losses = distilled(losses, y_pred, *soft, task.divergence)
        if training and self.class_weights is not None:
            losses = losses * task.weights(targets, self.class_weights)
        losses = task.of_images(losses)
        if training and self.penalty is not None:
            losses = losses + self.penalty()
        self._step.losses = losses
        return self.mean(losses, losses, sample_weight) * relative_share(sample_weight)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        losses = getattr(self._step, "losses", None)  # none as long as Keras only asks for the shapes of the metrics
        if self.mean_loss is not None and losses is not None:
            self.mean_loss.update_state(losses, sample_weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)


def at_size(model, size):
    """Return the same network, on the same layers, for images of another size.

    Args:
        model: functional model of one image (n, s, s, 3), whose head pools the map.
        size: int, pixels.

    Raises:
        ValueError: the network takes its own size only, as VGG with its dense layers does.
    """
    if model.input_shape[1] == size:
        return model

    def resized(layer):
        if not isinstance(layer, ImagePreprocessing):
            return layer
        return type(layer).from_config({**layer.get_config(), "size": size})

    image = keras.Input((size, size, model.input_shape[-1]), name="image")
    try:
        return keras.models.clone_model(model, input_tensors=image, clone_function=resized)
    except ValueError as error:
        raise ValueError(f"`{model.name}` must pool its last map to take images of {size} pixels: {error}") from None
