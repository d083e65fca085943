"""Settings of every test: reproducible examples, reproducible weights."""

import collections
import contextlib
import gc
import os
import random

# On JAX nearly all the time of a test goes to compiling operations that run once.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import keras
import numpy as np
import pytest
from exported import verified_here
from hypothesis import HealthCheck, settings

collect_ignore_glob = ["fixtures/make_*.py"]  # they need torch, and made what lies beside them

# TensorFlow's graphs are many objects that live on, and the collector walks through all of them: a tenth of the time.
gc.set_threshold(100_000, 50, 100)

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=5 if keras.backend.backend() == "jax" else 40,  # JAX compiles each shape anew
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


QUICK, USUAL = 8, 3  # cases of a grid, of which `make quick` and `make test` take one; `make test-all` takes the rest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the cases of grids as long, except a sample, and as slow, except a larger one."""
    seen = collections.Counter()
    for item in items:
        if item.get_closest_marker("grid"):
            number = seen[item.originalname]
            if number % QUICK:
                item.add_marker(pytest.mark.long)
                if number % USUAL:
                    item.add_marker(pytest.mark.slow)
            seen[item.originalname] += 1


@pytest.fixture(autouse=True, scope="session")
def no_network(tmp_path_factory):
    """No test asks the network for weights, nor finds what this user has fetched: an empty mirror, an empty cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_EFFCONV_ZOO", str(tmp_path_factory.mktemp("mirror")))
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        yield


@pytest.fixture(autouse=True, scope="session")
def seed_of_the_run():
    """TensorFlow's own seed is set once: each time it is set, all its compiled operations are forgotten."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def seed(seed_of_the_run):
    """Tests draw the same weights in whichever order they run: Keras takes their seeds from Python's generator."""
    random.seed(0)
    np.random.seed(0)


@pytest.fixture(autouse=True, scope="module")
def saved_models_are_compared_here(request):
    """Many tests write a SavedModel on the way; only those of exporting start a process to read it without Keras."""
    with contextlib.nullcontext() if "exporting" in request.path.parts else verified_here():
        yield
