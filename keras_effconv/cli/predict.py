"""Print the five most likely classes of images.

    keras-effconv predict cat.jpg dog.jpg                              # EfficientNetLite0, the classes of ImageNet
    keras-effconv predict rose.jpg --model=outputs/finetune/model.keras
    keras-effconv predict cat.jpg --model=hf://timm/resnet18.a1_in1k   # a repository of the Hugging Face hub

--model is the name of a network, or a model.keras that `keras-effconv finetune` wrote; the file labels.txt next to it
has the names of the classes.
"""

import sys


def define(flags):
    """Define the flags."""
    flags.string("model", "EfficientNetLite0", "Name of a network, the path of a .keras file, or hf://user/name.")
    flags.string("conv", "Conv()", "Kind of convolution, for a network by name.")
    flags.integer("top", 5, "Classes to print for each image.", 1)


def run(flags, words):
    """Load the model, and print a table for each image."""
    from keras_effconv.cli import models

    if not words:
        raise ValueError("`IMAGE` must be at least one file. Received: nothing")
    model, names = models.load(flags.model, flags.conv)
    report = getattr(model, "load_report", None)
    if report is not None and report.approximate:
        print(f"{flags.conv} computes other numbers with the weights of Conv(): fine-tune it first", file=sys.stderr)
    return predict(model, names or [f"class {i}" for i in range(model.output_shape[-1])], words, flags.top)


def predict(model, names, paths, top):
    """Print a table for each image; one that cannot be read is a line on stderr, and status 1 at the end."""
    import numpy as np

    from keras_effconv import preprocessing_for
    from keras_effconv.data.images.reading import UnreadableImageError, compiled_decoder, read_image

    layer, failed = preprocessing_for(model), False
    view = layer.preprocessing
    decoder = compiled_decoder(view)
    for path in paths:
        try:
            image = np.asarray(read_image(path, decoder))
        except (UnreadableImageError, OSError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            failed = True
            continue
        scores = np.asarray(model.predict(np.asarray(layer(image[None])), verbose=0))[0]
        print(path)
        for i in np.argsort(-scores)[:top]:
            print(f"  {scores[i]:6.1%}  {names[i]}")
    return int(failed)
