"""Who names what how: from the names in a weights file to those of the plain network.

A family lists its producers in its `Architecture`.
"""

from keras_effconv.zoo.names.bands import check_bands, in_bands, join
from keras_effconv.zoo.names.finding import Found, find
from keras_effconv.zoo.names.producer import OWN, Producer, rename
from keras_effconv.zoo.names.recognition import marked, recognise

__all__ = ["OWN", "Found", "Producer", "check_bands", "find", "in_bands", "join", "marked", "recognise", "rename"]
