"""A SavedModel that takes the bytes of image files, as TensorFlow Serving gets them."""

import keras

from keras_effconv.data.decode import decode
from keras_effconv.files import replacing
from keras_effconv.preprocessing import ImagePreprocessing, preprocessing_for


def export_serving(model, path, class_names):
    """Write a SavedModel from encoded images to classes. It needs plain TensorFlow to run, no Keras.

    The signature `serving_default` takes `image_bytes`, a string tensor (n,) of JPEG, PNG, GIF or BMP files, decodes,
    crops and resizes them as the model's weights want it, and gives `probabilities` (n, classes), `class` (n,) and
    `label` (n,). TensorFlow Serving's REST interface takes `{"instances": [{"image_bytes": {"b64": ...}}]}`.

    Args:
        model: a classifier, images (n, size, size, 3) -> probabilities, of this package or as `fine_tune` made it.
        path: directory to write, `.../1` for TensorFlow Serving. One that exists is replaced when all is written.
        class_names: sequence of str, in the order of the probabilities.

    Raises:
        ValueError: when the number of names is not the number of classes, or Keras runs on another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(f"expected KERAS_BACKEND=tensorflow to export, received {keras.backend.backend()!r}")
    if len(class_names) != model.output_shape[-1]:
        raise ValueError(f"expected {model.output_shape[-1]} class names, received {len(class_names)}")
    import tensorflow as tf

    layer = preprocessing_for(model)
    wanted = layer.preprocessing
    own = any(isinstance(each, ImagePreprocessing) for each in model.layers)

    def serve(image_bytes):
        def read(data):
            return decode(data, wanted.size, wanted.crop, wanted.interpolation)

        shape = tf.TensorSpec((wanted.size, wanted.size, 3), tf.uint8)
        images = tf.cast(tf.map_fn(read, image_bytes, fn_output_signature=shape), tf.float32)
        probabilities = model(images if own else layer(images), training=False)
        best = tf.argmax(probabilities, axis=-1)
        labels = tf.gather(tf.constant(list(class_names)), best)
        return {"probabilities": probabilities, "class": best, "label": labels}

    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [tf.TensorSpec([None], tf.string, name="image_bytes")]
    archive.add_endpoint("serving_default", serve, input_signature=signature)
    with replacing(path) as temporary:
        archive.write_out(str(temporary), verbose=False)
