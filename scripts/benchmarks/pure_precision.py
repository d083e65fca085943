"""Train a small network on the digits with weights of half precision, and with weights in float32; print the losses.

python scripts/benchmarks/pure_precision.py
python scripts/benchmarks/pure_precision.py --policies=mixed_float16,float16 --seeds=1
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only

SIZE, WIDTHS, BATCH = 16, (8, 16, 32), 64


def define(flags):
    """Define the flags."""
    flags.list("policies", ["mixed_bfloat16", "bfloat16"], "Dtype policies of the network.")
    flags.list("optimizers", ["adam", "sgd"], "adam (peak 0.001) or sgd (peak 0.1, momentum 0.9); cosine to 0.")
    flags.integer("seeds", 3, "Runs of each.", 1)
    flags.integer("epochs", 4, "Epochs of a run.", 1)


def network():
    """Build a residual network of three blocks."""
    import keras
    from keras import layers

    def conv(x, filters, size, strides=1):
        return layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)

    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 90, -60 / 90, dtype="float32")(image)
    for filters, strides in zip(WIDTHS, (1, 2, 2)):
        first = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(conv(x, filters, 3, strides)))
        second = layers.BatchNormalization(momentum=0.9)(conv(first, filters, 3))
        x = layers.ReLU()(layers.add([second, conv(x, filters, 1, strides)]))
    scores = layers.Dense(10, activation="softmax", dtype="float32")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, scores)


def optimizer(name, steps):
    """Return an optimizer of Keras by name."""
    import keras

    rate = keras.optimizers.schedules.CosineDecay({"adam": 1e-3, "sgd": 0.1}[name], steps)
    return keras.optimizers.Adam(rate) if name == "adam" else keras.optimizers.SGD(rate, momentum=0.9)


def run(flags, words):
    """Train, and print a line for each run."""
    flags_only(words)
    import keras

    from keras_effconv import data
    from keras_effconv.policies import default_policy

    digits = data.digits(SIZE)
    steps = flags.epochs * -(-len(digits.train) // BATCH)
    train, validation = ((part.images[:].astype("float32"), part.labels) for part in (digits.train, digits.validation))
    print("optimizer  seed  policy          training loss  accuracy")
    for seed in range(flags.seeds):
        for name in flags.optimizers:
            for policy in flags.policies:
                keras.utils.set_random_seed(seed)
                with default_policy(policy):
                    model = network()
                    model.compile(optimizer(name, steps), "sparse_categorical_crossentropy", metrics=["accuracy"])
                curves = model.fit(*train, batch_size=BATCH, epochs=flags.epochs, verbose=0).history
                _, accuracy = model.evaluate(*validation, verbose=0)
                print(f"{name:9}  {seed:4}  {policy:14}  {curves['loss'][-1]:13.3f}  {accuracy:8.1%}", flush=True)


if __name__ == "__main__":
    main(__doc__, define, run)
