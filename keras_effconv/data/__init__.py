"""Images and labels: from a folder, a CSV file, archives, TensorFlow Datasets, or scikit-learn's digits."""

from keras_effconv.data.archive import from_archives
from keras_effconv.data.catalog import list_sets as list
from keras_effconv.data.dataset import Batches, Dataset, Split
from keras_effconv.data.decode import decode
from keras_effconv.data.digits import digits
from keras_effconv.data.encoded import Files, Shards
from keras_effconv.data.folder import from_directory
from keras_effconv.data.loading import load, scan
from keras_effconv.data.stream import Stream, throughput
from keras_effconv.data.table import from_csv
from keras_effconv.data.tfds import from_tfds, prepare

__all__ = [
    "Batches",
    "Dataset",
    "Files",
    "Shards",
    "Split",
    "Stream",
    "decode",
    "digits",
    "from_archives",
    "from_csv",
    "from_directory",
    "from_tfds",
    "list",
    "load",
    "prepare",
    "scan",
    "throughput",
]
