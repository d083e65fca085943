"""The accuracy of a dense network and of what it became, on validation images with labels."""

from keras_effconv.inference.pixels import of_pixels
from keras_effconv.training.reporting import plots
from keras_effconv.training.reporting.evaluation import evaluate

BATCH = 32


def measured(model, converted, photos, folder):
    """Return the accuracy of both networks, and draw which classes the converted one confuses.

    Args:
        model: `keras.Model`, the dense one.
        converted: `keras.Model`.
        photos: `Photos` with labels.
        folder: path; `confusion.png` is written there.

    Returns:
        dict, fit for JSON: `images`, `accuracy_before`, `accuracy`, `top5_before`, `top5`, `agreement`.
    """
    split, names = photos.dataset.validation, photos.dataset.class_names
    dense, new = (evaluate(of_pixels(each), split, names, min(BATCH, len(split))) for each in (model, converted))
    plots.confusion(new, folder / "confusion.png")
    return {
        "images": len(split),
        "accuracy_before": dense.accuracy,
        "accuracy": new.accuracy,
        "top5_before": dense.accuracy_at(5),
        "top5": new.accuracy_at(5),
        "agreement": float((dense.predicted == new.predicted).mean()),
    }


def told(accuracy):
    """Return what `measured` has found, as a line.

    Example:

    >>> told({"images": 200, "accuracy_before": 0.9, "accuracy": 0.88, "agreement": 0.95})
    'accuracy 88.0%, dense network 90.0%, same class 95.0%, on 200 validation images'
    """
    return (
        f"accuracy {accuracy['accuracy']:.1%}, dense network {accuracy['accuracy_before']:.1%}, "
        f"same class {accuracy['agreement']:.1%}, on {accuracy['images']} validation images"
    )
