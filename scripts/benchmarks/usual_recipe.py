"""Fine-tune as the guides of Keras do, within a time, to compare `keras-effconv finetune --minutes` with.

python scripts/benchmarks/usual_recipe.py --data_dir=flowers --minutes=5 --seed=0

A new softmax layer learns on the frozen network by Adam at 1e-3; after half of the time the whole network is unfrozen,
normalization in inference mode, and learns by Adam at 1e-5 (keras.io/guides/transfer_learning). Images are mirrored and
turned by up to a tenth of a turn. The accuracy is that of the last epoch: on the test images if there are any, else on
the validation images. The time of measuring it does not count.
"""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only


def define(flags):
    """Define the flags."""
    flags.string("model", "EfficientNetLite0", "Name of a network.")
    flags.string("data_dir", None, "Folder of images.", required=True)
    flags.integer("image_size", 0, "Pixels; 0 for the network's own.", 0)
    flags.integer("batch_size", 32, "Images of a step.", 1)
    flags.float("minutes", 5.0, "Of the whole run.", 0.1)
    flags.integer("seed", 0, "Of all that is drawn.", 0)


def run(flags, words):
    """Train, and print the accuracy after each half."""
    flags_only(words)
    import keras

    from keras_effconv import data
    from keras_effconv.training import Recipe
    from keras_effconv.training.network import backbone, preprocessing

    begun, halves = time.perf_counter(), 60 * flags.minutes / 2
    keras.utils.set_random_seed(flags.seed)
    recipe = Recipe(model=flags.model, image_size=flags.image_size)
    dataset = data.load(data_dir=flags.data_dir, resize=preprocessing(recipe), seed=flags.seed)
    base = backbone(recipe)
    model = _classifier(base, len(dataset.class_names))
    for half, rate in enumerate((1e-3, 1e-5)):
        for layer in base.layers:
            layer.trainable = half == 1 and not isinstance(layer, keras.layers.BatchNormalization)
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        epochs = _fit(model, dataset.train, flags.batch_size, begun + (half + 1) * halves)
        trained = time.perf_counter()
        known = dataset.validation if dataset.test is None else dataset.test
        accuracy = model.evaluate(known.images, known.labels, flags.batch_size, verbose=0)[1]
        shown = ("head alone", "whole network")[half]
        print(f"{shown}: {epochs} epochs, accuracy {accuracy:.1%}, {trained - begun:.0f} s", flush=True)
        begun += time.perf_counter() - trained


def _classifier(base, classes):
    import keras

    image = keras.Input(base.input_shape[1:])
    x = keras.layers.RandomRotation(0.1)(keras.layers.RandomFlip("horizontal")(image))
    x = keras.layers.Dropout(0.2)(base(x, training=False))
    return keras.Model(image, keras.layers.Dense(classes, activation="softmax")(x))


def _fit(model, split, batch_size, end):
    """Train whole epochs, of which the last is the one that the time ends in; return their number."""
    epochs = 0
    while time.perf_counter() < end:
        model.fit(split.images, split.labels, batch_size, verbose=0)
        epochs += 1
    return epochs


if __name__ == "__main__":
    main(__doc__, define, run)
