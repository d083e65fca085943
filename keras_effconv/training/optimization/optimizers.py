"""The optimizers of recipes: Keras' own, RMSprop as TensorFlow 1 has it, and a learning rate per block."""

import keras
from keras import ops

from keras_effconv.training.network import blocks


def make_optimizer(recipe, schedule, network):
    """Build the optimizer of a recipe.

    Args:
        recipe: `Recipe`; `optimizer`, `momentum`, `weight_decay` (AdamW alone: see `l2`), `accumulate` and
            `layer_decay` are used.
        schedule: learning rate, a float or a `LearningRateSchedule`.
        network: `keras.Model` whose variables are trained, for the blocks of `layer_decay`.

    Returns:
        A Keras optimizer, not built.
    """
    make, options = OPTIMIZERS[recipe.optimizer]
    options = {name: getattr(recipe, field) if field else value for name, (field, value) in options.items()}
    if recipe.layer_decay < 1:
        make, options["rates"] = LAYERWISE[make], layer_rates(network, recipe.layer_decay)
    if recipe.accumulate > 1:
        options["gradient_accumulation_steps"] = recipe.accumulate
    return make(schedule, **options)


def layer_rates(network, decay):
    """Return learning-rate factors: 1 for the head, `decay` for the last block, its square for the one before it, ...

    What lies before the first block gets the smallest, one `decay` below the first block's.

    Args:
        network: `keras.Model`.
        decay: float, 0 to 1.

    Returns:
        dict of path of a variable -> factor; what it does not name has 1.

    Example:

    >>> import keras_effconv
    >>> rates = layer_rates(keras_effconv.VGG16CIFAR(weights=None), 0.5)
    >>> rates["block5_conv1/kernel"], rates["block4_conv1/kernel"]
    (0.5, 0.25)
    """
    by_block = list(blocks(network).values())
    place = {layer.name: i for i, layers in enumerate(by_block) for layer in layers}
    rates, begun = {}, not by_block
    for layer in network.layers:
        begun = begun or layer.name in place
        above = len(by_block) - place.get(layer.name, len(by_block) if begun else -1)
        rates.update({variable.path: decay**above for variable in layer.weights if above})
    return rates


def l2(recipe, network):
    """Return the weight decay of an optimizer that has none of its own, as a term of the loss.

    Args:
        recipe: `Recipe`.
        network: `keras.Model`.

    Returns:
        A function without arguments -> scalar, float32: half of `weight_decay` times the sum of squares of the kernels
        that are trained when it is called (neither biases nor normalization). 0 with AdamW.
    """
    if recipe.optimizer == "adamw" or not recipe.weight_decay:
        return lambda: 0.0

    def term():
        kernels = [ops.cast(v, "float32") for v in network.trainable_variables if "kernel" in v.name]
        return 0.5 * recipe.weight_decay * sum(ops.sum(ops.square(kernel)) for kernel in kernels)

    return term


@keras.saving.register_keras_serializable(package="keras_effconv")
class KernelAdamW(keras.optimizers.AdamW):
    """AdamW that does not decay biases and normalization, after loading too: Keras does not save what is excluded."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])


@keras.saving.register_keras_serializable(package="keras_effconv")
class RMSpropTF1(keras.optimizers.RMSprop):
    """RMSprop as TensorFlow 1 has it (`tf.raw_ops.ApplyRMSProp`), with which EfficientNet was trained.

    `square = rho * square + (1 - rho) * g ** 2`, `step = momentum * step + lr * g / sqrt(square + epsilon)`. In Keras 3
    the mean square starts at 0, so that the first steps are up to `1 / sqrt(1 - rho)` times as long, the length of a
    gradient being of no account; in this class it starts at 1. `epsilon` inside the root and the learning rate inside
    the momentum are the same in both. (PyTorch has both outside.)

    Args:
        learning_rate: float or schedule.
        rho: float. Default 0.9.
        momentum: float. Default 0.9, as EfficientNet has it.
        epsilon: float. Default 1e-3, as EfficientNet has it.
        **options: the other arguments of `keras.optimizers.RMSprop`.
    """

    def __init__(self, learning_rate=0.001, rho=0.9, momentum=0.9, epsilon=1e-3, **options):
        super().__init__(learning_rate, rho=rho, momentum=momentum, epsilon=epsilon, **options)

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        start = "ones" if name == "velocity" else initializer  # Keras' name of the mean square
        return super().add_optimizer_variables(trainable_variables, name, start)


class Layerwise:
    """An optimizer whose learning rate, and weight decay with it, has a factor per variable.

    Args:
        rates: dict of a variable's path -> factor; 1 for what it does not name.
        *arguments, **options: those of the optimizer.
    """

    def __init__(self, *arguments, rates=None, **options):
        super().__init__(*arguments, **options)
        self.rates = dict(rates or {})

    def build(self, variables):
        if not self.built:
            self._factors = tuple(self.rates.get(variable.path, 1.0) for variable in variables)
            super().build(variables)

    def update_step(self, gradient, variable, learning_rate):
        # By index, since Keras hands over a variable of TensorFlow, which has no path.
        rate = ops.cast(learning_rate, "float32") * self._factors[self._get_variable_index(variable)]
        if self.weight_decay and self._use_weight_decay(variable):
            self.assign_sub(variable, ops.multiply(variable, ops.cast(rate * self.weight_decay, variable.dtype)))
        super().update_step(gradient, variable, rate)

    def _apply_weight_decay(self, variables):
        """Do nothing: Keras would decay all variables by one rate; `update_step` does."""

    def get_config(self):
        return {**super().get_config(), "rates": self.rates}


@keras.saving.register_keras_serializable(package="keras_effconv")
class LayerwiseAdamW(Layerwise, KernelAdamW):
    """KernelAdamW with a learning rate per variable."""


@keras.saving.register_keras_serializable(package="keras_effconv")
class LayerwiseSGD(Layerwise, keras.optimizers.SGD):
    """SGD with a learning rate per variable."""


@keras.saving.register_keras_serializable(package="keras_effconv")
class LayerwiseRMSpropTF1(Layerwise, RMSpropTF1):
    """RMSpropTF1 with a learning rate per variable."""


LAYERWISE = {
    KernelAdamW: LayerwiseAdamW,
    keras.optimizers.SGD: LayerwiseSGD,
    RMSpropTF1: LayerwiseRMSpropTF1,
}
MOMENTUM = {"momentum": ("momentum", None)}  # argument: the recipe's field, or a value
OPTIMIZERS = {
    "adamw": (KernelAdamW, {"weight_decay": ("weight_decay", None)}),
    "sgd": (keras.optimizers.SGD, MOMENTUM),
    "nesterov": (keras.optimizers.SGD, {**MOMENTUM, "nesterov": (None, True)}),
    "rmsprop": (RMSpropTF1, MOMENTUM),
}
