"""The model zoo: published weights as records, readers to one dense form, and one strict `pour`."""

from keras_effconv.zoo.classes import decode_predictions, imagenet_classes
from keras_effconv.zoo.fetching.download import WeightsUnavailable
from keras_effconv.zoo.fetching.sources import locate, verify
from keras_effconv.zoo.load_report import LoadReport
from keras_effconv.zoo.loading import load, load_weights
from keras_effconv.zoo.model_files import load_classifier, load_model
from keras_effconv.zoo.pour import pour
from keras_effconv.zoo.readers import FormatError
from keras_effconv.zoo.records import RECORDS, Record, find, tags
from keras_effconv.zoo.source import Source, path_and_tag, resolve
from keras_effconv.zoo.table import list_sets as list
from keras_effconv.zoo.warm_start.fitting import fit

__all__ = [
    "RECORDS",
    "FormatError",
    "LoadReport",
    "Record",
    "Source",
    "WeightsUnavailable",
    "decode_predictions",
    "find",
    "fit",
    "imagenet_classes",
    "list",
    "load",
    "load_classifier",
    "load_model",
    "load_weights",
    "locate",
    "path_and_tag",
    "pour",
    "resolve",
    "tags",
    "verify",
]
