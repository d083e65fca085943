"""Images and labels, from a folder, from TensorFlow Datasets, or from scikit-learn's digits."""

from keras_effconv.data.archive import from_archives
from keras_effconv.data.dataset import Batches, Dataset, Split
from keras_effconv.data.decode import decode
from keras_effconv.data.digits import digits
from keras_effconv.data.folder import from_directory
from keras_effconv.data.loading import load
from keras_effconv.data.tfds import from_tfds

__all__ = ["Batches", "Dataset", "Split", "decode", "digits", "from_archives", "from_directory", "from_tfds", "load"]
