"""The number that a network is judged by: accuracy, or mean average precision if an image may have several labels."""

ACCURACY, MEAN_AVERAGE_PRECISION = "accuracy", "mean_average_precision"
HEADLINES = (ACCURACY, MEAN_AVERAGE_PRECISION)
IN_FOLDS = "folds_"  # of the headline of heads, on training images that they have not seen


def headline(*curves) -> str:
    """Return the name of the number that curves are judged by.

    Args:
        *curves: dicts of curves by name.

    Example:

    >>> headline({"val_mean_average_precision": [0.9]}), headline({})
    ('mean_average_precision', 'accuracy')
    """
    return next((name for name in HEADLINES if any(f"val_{name}" in each for each in curves)), ACCURACY)


def in_words(name: str) -> str:
    """Return the name of a number as text.

    >>> in_words("mean_average_precision")
    'mean average precision'
    """
    return name.replace("_", " ")
