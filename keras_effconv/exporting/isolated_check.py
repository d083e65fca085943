"""Check a SavedModel as a server sees it: loaded in a process of its own, without Keras."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from keras_effconv.inference.compare import largest_of_logits

# TensorFlow imports Keras by itself if it is installed, so the process makes both packages impossible to find.
CODE = """
import sys
sys.modules["keras"] = sys.modules["keras_effconv"] = None
import numpy as np, tensorflow as tf
model, inputs, outputs = sys.argv[1:]
inputs, signatures = np.load(inputs), tf.saved_model.load(model).signatures
files = tf.constant([bytes(row) for row in np.split(inputs["files"], np.cumsum(inputs["lengths"])[:-1])])
images = signatures["float_images"](images=tf.constant(inputs["images"]))
served = signatures["serving_default"](image_bytes=files)
features = signatures["features"](image_bytes=files)
np.savez(
    outputs,
    images=images["probabilities"],
    files=served["probabilities"],
    features=features["features"],
    errors=[len(error) for error in served["error"].numpy()],
)
"""


def verify(classifier, folder, timeout=600):
    """Return the largest difference between a SavedModel and the Keras model that it was written from.

    Plain TensorFlow reads it in a new process. All signatures are compared, on float images and on files. The last
    file is no image.

    Args:
        classifier: `Classifier`.
        folder: path of the SavedModel.
        timeout: float, seconds. Default 600.

    Returns:
        A float, over all probabilities and features.

    Raises:
        ValueError: the process failed, or the errors are not those of the files.
    """
    import tensorflow as tf

    images = classifier.images()
    files = [tf.io.encode_png(tf.cast(image, tf.uint8)).numpy() for image in images] + [b"no image"]
    with tempfile.TemporaryDirectory() as temporary:
        source, target = Path(temporary) / "inputs.npz", Path(temporary) / "outputs.npz"
        lengths = [len(file) for file in files]
        np.savez(source, images=images, files=np.frombuffer(b"".join(files), "uint8"), lengths=lengths)
        command = [sys.executable, "-c", CODE, str(Path(folder).resolve()), str(source), str(target)]
        process = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=temporary)
        if process.returncode:
            cause = (process.stderr.strip().splitlines() or ["no message"])[-1]
            raise ValueError(f"`model` must run as a SavedModel without Keras. Received: {cause}")
        with np.load(target) as outputs:
            return _difference(classifier, images, files, outputs)


def _difference(classifier, images, files, outputs):
    from keras_effconv.data.images.decode_batch import decode_each

    last = len(files) - 1
    if outputs["errors"].astype(bool).tolist() != [False] * last + [True]:
        lengths = outputs["errors"].tolist()
        raise ValueError(f"`model` must give an error for the last file only. Received: errors of lengths {lengths}")
    decoded = decode_each(files[:-1], classifier.preprocessing)[0].numpy().astype("float32")
    expected = dict(zip(("files", "features"), classifier.predict(decoded)), images=classifier.predict(images)[0])
    return float(np.max([largest_of_logits(rows, outputs[name][:last]) for name, rows in expected.items()]))
