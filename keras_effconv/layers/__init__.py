"""The layers: HetConv2D, OctConv2D and what they need."""

from keras_effconv.layers.group_conv import GroupConv2D
from keras_effconv.layers.het_conv import HetConv2D
from keras_effconv.layers.oct_conv import OctConv2D
from keras_effconv.layers.oct_depthwise_conv import OctDepthwiseConv2D
from keras_effconv.layers.octaves import MergeBands, OctMaxPooling2D, SplitBands
from keras_effconv.layers.pad_channels import PadChannels
from keras_effconv.layers.padding import SamePadding2D
from keras_effconv.layers.take_channels import TakeChannels

__all__ = [
    "GroupConv2D",
    "HetConv2D",
    "MergeBands",
    "OctConv2D",
    "OctDepthwiseConv2D",
    "OctMaxPooling2D",
    "PadChannels",
    "SamePadding2D",
    "SplitBands",
    "TakeChannels",
]
