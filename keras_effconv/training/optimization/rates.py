"""How far a run leaves the pretrained network, if its recipe does not say: by how much there is to learn."""

from keras_effconv.training.headline import HEADLINES, IN_FOLDS

LR, FUSED_LR = 1e-3, 1e-4  # kernels over many channels under frozen batch statistics collapse at 1e-3
MUCH, LEAST = 0.05, 0.03  # a share of mistakes from which on all is to be learned; the least that is
SHARES = 0.25, 0.75  # of the trained weights in a model that had next to nothing to learn, and in one that had much


def asks(recipe) -> bool:
    """Return whether a recipe leaves to the head's mistakes what `to_learn` answers."""
    return recipe.epochs > 0 and (recipe.blend is None or (recipe.lr is None and not recipe.find_lr))


def to_learn(head) -> float:
    """Return how much a pretrained network has to learn, 0.03 to 1.

    If its features leave the head few mistakes on training images that it has not seen, a few hundred images can only
    make them worse. Of several labels, what the mean average precision lacks counts in place of mistakes.

    Args:
        head: dict of the curves of the head; `folds_accuracy` or `folds_mean_average_precision` is of folds of the
            training images.

    Example:

    >>> [round(to_learn({"folds_accuracy": [right]}), 2) for right in (0.9, 0.95, 0.975, 1.0)]
    [1.0, 1.0, 0.25, 0.03]
    """
    known = [head[f"{IN_FOLDS}{name}"][-1] for name in HEADLINES if f"{IN_FOLDS}{name}" in head]
    wrong = 1 - known[0] if known else MUCH
    return min(1.0, max(LEAST, (wrong / MUCH) ** 2))


def highest_rate(recipe, report, head) -> float:
    """Return the learning rate that a recipe names, or one that suits the network and the images.

    Args:
        recipe: `Recipe`.
        report: `LoadReport` of the network's weights, or `None`.
        head: dict of the curves of the head.
    """
    if recipe.lr is not None:
        return recipe.lr
    return FUSED_LR if report is not None and report.fused else LR * to_learn(head)


def trained_share(recipe, head) -> float:
    """Return the share of the trained weights in a model that a recipe names, or one from 0.25 to 0.75.

    Args:
        recipe: `Recipe`.
        head: dict of the curves of the head.
    """
    if recipe.blend is not None:
        return recipe.blend
    least, most = SHARES
    return least + (most - least) * to_learn(head)
