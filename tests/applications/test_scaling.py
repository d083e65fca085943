"""Compound scaling and the search for its bases."""

import pytest
from commands import command

import keras_effconv as ke
from keras_effconv.applications.scaling import Scaling, candidates, grid_search


def test_the_papers_bases_are_on_the_default_grid():
    points = [point[:3] for point in candidates()]
    assert (1.2, 1.1, 1.15) in points
    assert all(abs(a * b**2 * g**2 - 2) <= 0.1 for a, b, g in points)
    assert len(points) == len(set(points))


@pytest.mark.long
@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNet", "MobileNetV2", "ResNet50", "ResNet20", "ResNet50V2"])
def test_compound_about_doubles_the_work(name):
    """Within what whole blocks, filters divisible by 8 and whole pixels leave of 1.92 = 1.2 * 1.1 ** 2 * 1.15 ** 2."""
    network = ke.applications.get(name)
    plain, scaled = (ke.count(network(weights=None, **scale)).macs for scale in ({}, ke.compound(1)))
    assert 1.7 < scaled / plain < 2.7


@pytest.mark.parametrize("phi", ["a", float("nan"), float("inf"), None])
def test_compound_of_what_is_no_number(phi):
    with pytest.raises(ValueError, match="`phi` must be a finite number"):
        ke.compound(phi)


@pytest.mark.parametrize("name", ["VGG11", "VGG16CIFAR"])
def test_width_multiplies_the_filters_of_vggs(name):
    def filters(width):
        model = ke.applications.get(name)(weights=None, include_top=False, input_shape=(32, 32, 3), width=width)
        return [layer.filters for layer in model.layers if hasattr(layer, "filters")]

    assert [int(0.3 * n) for n in filters(1)] == filters(0.3)


def test_the_best_score_comes_first_and_each_is_reported():
    seen = []
    points = candidates((1, 2), (1,), (1, 1.4))
    ranked = grid_search(lambda depth, width, resolution: resolution - depth, points, seen.append)
    assert [point.gamma for point in ranked] == [1.4, 1]
    assert sorted(seen) == sorted(ranked)
    assert ke.compound(1, *ranked[0][:3])["resolution"] == 1.4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: candidates(alphas=(0.9, 1)), "alphas"),
        (lambda: candidates((1,), (1,), (1,)), "nearest costs 1"),
        (lambda: grid_search(lambda **scale: float("nan"), [Scaling(1, 1, 1.4)]), "finite"),
    ],
)
def test_mistakes_are_one_line(wrong, message):
    with pytest.raises(ValueError, match=message) as caught:
        wrong()
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_the_command_trains_each_point_and_names_the_best():
    grid = ("--alphas=1", "--betas=1", "--gammas=1.37,1.4", "--model=ResNet20", "--width=0.25", "--tolerance=0.1")
    result = command("scale", "--score=accuracy", "--limit=10", "--epochs=1", *grid)
    assert result.returncode == 0, result.stderr
    assert "2 points" in result.stdout and "best: compound(phi, alpha=" in result.stdout


def test_a_bad_flag_of_the_command_is_one_line():
    result = command("scale", "--alphas=0.5")
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("keras-effconv scale: `alphas` must be")
