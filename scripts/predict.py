"""Print the five most likely classes of images.

    python scripts/predict.py cat.jpg dog.jpg                          # EfficientNetLite0, the classes of ImageNet
    python scripts/predict.py rose.jpg --model=outputs/finetune/model.keras

--model is the name of a network, or a model.keras that scripts/finetune.py wrote (labels.txt beside it names classes).
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags

FLAGS = flags.FLAGS

flags.DEFINE_string("model", "EfficientNetLite0", "Name of a network, or the path of a .keras file.")
flags.DEFINE_string("conv", "Conv()", "Kind of convolution, for a network by name.")
flags.DEFINE_integer("top", 5, "Classes to print for each image.", 1)


def main(argv):
    if len(argv) < 2:
        raise ValueError("expected at least one IMAGE, received none")
    model, names = load(FLAGS.model)
    predict(model, names, argv[1:])


def load(model):
    """A model and the names of its classes."""
    import keras

    import keras_effconv

    if Path(model).suffix != ".keras" and not Path(model).is_file():
        network = keras_effconv.applications.get(model)(conv=FLAGS.conv)
        if network.load_report.approximate:
            print(
                f"{FLAGS.conv} computes other numbers with the weights of Conv(): fine-tune it first", file=sys.stderr
            )
        return network, [name for _, name in keras_effconv.zoo.imagenet_classes()]
    if not Path(model).is_file():
        raise ValueError(f"--model: expected a file that exists or the name of a network, received {model!r}")
    loaded = keras.models.load_model(model, compile=False)
    labels = Path(model).with_name("labels.txt")
    names = labels.read_text(encoding="utf-8").splitlines() if labels.is_file() else None
    classes = loaded.output_shape[-1]
    if names is not None and len(names) != classes:
        raise ValueError(f"{labels}: expected {classes} names, received {len(names)}")
    return loaded, names or [f"class {i}" for i in range(classes)]


def predict(model, names, paths):
    """Print a table for each image; one that cannot be read is a line on stderr, and status 1 at the end."""
    import numpy as np

    from keras_effconv import preprocessing_for
    from keras_effconv.data.images.reading import UnreadableImageError, compiled_decoder, read_image

    layer = preprocessing_for(model)
    wanted, failed = layer.preprocessing, False
    decoder = compiled_decoder(wanted)
    for path in paths:
        try:
            image = np.asarray(read_image(path, decoder))
        except (UnreadableImageError, OSError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            failed = True
            continue
        scores = np.asarray(model.predict(np.asarray(layer(image[None])), verbose=0))[0]
        print(path)
        for i in np.argsort(-scores)[: FLAGS.top]:
            print(f"  {scores[i]:6.1%}  {names[i]}")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    cli.run(main)
