"""Labels that are wrong on purpose are found, by heads that have not seen the image."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import TINY, coloured_set

from keras_effconv.training.head import features as computed
from keras_effconv.training.input_pipeline import feed
from keras_effconv.training.reporting import mislabelled
from keras_effconv.training.reporting.mislabelled import search, suspicious

LABELS = [0, 1, 2] * 20
RECIPE = dataclasses.replace(TINY, head_c=10.0)


def blobs(labels, seed=0):
    """Features of classes that are far apart."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(len(labels), 8)) + 8 * np.eye(8)[labels]).astype("float32")


def by_definition(probabilities, labels):
    """Northcutt et al., 2021, section 3.1: thresholds, then what is off the diagonal of the confident joint."""
    n, classes = probabilities.shape
    means = {j: np.mean([probabilities[i, j] for i in range(n) if labels[i] == j]) for j in set(labels.tolist())}
    found = set()
    for i in range(n):
        reached = [j for j in range(classes) if j in means and probabilities[i, j] >= means[j]]
        if reached and labels[i] not in reached:
            found.add((i, max(reached, key=lambda j: probabilities[i, j])))
    return found


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 40))
def test_suspects_are_off_the_diagonal_of_the_confident_joint(seed, classes, n):
    rng = np.random.default_rng(seed)
    probabilities, labels = rng.dirichlet(np.ones(classes), n), rng.integers(0, classes, n)
    found = suspicious(probabilities, labels)
    assert {(image, suggestion) for image, suggestion, _ in found} == by_definition(probabilities, labels)
    own = [probabilities[image, labels[image]] for image, _, _ in found]
    assert own == sorted(own)


def test_labels_that_were_changed_are_found():
    wrong = {4: 0, 17: 1, 30: 2}  # image -> its label in the data; by its number it is another
    labels = np.array(LABELS)
    features = blobs(labels)
    labels[list(wrong)] = list(wrong.values())
    dataset = coloured_set(labels.tolist(), [0, 1, 2])
    found = search(features, labels, dataset, RECIPE)
    assert (found.images, found.skipped, found.right) == (60, "", 60 - len(wrong))  # the classes are far apart
    changed = {suspect.index: suspect for suspect in found.suspects}
    assert set(wrong) == set(changed)
    for index, suspect in changed.items():
        assert suspect.suggestion == dataset.class_names[LABELS[index]] != suspect.label
        assert (suspect.label, suspect.file) == (dataset.class_names[wrong[index]], f"image {index}")
        assert suspect.self_confidence < suspect.threshold


def test_mirror_images_are_left_out():
    """A mirror image has the features of its image: in another fold, it would vouch for a wrong label."""
    labels = np.array(LABELS)
    features, size = blobs(labels), 7
    labels[4] = 0
    dataset = coloured_set(labels.tolist(), [0, 1, 2])
    batches = [np.arange(first, min(first + size, 60)) for first in range(0, 60, size)]
    rows = np.concatenate([np.concatenate([batch, batch]) for batch in batches])
    mirrored = search(features[rows], labels[rows], dataset, RECIPE, True, size)
    assert mirrored == search(features, labels, dataset, RECIPE)
    assert [suspect.index for suspect in mirrored.suspects] == [4]


def test_the_rows_of_the_images_are_those_that_features_writes():
    import keras

    from keras_effconv.training.head import originals

    image = keras.Input((32, 32, 3))
    backbone = keras.Model(image, keras.layers.Flatten()(image[:, :2, :, :1]))
    dataset = coloured_set([0, 1, 2] * 3, [0])
    batches = feed(dataset.train, TINY)
    both, _ = computed(backbone, batches, mirror=True)
    plain, _ = computed(backbone, batches)
    np.testing.assert_array_equal(both[originals(9, batches.batch_size)], plain)


@pytest.mark.parametrize(
    ("labels", "features", "reason"),
    [
        ([0] * 9 + [1] * 4, None, "two classes of 5 images"),
        ([0, 1] * 6, np.zeros((11, 8), "float32"), "could not be read"),
        ([0, 1] * 6, np.zeros((12, 5_000_000), "bool"), "long"),
    ],
)
def test_a_search_that_makes_no_sense_is_skipped(labels, features, reason):
    labels = np.array(labels)
    features = blobs(labels) if features is None else features
    found = search(features, labels[: len(features)], coloured_set(labels.tolist(), [0]), RECIPE)
    assert reason in found.skipped and not found.suspects


def test_mapped_features_are_not_searched(tmp_path):
    mapped = np.memmap(tmp_path / "x", "float32", "w+", shape=(60, 8))
    assert search(mapped, np.array(LABELS), coloured_set(LABELS, [0]), RECIPE).skipped


def test_small_classes_are_neither_suspected_nor_suggested():
    labels = np.array([*LABELS, 3, 3])
    dataset = coloured_set(labels.tolist(), [0, 1, 2], class_names=("red", "green", "blue", "yellow"))
    labels[4] = 0
    found = search(blobs(labels), labels, dataset, RECIPE)
    assert found.images == 60
    assert {"yellow"}.isdisjoint(name for each in found.suspects for name in (each.label, each.suggestion))


def test_a_search_is_read_by_its_own_run_only(tmp_path):
    found = mislabelled.Search(3, "", [mislabelled.Suspect(1, "a\udcff.jpg", "x", "y", 0.1, 0.5)], right=2)
    mislabelled.write(tmp_path, found, "this run")
    assert mislabelled.read(tmp_path, "this run") == found
    assert mislabelled.read(tmp_path, "another") is None
    path = tmp_path / mislabelled.FILE
    for damaged in ("{", "[]", json.dumps({"run": "this run", "images": 3})):
        path.write_text(damaged)
        assert mislabelled.read(tmp_path, "this run") is None
    path.unlink()
    assert mislabelled.read(tmp_path, "this run") is None
