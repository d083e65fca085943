"""Why a network answers as it does."""

from keras_effconv.explaining.grad_cam import grad_cam

__all__ = ["grad_cam"]
