"""A TensorFlow SavedModel for TensorFlow Serving: image files in, labels and scores out."""

from keras_effconv.exporting import warmup
from keras_effconv.exporting.destination import versioned
from keras_effconv.exporting.format import LABELS, Format
from keras_effconv.exporting.isolated_check import verify
from keras_effconv.utils.files import write_lines


def write(classifier, folder, precision, settings):
    """Write three signatures of one set of variables, with the labels as an asset and requests to warm up with."""
    import tensorflow as tf

    write_lines(folder / LABELS, classifier.labels)
    initializer = tf.lookup.TextFileInitializer(
        str(folder / LABELS),
        *(tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER),
        *(tf.string, tf.lookup.TextFileIndex.WHOLE_LINE),
    )
    table = tf.lookup.StaticHashTable(initializer, "")
    module = tf.Module()  # Keras' ExportArchive stores each weight twice
    module.weights = [variable.value for variable in classifier.model.variables]
    module.table = table
    functions = {
        name: tf.function(function, input_signature=[spec], autograph=False)
        for name, (function, spec) in signatures(classifier, table, settings).items()
    }
    tf.saved_model.save(module, str(folder), functions)
    warmup.write(folder)


def signatures(classifier, table, settings):
    """Return a dict of name -> (function from a tensor to a dict of tensors, `TensorSpec` of its argument)."""
    import tensorflow as tf

    top = min(settings.top, len(classifier.labels))
    images = tf.TensorSpec(classifier.model.input_shape, tf.float32, name="images")
    files = tf.TensorSpec([None], tf.string, name="image_bytes")

    @tf.function(input_signature=[images], autograph=False)
    def network(images):  # one function that all signatures call
        return classifier.model(images, training=False)

    def best(images):
        probabilities = network(images)[0]
        scores, index = tf.math.top_k(probabilities, top)
        return {"labels": table.lookup(tf.cast(index, tf.int64)), "scores": scores, "probabilities": probabilities}

    def features(images):
        return {"features": network(images)[1]}

    return {
        "serving_default": (_of_files(best, classifier.preprocessing, settings.max_pixels), files),
        "float_images": (best, images),
        "features": (_of_files(features, classifier.preprocessing, settings.max_pixels), files),
    }


def _of_files(compute, resize, max_pixels):
    """Let `compute` read image files: rows without an image have zeros, empty strings and an error."""
    import tensorflow as tf

    from keras_effconv.data.images.decode_batch import decode_each

    def computed(image_bytes):
        images, error = decode_each(image_bytes, resize, max_pixels)
        good, outputs = tf.equal(error, ""), compute(tf.cast(images, tf.float32))
        kept = {name: tf.where(good[:, None], rows, tf.zeros_like(rows)) for name, rows in outputs.items()}
        return {**kept, "error": error}

    return computed


class LoadedSavedModel:
    """A function from float images to probabilities.

    Args:
        folder: path of a SavedModel that `write` has written.

    Attributes:
        signatures: mapping of str -> function, all that the SavedModel has.
    """

    def __init__(self, folder):
        import tensorflow as tf

        self._model = tf.saved_model.load(str(folder))  # the functions do not keep its variables alive
        self.signatures = self._model.signatures

    def __call__(self, images):
        import tensorflow as tf

        return self.signatures["float_images"](images=tf.constant(images))["probabilities"].numpy()


def load(folder, precision, threads, streams):
    """Load the signature `float_images`. The threads are TensorFlow's, for the whole process; any may call it."""
    import tensorflow as tf

    if threads:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        except RuntimeError:
            raise ValueError(
                "`threads` of a SavedModel must be set before TensorFlow computes anything: TF_NUM_INTRAOP_THREADS. "
                f"Received: threads={threads}"
            ) from None
    return LoadedSavedModel(folder)


FORMAT = Format(
    "saved_model",
    write,
    load,
    ("tensorflow",),
    versioned,
    settings=("version", "top", "max_pixels"),
    verify=verify,
)
