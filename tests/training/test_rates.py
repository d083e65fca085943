"""A run without a rate takes one that suits how much there is to learn, and a resumed one takes the same."""

import dataclasses

import numpy as np
import pytest
from small_runs import TINY, Stop, StopAt, coloured_set

from keras_effconv.training import Recipe, train
from keras_effconv.training.optimization.rates import LEAST, LR, trained_share


def first_rates(recipe, dataset, folder, **options):
    """Return the rate that the optimizer of a run begins with, and its result."""
    seen = []

    class Watch(StopAt):
        def on_train_begin(self, logs=None):
            seen.append(float(self.model.optimizer._learning_rate(0)))

    result = train(recipe, dataset, folder, callbacks=[Watch(-1, -1)], outputs=False, **options)
    return seen[0], result


def test_a_model_has_the_less_of_the_trained_weights_the_less_there_was_to_learn():
    shares = [trained_share(Recipe(), {"folds_accuracy": [right]}) for right in (0.5, 0.95, 0.96, 0.98, 1.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[:2] == [0.75, 0.75] and shares[-1] == pytest.approx(0.25 + 0.5 * LEAST)
    assert trained_share(Recipe(blend=0.9), {"folds_accuracy": [1.0]}) == 0.9


@pytest.mark.long
def test_what_most_images_did_not_take_part_in_is_not_known(tmp_path, capsys):
    """Easy classes of many images say nothing of others, which are too few for folds."""
    labels = [0, 1] * 8 + [2] * 4
    recipe = dataclasses.replace(TINY, lr=None, epochs=1, warmup_epochs=0, batch_size=8)
    seen, result = first_rates(recipe, coloured_set(labels, labels), tmp_path)
    assert seen == pytest.approx(LR) and "folds_accuracy" not in result.head_curves
    assert "it is not known how much there is to learn" in capsys.readouterr().out


@pytest.mark.long
def test_the_rate_is_low_where_the_head_is_right_at_once(tmp_path):
    labels = [i % 3 for i in range(30)]
    recipe = dataclasses.replace(TINY, lr=None, epochs=2, warmup_epochs=0, batch_size=8)
    easy, hard = coloured_set(labels, labels), coloured_set(labels, labels)
    noise = np.random.default_rng(0).integers(0, 255, hard.train.images.shape, "uint8")
    hard = dataclasses.replace(hard, train=dataclasses.replace(hard.train, images=noise))
    for dataset, rate in ((easy, LEAST * LR), (hard, LR)):
        folder = tmp_path / f"{rate}"
        seen, result = first_rates(recipe, dataset, folder)
        assert seen == pytest.approx(rate) and (result.head_curves["folds_accuracy"] == [1.0]) == (dataset is easy)
        with pytest.raises(Stop):
            train(recipe, dataset, folder / "again", callbacks=[StopAt(0, 1)], checkpoint_seconds=0, outputs=False)
        assert first_rates(recipe, dataset, folder / "again", resume=True)[0] == seen
    assert first_rates(dataclasses.replace(recipe, lr=0.01), easy, tmp_path / "own")[0] == pytest.approx(0.01)
