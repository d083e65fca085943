"""Who names what how: from the names in a weights file to those of the plain network.

A family lists its producers in its `Architecture`.
"""

from keras_effconv.zoo.names.bands import check_bands, in_bands, join
from keras_effconv.zoo.names.finding import Found, find
from keras_effconv.zoo.names.ours import ours_of, theirs_of
from keras_effconv.zoo.names.producer import OWN, Producer, rename
from keras_effconv.zoo.names.recognition import marked_as, recognise
from keras_effconv.zoo.names.tracking import tracked

__all__ = [
    "OWN",
    "Found",
    "Producer",
    "check_bands",
    "find",
    "in_bands",
    "join",
    "marked_as",
    "ours_of",
    "recognise",
    "rename",
    "theirs_of",
    "tracked",
]
