"""Why a network answers as it does."""

from keras_effconv.explaining.grad_cam import grad_cam, grad_cam_by_band
from keras_effconv.explaining.maps import feature_map

__all__ = ["feature_map", "grad_cam", "grad_cam_by_band"]
