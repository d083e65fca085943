"""Nine photographs of known classes, as a model wants them."""

import json

import numpy as np
from paths import SHARED
from reference import numpy

import keras_effconv as ke

FOLDER = ("data", "photos")


def photos_for(model):
    """Images (9, h, w, 3) as a model's weights want them, and a list of dicts with `file` and `accept`, the classes."""
    from keras_effconv.data.images.reading import compiled_decoder, read_image

    layer = ke.preprocessing_for(model)
    wanted = layer.preprocessing
    decoder = compiled_decoder(wanted)
    labels = json.loads(SHARED.joinpath(*FOLDER, "labels.json").read_text())
    files = [SHARED.joinpath(*FOLDER, photo["file"]) for photo in labels]
    return numpy(layer(np.stack([read_image(file, decoder) for file in files]))), labels
