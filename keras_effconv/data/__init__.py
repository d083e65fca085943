"""Images and labels: from a folder, a CSV file, archives, TensorFlow Datasets, or scikit-learn's digits."""

from keras_effconv.data.batches import Batches
from keras_effconv.data.checking.check import check
from keras_effconv.data.checking.report import CheckReport
from keras_effconv.data.dataset import Dataset, Split
from keras_effconv.data.images.decode import decode
from keras_effconv.data.loading import load, scan
from keras_effconv.data.sources.catalog import list_sets as list
from keras_effconv.data.sources.csv_file import from_csv
from keras_effconv.data.sources.digits import digits
from keras_effconv.data.sources.encoded import Files, TfdsSplit
from keras_effconv.data.sources.folder import from_directory
from keras_effconv.data.sources.npz import from_archives
from keras_effconv.data.sources.tfds import from_tfds, prepare
from keras_effconv.data.stream import Stream, throughput
from keras_effconv.preprocessing import Resize

__all__ = [
    "Batches",
    "CheckReport",
    "Dataset",
    "Files",
    "Resize",
    "Split",
    "Stream",
    "TfdsSplit",
    "check",
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
