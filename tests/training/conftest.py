"""What tests of runs share."""

import pytest

from keras_effconv.training import cross_validation, hyperparameters
from keras_effconv.training.reporting import outputs


@pytest.fixture
def no_export(monkeypatch):
    """The SavedModel takes most of the time of a small run, and is tested elsewhere."""
    monkeypatch.setattr(outputs, "_export", lambda *arguments: [])


@pytest.fixture(autouse=True)
def no_networks(request):
    """Where a stand-in trains, there are no networks to free, which takes half a second."""
    with pytest.MonkeyPatch.context() as patch:
        for module in () if "long" in request.keywords else (cross_validation, hyperparameters):
            patch.setattr(module, "forget", lambda: None)
        yield
