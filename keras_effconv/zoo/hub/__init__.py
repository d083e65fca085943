"""Repositories of the Hugging Face hub, and folders that are copies of them, as sources of weights."""

from keras_effconv.zoo.hub.address import is_address
from keras_effconv.zoo.hub.opening import check_network, is_described, is_repository, open_repository, source

__all__ = ["check_network", "is_address", "is_described", "is_repository", "open_repository", "source"]
