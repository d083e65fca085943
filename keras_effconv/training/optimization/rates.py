"""The highest learning rate of a run that names none."""

LR, FUSED_LR = 1e-3, 1e-4  # kernels over many channels under frozen batch statistics collapse at 1e-3
SOME, MUCH = 0.01, 0.05  # shares of mistakes between which the rate rises
LEAST = 0.03  # of the rate
FOLDS_ACCURACY = "folds_accuracy"


def highest_rate(recipe, report, head):
    """Return the rate that a recipe names, or one that suits the network and the images.

    A pretrained network whose features leave the head few mistakes has little to learn, and a few hundred images can
    only make them worse. So the rate goes down with the mistakes that the head makes on training images that it has
    not seen.

    Args:
        recipe: `Recipe`.
        report: `LoadReport` of the network's weights, or `None`.
        head: dict of the curves of the head; under `FOLDS_ACCURACY` its accuracy in folds of the training images.

    Returns:
        float.

    Example:

    >>> from keras_effconv.training.recipe import Recipe
    >>> [round(highest_rate(Recipe(), None, {FOLDS_ACCURACY: [right]}), 6) for right in (0.9, 0.97, 1.0)]
    [0.001, 0.0005, 3e-05]
    """
    if recipe.lr is not None:
        return recipe.lr
    if report is not None and report.fused:
        return FUSED_LR
    wrong = 1 - head[FOLDS_ACCURACY][-1] if FOLDS_ACCURACY in head else MUCH
    return LR * min(1.0, max(LEAST, (wrong - SOME) / (MUCH - SOME)))
