"""Networks and files that several tests of weights share."""

import numpy as np
import pytest
from checkpoints import small_resnet, torch_arrays
from weights import random_weights


@pytest.fixture(scope="module")
def network():
    return random_weights(small_resnet())


@pytest.fixture(scope="module")
def arrays(network):
    return torch_arrays(network)


@pytest.fixture(scope="module")
def built():
    return small_resnet()


@pytest.fixture
def model(built):
    """A network whose variables are all 0: built once."""
    built.set_weights([np.zeros(v.shape, v.dtype) for v in built.weights])
    return built


@pytest.fixture(scope="module")
def bodies():
    return {
        "plain": small_resnet(include_top=False, pooling="avg"),
        "five": small_resnet(classes=5),
        "sigmoid": small_resnet(classes=5, classifier_activation="sigmoid"),
    }
