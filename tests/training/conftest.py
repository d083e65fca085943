"""What tests of runs share."""

import pytest

from keras_effconv.training.reporting import outputs


@pytest.fixture
def no_export(monkeypatch):
    """The SavedModel takes most of the time of a small run, and is tested elsewhere."""
    monkeypatch.setattr(outputs, "_export", lambda *arguments: [])
