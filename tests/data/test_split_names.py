"""Names of splits, as people write them."""

import pytest

from keras_effconv.data.sources.split_names import affixed_split_of, group_by_split, split_of, split_of_value

TRAIN = "train Train TRAIN training training_set train-set trainset TrainSet seg_train traindata train_images train2017"
VALIDATION = "val valid validation Validation valid_set val-set valset dev eval evaluation validation_data val2017"
TEST = "test Test testing test_set testset seg_test test-images holdout hold_out hold-out TestSet"


@pytest.mark.parametrize("split, names", [("train", TRAIN), ("validation", VALIDATION), ("test", TEST)])
def test_names_that_mean_a_split(split, names):
    assert {name: split_of(name) for name in names.split()} == dict.fromkeys(names.split(), split)
    assert {split_of_value(name) for name in names.split()} == {split}


def test_downloads_of_a_drive_have_dates():
    assert split_of("train-20201231T123456Z-001") == "train" and split_of("test (1)") == "test"


@pytest.mark.parametrize(
    "name", ["cats", "train_station", "latest", "contest", "evaluator", "", "123", "trainer", "té"]
)
def test_names_that_mean_none(name):
    assert split_of(name) is None


def test_names_with_the_rest_in_common():
    assert group_by_split(["flowers_train", "flowers_test"]) == {"train": ["flowers_train"], "test": ["flowers_test"]}
    assert group_by_split(["train_a", "test_b"]) == group_by_split(["bullet_train", "bus"]) == {}
    assert affixed_split_of("train-0-of-2")[0] == "train" and affixed_split_of("a_train_b") is None
    assert split_of_value("PublicTest") == "test" and split_of_value("7") is None
