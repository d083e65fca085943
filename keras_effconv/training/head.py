"""The first phase: features computed once, and a head fitted to them."""

import contextlib
import tempfile
import warnings

import keras
import numpy as np

from keras_effconv.data.batches import Epochs
from keras_effconv.training.large_head import fit_large
from keras_effconv.training.network import HEAD
from keras_effconv.training.optimization.losses import balanced
from keras_effconv.utils.extras import require
from keras_effconv.utils.progress import progress

ITERATIONS = 500  # of L-BFGS, at most; some dozens are usual
SMALL = 1e8  # features of all images times classes; on busy cores, threads would take thirty times longer
LARGE = 1e9  # features of all images times classes, from which on scikit-learn would take long
SHARPNESS_ROWS = 100_000  # images that the sharpness of a head is found by
MEMORY_LIMIT = 1 << 30  # bytes of features; more go to a temporary file that is mapped


def features(backbone: keras.Model, batches: Epochs, mirror: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Compute pooled features of a split and its labels; with `mirror`, those of each image's mirror image after it.

    Args:
        backbone: model, images -> features (n, c).
        batches: `Epochs`, in the split's order.
        mirror: bool.

    Returns:
        Pair of arrays, float32 (n, c) and the labels, int32 (n,) or (n, classes); twice as many rows with `mirror`.
    """
    pooled, labels, done = None, [], 0
    for i in progress(range(len(batches)), "features", unit="batch", leave=True):
        images, known = batches[i][:2]
        for view in (images, images[:, :, ::-1]) if mirror else (images,):
            # A full last batch, so that no other graph is built for it.
            rows = backbone.predict_on_batch(np.resize(view, (batches.batch_size, *view.shape[1:])))[: len(view)]
            if pooled is None:
                pooled = _room(batches.total * batches.batch_size * (1 + mirror), rows.shape[-1])
            pooled[done : done + len(rows)] = _finite(rows, backbone)
            labels.append(known)
            done += len(rows)
    return pooled[:done], np.concatenate(labels)


def originals(images, batch_size):
    """Return the rows of `features(..., mirror=True)` that are of the images as they are: array (images,).

    >>> originals(5, batch_size=2).tolist()
    [0, 1, 4, 5, 8]
    """
    number = np.arange(images)
    return number + number // batch_size * batch_size


def _finite(rows, backbone):
    """Return features as they are; a `ValueError` if half precision has none for them."""
    rows = np.asarray(rows, "float32")
    if not np.isfinite(rows).all():
        raise ValueError(
            f"`dtype` must be a type in which the features are finite: float32 or bfloat16 if float16 overflows. "
            f"Received: a network in {backbone.dtype_policy.name} whose features are not"
        )
    return rows


def _room(rows, columns):
    """Allocate an array (rows, columns), in memory or on disk."""
    if 4 * rows * columns <= MEMORY_LIMIT:
        return np.empty((rows, columns), "float32")
    return np.memmap(tempfile.TemporaryFile(), "float32", "w+", shape=(rows, columns))


def fit_head(model, recipe, train, validation, task):
    """Fit the head of a model to cached features: logistic regression, the usual linear probe.

    It is a convex problem, which scikit-learn solves to its end (of many features `fit_large`, within bounds of time
    and memory): no rate, no epochs, nothing drawn. Features are shifted and scaled to mean 0 and, all together, to
    variance 1, so that `head_c` means the same for all networks. The logits are scaled to what the loss of the next
    phase wants of them: a head that is surer of itself than label smoothing allows would first of all change the
    features behind it.

    Args:
        model: the whole network; its last layer is the head.
        recipe: `Recipe`.
        train: pair of features (n, c) and labels (n,).
        validation: pair likewise.
        task: `SingleLabel` or `MultiLabel`.

    Returns:
        dict of curves by name, a value each: loss and headline on the features of both splits.
    """
    layer = model.get_layer(HEAD)
    kernel, bias = task.fit(*train, layer.units, recipe)
    some = slice(None, None, -(-len(train[1]) // SHARPNESS_ROWS))
    logits, labels = train[0][some] @ kernel + bias, train[1][some]

    def loss(factor):
        return task.loss_of_logits(factor * logits, labels, recipe.label_smoothing)

    sharpness = min(np.geomspace(0.05, 1, 40), key=loss)
    layer.set_weights([sharpness * kernel, sharpness * bias])
    curves = {**_scores(layer, task, *train), **_scores(layer, task, *validation, "val_")}
    print(", ".join(f"{name} {values[0]:.3f}" for name, values in curves.items()))
    return curves


def fit_softmax(features, labels, classes, recipe):
    """Return kernel (c, classes) and bias (classes,) of a softmax that fits to features (n, c) and labels (n,)."""
    return (_fit_large if features.size * classes > LARGE else _fit)(features, labels, classes, recipe)


def _fit(features, labels, classes, recipe):
    """Return kernel and bias by scikit-learn."""
    scaled, mean, scale = standardized(features)
    with fits(features.size * classes):
        fitted = regression(recipe).fit(scaled, labels)
    kernel, bias = _softmax_weights(fitted, classes)
    kernel /= scale
    return kernel, bias - mean @ kernel


@contextlib.contextmanager
def fits(work):
    """Return a context in which scikit-learn fits: no warning of a fit that is not quite at its end, few threads.

    Args:
        work: int, features of all images times classes. Below `SMALL`, one thread computes.

    Example:

    >>> from threadpoolctl import threadpool_info
    >>> with fits(1000):
    ...     max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
    1
    """
    threads = require("threadpoolctl").threadpool_limits(1 if work < SMALL else None)
    with warnings.catch_warnings(), threads:
        warnings.simplefilter("ignore", require("sklearn.exceptions").ConvergenceWarning)
        yield


def regression(recipe):
    """Return the logistic regression of scikit-learn that a head is, not fitted yet."""
    return require("sklearn.linear_model").LogisticRegression(
        C=recipe.head_c, max_iter=ITERATIONS, class_weight="balanced" if recipe.evens_classes else None
    )


def standardized(features):
    """Return features of mean 0 and, all together, of variance 1; their mean (c,); and what they were divided by."""
    mean = features.mean(0)
    scale = np.sqrt(features.var(0).mean()) or 1.0
    return (features - mean) / scale, mean, scale


def _fit_large(features, labels, classes, recipe):
    """Return kernel and bias without a copy of the features."""
    weights = balanced(labels, classes)[labels] if recipe.evens_classes else None
    return fit_large(features, labels, classes, recipe.head_c, weights, ITERATIONS)


def _softmax_weights(regression, classes):
    """Fit the kernel (c, classes) and bias (classes,) of a softmax; classes without images are as unlikely as any."""
    coefficients, intercept = regression.coef_, regression.intercept_
    if len(coefficients) == 1:  # of two classes, scikit-learn has one's log odds
        coefficients, intercept = (np.concatenate([-x / 2, x / 2]) for x in (coefficients, intercept))
    kernel = np.zeros((coefficients.shape[1], classes), "float32")
    bias = np.full(classes, intercept.min(), "float32")
    kernel[:, regression.classes_], bias[regression.classes_] = coefficients.T, intercept
    return kernel, bias


def _scores(layer, task, features, labels, prefix=""):
    rows = np.array_split(np.arange(len(labels)), len(labels) // 4096 + 1)
    parts = [slice(each[0], each[-1] + 1) for each in rows]
    loss, score = task.scores((labels[part], keras.ops.convert_to_numpy(layer(features[part]))) for part in parts)
    return {f"{prefix}loss": [loss], f"{prefix}{task.metric}": [score]}
