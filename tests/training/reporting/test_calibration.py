"""Calibration next to its definitions in Guo et al. (2017), and on images that it was not fitted on."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_effconv.training import Evaluation
from keras_effconv.training.network import HEAD
from keras_effconv.training.reporting import calibration, findings
from keras_effconv.training.reporting import temperature as temperatures
from keras_effconv.training.reporting.calibration import calibrate
from keras_effconv.training.reporting.page import sections
from keras_effconv.training.reporting.temperature import find_temperature, scaled
from keras_effconv.training.result import Result

EDGES = st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75, 1.0])
SHARES = st.lists(st.tuples(EDGES | st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def softmax(logits):
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def drawn(temperature, n, classes=4, seed=0):
    """Logits whose labels are drawn at a temperature: at another one, the probabilities are not calibrated."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, classes))
    labels = np.array([rng.choice(classes, p=each) for each in softmax(logits / temperature)])
    return softmax(logits), labels


def evaluated(probabilities, labels):
    return Evaluation(probabilities, labels, tuple(map(str, range(probabilities.shape[1]))))


def error_by_definition(confidence, right, bins):
    """Equation 3: the sum over bins ((m - 1) / M, m / M] of |B| / n |acc(B) - conf(B)|."""
    total = 0.0
    for m in range(1, bins + 1):
        inside = [i for i, p in enumerate(confidence) if (m - 1) / bins < p <= m / bins or (m == 1 and p == 0)]
        if inside:
            accuracy = sum(right[i] for i in inside) / len(inside)
            total += len(inside) / len(right) * abs(accuracy - sum(confidence[i] for i in inside) / len(inside))
    return total


@given(SHARES, st.sampled_from([1, 4, 8]))  # of these, every edge is a number that floats hold
def test_the_error_is_that_of_the_paper(pairs, bins):
    confidence, right = map(np.array, zip(*pairs))
    sorted_in = calibration.reliability(confidence, right, bins)
    assert sum(each.images for each in sorted_in) == len(right)
    error = calibration.expected_calibration_error(sorted_in)
    assert error == pytest.approx(error_by_definition(confidence.tolist(), right.tolist(), bins), abs=1e-12)


def test_an_edge_belongs_to_the_bin_below():
    assert [each.images for each in calibration.reliability(np.array([0.0, 0.5, 0.51, 1.0]), np.ones(4), 2)] == [2, 2]


def test_a_temperature_divides_logits():
    logits = np.random.default_rng(0).normal(size=(20, 5))
    np.testing.assert_allclose(scaled(softmax(logits), 2.5), softmax(logits / 2.5), rtol=1e-10)
    assert np.isfinite(scaled(np.array([[1.0, 0.0]], "float32"), 0.5)).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_is_the_most_likely_one(temperature):
    probabilities, labels = drawn(temperature, 3000)
    found = find_temperature(probabilities, labels)
    assert found == pytest.approx(temperature, rel=0.1)
    grid = np.geomspace(0.2, 10, 2000)
    rows = np.arange(len(labels))
    losses = [-np.log(softmax(np.log(probabilities) / each)[rows, labels]).mean() for each in grid[::10]]
    assert found == pytest.approx(grid[::10][np.argmin(losses)], rel=0.03)


def test_of_two_classes_the_temperature_is_a_quotient():
    """If every answer has the odds of q, and a share a is right, the odds at the temperature are those of a."""
    found = find_temperature(np.tile([0.9, 0.1], (100, 1)), np.array([0] * 75 + [1] * 25))
    assert found == pytest.approx(np.log(9) / np.log(3), rel=1e-3)


@pytest.mark.parametrize("labels", [[0] * 20, [1] * 20, []])
def test_what_does_not_determine_a_temperature_has_none(labels):
    assert find_temperature(np.tile([0.9, 0.1], (len(labels), 1)), np.array(labels, int)) is None


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("right", [0, 5, 9, 10])
@pytest.mark.parametrize("confidence", [0.5, 0.505, 0.9, 0.999])
def test_a_page_says_why_there_is_no_temperature(confidence, right, held_out):
    """If every answer has the odds of q, and a share a is right, the best temperature is the quotient of their logs."""
    odds = [np.log(share / (1 - share)) if share < 1 else np.inf for share in (confidence, max(right / 10, 0.5))]
    temperature = None if odds == [0, 0] else odds[0] / odds[1] if odds[1] else np.inf
    labels = np.repeat([0, 1], [right, 10 - right])
    evaluation = evaluated(np.tile([confidence, 1 - confidence], (10, 1)), labels)
    other = evaluated(*drawn(1.0, 50, classes=2))
    pair = (other, "test images", evaluation, "validation images") if held_out else (evaluation, "images")
    measured = calibrate(*pair)
    within = temperature is not None and 0.05 < temperature < 20 and confidence > 0.5
    assert (measured.temperature is not None) == within
    side = None if within or confidence == 0.5 else 20 if temperature > 20 else 0.05
    assert measured.beyond == side
    words = sections.calibration(measured)
    assert ("the higher, the better, up to 20" in words) == (side == 20)
    assert ("the lower, the better, down to 0.05" in words) == (side == 0.05)
    assert ("its best temperature is" in words) == within and ("do not determine" in words) != within
    assert findings.described(measured)["beyond"] == side


def test_the_temperature_of_held_out_images_is_applied_to_the_others():
    validation, test = evaluated(*drawn(3.0, 1500)), evaluated(*drawn(3.0, 1500, seed=1))
    measured = calibrate(test, "test images", validation, "validation images")
    temperature = find_temperature(validation.probabilities, validation.labels)
    assert measured.temperature == temperature != find_temperature(test.probabilities, test.labels)
    confidence = scaled(test.probabilities, temperature).max(1)
    right = (test.predicted == test.labels).tolist()
    assert measured.ece == pytest.approx(error_by_definition(test.probabilities.max(1), right, 15), abs=1e-12)
    assert measured.ece_after == pytest.approx(error_by_definition(confidence, right, 15), abs=1e-12)
    assert measured.ece_after < 0.05 < 0.2 < measured.ece
    assert (measured.measured_on, measured.fitted_on) == ("test images", "validation images")


