"""Batches that devices share: a last batch smaller than their number, and the numbers of one device."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from paths import ROOT
from small_runs import coloured

from keras_effconv import data
from keras_effconv.training import Recipe
from keras_effconv.training.devices import Devices
from keras_effconv.training.input_pipeline import EvenBatches, batches_of, feed

# Batches of 8, 8 and 1 image on two devices. Nothing but the head is trained, so that no statistic is of half a batch.
RUN = """
import dataclasses, json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from small_runs import TINY, coloured_set
from keras_effconv.training import train
from keras_effconv.training.devices import find_devices
labels = [0, 1, 2, 0] * 4 + [1]
options = {"head_c": 0.0, "epochs": 2, "unfreeze_blocks": 0, "dropout": 0.0, "lr": 0.1, "optimizer": "sgd", "seed": 3}
recipe = dataclasses.replace(TINY, warmup_epochs=0, weight_decay=1e-3, **options)
for mode in ("none", "mirrored"):
    folder, devices = f"{sys.argv[1]}/{mode}", find_devices(mode)
    result = train(recipe, coloured_set(labels, labels), folder, devices=devices, outputs=False)
    print("CURVES", json.dumps(result.curves))
"""


@pytest.mark.process
def test_a_last_batch_smaller_than_the_number_of_devices(tmp_path):
    path = os.pathsep.join(map(str, [ROOT, ROOT / "tests" / "support"]))
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = (json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("CURVES "))
    assert one.keys() == two.keys()
    for name in one:  # each as of one device: gradients, the loss of training and validation, accuracies
        np.testing.assert_allclose(two[name], one[name], rtol=1e-4, err_msg=name)


def test_padding_weighs_nothing():
    batches = EvenBatches(data.Batches(coloured([0, 1, 2, 0, 1]), 4), 4)
    lengths = [(len(images), weights.tolist()) for images, _, weights in batches]
    assert lengths == [(4, [1.0] * 4), (4, [1.0, 0.0, 0.0, 0.0])]


def test_one_device_gets_no_weights():
    assert len(feed(coloured([0, 1, 2]), Recipe(batch_size=2), devices=Devices())[0]) == 2


def test_a_batch_has_at_most_all_images():
    """3 images with --batch_size=512 are not computed as 512, in evaluation or for the head."""
    from keras_effconv.training import evaluate
    from keras_effconv.training.head import features

    class Model:
        seen = []  # noqa: RUF012

        def predict_on_batch(self, images):
            self.seen.append(len(images))
            return np.tile([0.2, 0.5, 0.3], (len(images), 1))

    split = coloured([0, 1, 2])
    assert evaluate(Model(), split, ("a", "b", "c"), 512).accuracy == pytest.approx(1 / 3)
    assert len(features(Model(), batches_of(split, 512), mirror=True)[1]) == 6
    assert set(Model.seen) == {3}
