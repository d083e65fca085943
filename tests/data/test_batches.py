"""Splits, batches and their order, and the seeded choices."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_images import Seen

from keras_effconv.data import Batches, Split
from keras_effconv.data.batches import drawn_evenly
from keras_effconv.data.sources.split import limited, stratified


def numbered(count, size=2):
    """A split whose image number i is full of i."""
    images = np.repeat(np.arange(count, dtype=np.uint8), size * size * 3).reshape(count, size, size, 3)
    return Split(images, np.arange(count, dtype=np.int32), tuple(map(str, range(count))))


def test_split_take():
    taken = numbered(5).take([3, 1])
    assert (len(taken), taken.labels.tolist(), taken.names) == (2, [3, 1], ("3", "1"))
    assert taken.images[:, 0, 0, 0].tolist() == [3, 1] and taken.images.dtype == np.uint8


@pytest.mark.parametrize(
    "images, labels, names, message",
    [
        (np.zeros((2, 4, 4, 3)), np.zeros(2, np.int32), ("a", "b"), "`images` must be uint8"),
        (np.zeros((2, 4, 5, 3), np.uint8), np.zeros(2, np.int32), ("a", "b"), "`images` must be uint8"),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros(2, np.int64), ("a", "b"), "`labels` must be int32"),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros(3, np.int32), ("a", "b"), "`labels` must be int32"),
        (
            np.zeros((2, 4, 4, 3), np.uint8),
            np.zeros(2, np.int32),
            ("a",),
            "`names` must be 2, one an image. Received: 1 names",
        ),
    ],
)
def test_split_checks(images, labels, names, message):
    with pytest.raises(ValueError, match=message):
        Split(images, labels, names)


def epoch(batches):
    return [int(label) for _, labels in batches for label in labels]


def test_batches_cover_every_image_once():
    batches = Batches(numbered(10), batch_size=4)
    images, labels = batches[2]
    assert len(batches) == 3 and epoch(batches) == list(range(10))
    assert images.dtype == np.float32 and images.shape == (2, 2, 2, 3) and labels.dtype == np.int32
    np.testing.assert_array_equal(images[:, 0, 0, 0], [8, 9])
    with pytest.raises(IndexError, match=r"`index` of a batch must be 0 to 2. Received: index=3"):
        batches[3]


def test_batches_shuffle_by_seed_and_epoch():
    batches = Batches(numbered(50), 8, shuffle=True, seed=3)
    orders = []
    for _ in range(3):
        orders.append(epoch(batches))
        batches.on_epoch_end()
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len(set(map(tuple, orders))) == 3
    resumed = Batches(numbered(50), 8, shuffle=True, seed=3)
    resumed.set_epoch(2)
    assert epoch(resumed) == orders[2]
    assert epoch(Batches(numbered(50), 8, shuffle=True, seed=4)) != orders[0]


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 30), batch_size=st.integers(1, 9), number=st.integers(0, 4), data=st.data())
def test_batches_go_on_in_the_middle_of_an_epoch(count, batch_size, number, data):
    batches = Batches(numbered(count), batch_size, shuffle=True, seed=2)
    batches.set_epoch(number)
    whole = [labels.tolist() for _, labels in batches]
    start = data.draw(st.integers(0, len(whole) - 1))
    resumed = Batches(numbered(count), batch_size, shuffle=True, seed=2)
    resumed.set_epoch(number, start)
    assert len(resumed) == len(whole) - start and resumed.total == len(whole)
    assert [labels.tolist() for _, labels in resumed] == whole[start:]
    resumed.on_epoch_end()
    assert (resumed.epoch, resumed.start, len(resumed)) == (number + 1, 0, len(whole))


@settings(max_examples=60, deadline=None)
@given(labels=st.lists(st.sampled_from((0, 2, 3, 7)), min_size=1, max_size=80), seed=st.integers(0, 5))
def test_classes_are_drawn_equally_often(labels, seed):
    labels = np.array(labels, "int32")
    orders = [drawn_evenly(labels, seed, epoch) for epoch in (0, 1, 0)]
    np.testing.assert_array_equal(orders[0], orders[2])
    for order in orders:
        known, counts = np.unique(labels[order], return_counts=True)
        assert len(order) == len(labels) and set(known) <= set(labels) and np.ptp(counts) <= 1
        assert len(known) == len(set(labels)) or counts.max() == 1
        for label, count in zip(known, counts):
            images, times = np.unique(order[labels[order] == label], return_counts=True)
            assert np.ptp(times) <= 1 and len(images) == min(count, (labels == label).sum())


def test_a_large_class_shows_other_images_in_each_epoch():
    labels = np.array([0] * 40 + [1] * 4, "int32")
    shown = [set(drawn_evenly(labels, 0, epoch)) for epoch in range(20)]
    assert all(len(images) == 22 + 4 for images in shown) and set.union(*shown) == set(range(44))


def test_balanced_batches_go_on_in_the_middle_of_an_epoch():
    split = Split(np.zeros((44, 2, 2, 3), "uint8"), np.array([0] * 40 + [1] * 4, "int32"), tuple(map(str, range(44))))
    batches, resumed = (Batches(split, 8, shuffle=True, balanced=True) for _ in range(2))
    batches.set_epoch(3)
    resumed.set_epoch(3, start=2)
    whole, rest = ([labels.tolist() for _, labels in each] for each in (batches, resumed))
    assert rest == whole[2:] and sum(map(sum, whole)) == 22
    assert not sum(sum(labels.tolist()) for _, labels in Batches(split, 8, balanced=True)) > 4  # not shuffled: as it is


def test_batches_start_is_checked():
    batches = Batches(numbered(10), batch_size=4)
    for start in (-1, 3):
        with pytest.raises(ValueError, match=f"`start` must be 0 to 2. Received: start={start}"):
            batches.set_epoch(0, start)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="run_eagerly shows the pixels in TensorFlow only")
def test_fit_sees_the_order_of_each_epoch():
    batches, seen = Batches(numbered(12), 5, shuffle=True, seed=1), Seen()
    model = keras.Sequential([keras.Input((2, 2, 3)), keras.layers.Flatten(), seen, keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    options = {"shuffle": False, "verbose": 0, "callbacks": [batches.follow_epochs()]}
    model.fit(batches, epochs=3, **options)
    expected = []
    for number in range(3):
        batches.set_epoch(number)
        expected += epoch(batches)
    assert seen.numbers == expected
    seen.numbers.clear()
    model.fit(batches, initial_epoch=1, epochs=3, **options)
    assert seen.numbers == expected[12:]
    seen.numbers.clear()
    batches.set_epoch(1, start=2)  # Stopped after two batches of five in the second epoch.
    options["callbacks"] = [batches.follow_epochs()]
    model.fit(batches, initial_epoch=1, epochs=2, **options)
    model.fit(batches, initial_epoch=2, epochs=3, **options)
    assert seen.numbers == expected[12 + 10 :]


@pytest.mark.parametrize(
    "count, batch_size, message", [(0, 4, "at least 1 image"), (3, 0, "`batch_size` must be a positive integer")]
)
def test_batches_checks(count, batch_size, message):
    with pytest.raises(ValueError, match=message):
        Batches(numbered(count), batch_size)


@settings(max_examples=50, deadline=None)
@given(labels=st.lists(st.integers(0, 4), max_size=60), share=st.floats(0.05, 0.95), seed=st.integers(0, 5))
def test_stratified(labels, share, seed):
    train, validation = stratified(labels, share, seed)
    assert sorted([*train, *validation]) == list(range(len(labels)))
    for label in set(labels):
        count = labels.count(label)
        kept = sum(labels[i] == label for i in validation)
        assert kept < count and (count == 1 or kept >= 1)
        assert count == 1 or abs(kept - share * count) <= 1
    again = stratified(labels, share, seed)
    assert [part.tolist() for part in again] == [train.tolist(), validation.tolist()]


def test_limited():
    labels = ["a"] * 9 + ["b"] * 2
    rows = limited(labels, 3, seed=5)
    assert [labels[i] for i in rows] == ["a"] * 3 + ["b"] * 2
    assert rows.tolist() == limited(labels, 3, seed=5).tolist() == sorted(rows.tolist())
    assert limited(labels, None).tolist() == list(range(11))