def test_without_other_images_no_image_is_measured_at_its_own_temperature(monkeypatch):
    """Each temperature is found on four fifths, and the images that it is applied to are the others."""
    evaluation, fitted, applied = evaluated(*drawn(2.0, 500)), [], []

    def find(probabilities, labels):
        fitted.append({row.tobytes() for row in probabilities})
        return find_temperature(probabilities, labels)

    def apply(probabilities, temperature):
        applied.append({row.tobytes() for row in probabilities})
        return scaled(probabilities, temperature)

    monkeypatch.setattr(calibration, "find_temperature", find)
    monkeypatch.setattr(calibration, "scaled", apply)
    measured = calibrate(evaluation, "validation images")
    assert measured.ece_after < measured.ece and "folds" in measured.fitted_on
    assert len(applied) == 5 and set().union(*applied) == {row.tobytes() for row in evaluation.probabilities}
    assert all(seen.isdisjoint(measured_on) for seen, measured_on in zip(fitted[-5:], applied))


def test_a_temperature_is_trusted_if_it_helps_on_other_images():
    """Of many images that are too sure it does; of few whose labels are of chance it need not."""
    sure, fine = evaluated(*drawn(3.0, 1500)), evaluated(*drawn(1.0, 1500))
    assert calibration.trusted_temperature(sure) == find_temperature(sure.probabilities, sure.labels)
    trusted = calibration.trusted_temperature(fine)
    assert trusted is None or trusted == pytest.approx(1, rel=0.1)
    few = [calibration.trusted_temperature(evaluated(*drawn(1.0, 20, seed=seed))) for seed in range(20)]
    assert few.count(None) > 8 and all(value is None or 0.05 < value < 20 for value in few)
    right = evaluated(np.tile([0.9, 0.1], (10, 1)), np.zeros(10, int))
    assert calibration.trusted_temperature(right) is None


def at_head(logits):
    """A classifier of logits that its images hold: their first pixels."""
    image = keras.Input((1, logits.shape[1], 1))
    flat = keras.layers.Flatten()(image)
    head = keras.layers.Dense(logits.shape[1], activation="softmax", name=HEAD, kernel_initializer="identity")
    return keras.Model(image, head(flat)), logits[:, None, :, None].astype("float32")


@pytest.mark.parametrize("with_test", [False, True])
def test_the_model_of_a_run_says_the_calibrated_probabilities(with_test, tmp_path):
    probabilities, labels = drawn(3.0, 900)
    other, theirs = drawn(3.0, 900, seed=1)
    model, images = at_head(np.log(probabilities))
    test = evaluated(other, theirs) if with_test else None
    result = Result(model, None, None, {}, {}, 0, None, 0, 0.0, tmp_path, evaluated(probabilities, labels), test)
    before = calibrate(result.evaluation, "validation images") if test is None else None
    changed, measured = findings.calibrated(result)
    assert measured.applied == find_temperature(probabilities, labels) == pytest.approx(3, rel=0.1)
    assert measured == before._replace(applied=measured.applied) if before else measured.measured_on == "test images"
    said = changed.model.predict(images, verbose=0)
    np.testing.assert_allclose(said, softmax(np.log(probabilities) / measured.applied), rtol=1e-4)
    np.testing.assert_allclose(said, changed.evaluation.probabilities, rtol=1e-4)
    assert changed.evaluation.accuracy == result.evaluation.accuracy
    np.testing.assert_array_equal(changed.evaluation.predicted, result.evaluation.predicted)
    assert (changed.test is None) == (test is None)
    again = calibrate(changed.test or changed.evaluation, "images")
    assert again.ece < measured.ece / 3


def test_a_model_that_says_what_is_so_stays_as_it_is(tmp_path):
    probabilities = np.tile([0.9, 0.1], (10, 1))
    model, _ = at_head(np.log(probabilities))
    weights = model.get_weights()
    result = Result(model, None, None, {}, {}, 0, None, 0, 0.0, tmp_path, evaluated(probabilities, np.zeros(10, int)))
    changed, measured = findings.calibrated(result)
    assert changed is result and measured.applied is None
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_few_mistakes_have_no_error_after():
    right = evaluated(np.tile([0.9, 0.1], (10, 1)), np.zeros(10, int))
    measured = calibrate(right, "validation images")
    assert (measured.temperature, measured.ece_after, measured.bins_after) == (None, None, None)
    assert measured.ece == pytest.approx(0.1)
    one = calibrate(evaluated(np.tile([0.9, 0.1], (10, 1)), np.array([0] * 9 + [1])), "validation images")
    assert one.temperature == pytest.approx(1.0, rel=1e-3) and one.ece_after is None


@pytest.mark.parametrize("values", [[[np.nan, 1.0]], [[0.9, 0.9]], [[-0.1, 1.1]], np.zeros((0, 2))])
def test_what_is_no_probability_is_not_calibrated(values):
    values = np.array(values)
    assert calibrate(evaluated(values, np.zeros(len(values), int)), "images") is None


def test_many_values_are_thinned_out(monkeypatch):
    probabilities, labels = drawn(2.0, 2000)
    whole = find_temperature(probabilities, labels)
    monkeypatch.setattr(temperatures, "VALUES", 2000)
    assert find_temperature(probabilities, labels) == find_temperature(probabilities[::4], labels[::4]) != whole
