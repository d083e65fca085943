"""A SavedModel as a server sees it: loaded in a process of its own, in which there is no Keras."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

# TensorFlow imports Keras by itself where it is installed: here neither can be found.
CODE = """
import sys
sys.modules["keras"] = sys.modules["keras_effconv"] = None
import numpy as np, tensorflow as tf
model, given, found = sys.argv[1:]
given, signatures = np.load(given), tf.saved_model.load(model).signatures
files = tf.constant([bytes(row) for row in np.split(given["files"], np.cumsum(given["lengths"])[:-1])])
images = signatures["float_images"](images=tf.constant(given["images"]))
served = signatures["serving_default"](image_bytes=files)
features = signatures["features"](image_bytes=files)
np.savez(
    found,
    images=images["probabilities"],
    files=served["probabilities"],
    features=features["features"],
    errors=[len(error) for error in served["error"].numpy()],
)
"""


def verify(program, folder, timeout=600):
    """The largest difference between a SavedModel and the Keras model it was made of.

    It is read by plain TensorFlow in a fresh process. All signatures are compared, on float images and on files, the
    last of which is no image.

    Raises:
        ValueError: the process failed, or the bad file was not told from the others.
    """
    import tensorflow as tf

    images = program.images()
    files = [tf.io.encode_png(tf.cast(image, tf.uint8)).numpy() for image in images] + [b"no image"]
    with tempfile.TemporaryDirectory() as temporary:
        given, found = Path(temporary) / "given.npz", Path(temporary) / "found.npz"
        lengths = [len(file) for file in files]
        np.savez(given, images=images, files=np.frombuffer(b"".join(files), "uint8"), lengths=lengths)
        command = [sys.executable, "-c", CODE, str(Path(folder).resolve()), str(given), str(found)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=temporary)
        if done.returncode:
            cause = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise ValueError(f"expected the SavedModel to run without Keras, received: {cause}")
        with np.load(found) as outputs:
            return _difference(program, images, files, outputs)


def _difference(program, images, files, outputs):
    from keras_effconv.data.images.decode_batch import decode_each

    last = len(files) - 1
    if outputs["errors"].astype(bool).tolist() != [False] * last + [True]:
        raise ValueError(f"expected an error for the last file only, received {outputs['errors'].tolist()}")
    decoded = decode_each(files[:-1], program.preprocessing)[0].numpy().astype("float32")
    expected = dict(zip(("files", "features"), program.predict(decoded)), images=program.predict(images)[0])
    return max(float(np.abs(outputs[name][:last] - rows).max()) for name, rows in expected.items())
