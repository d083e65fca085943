"""What "convolution" means in a network: the value of `conv=`.

A kind turns feature maps into feature maps. Builders call its methods and know no more of it. Its repr is also its
name on a command line: `get(repr(kind)) == kind`.
"""

from keras_effconv.kinds.by_layer import ByLayer
from keras_effconv.kinds.conv import KINDS, Conv
from keras_effconv.kinds.het_conv import PC, HetConv
from keras_effconv.kinds.oct_conv import OctConv
from keras_effconv.kinds.separable import DWCPWC, GWCPWC
from keras_effconv.kinds.text import from_json, get, load, save, to_json

__all__ = [
    "DWCPWC",
    "GWCPWC",
    "KINDS",
    "PC",
    "ByLayer",
    "Conv",
    "HetConv",
    "OctConv",
    "from_json",
    "get",
    "load",
    "save",
    "to_json",
]
