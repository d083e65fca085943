"""What no trained network has: values that are not finite, negative variances, integers."""

import re

import numpy as np

LARGEST = np.finfo("float32").max
COUNTERS = ("/form", "/count", "/seed_generator_state")
MOST = 6  # variables in a message
VECTORS = ("bias", "gamma", "beta", "moving_mean", "moving_variance", "mean", "variance")
DIMENSIONS = {**dict.fromkeys(VECTORS, (1,)), "kernel": (2, 3, 4), "pointwise_kernel": (1, 2, 3, 4)}


def patterns(skip):
    """Return `skip` as a tuple of regular expressions; one text is one of them.

    Raises:
        ValueError: if it is neither a text nor a sequence of them, or one is no regular expression.
    """
    given = (skip,) if isinstance(skip, str) else skip
    try:
        given = tuple(given)
        for pattern in given:
            re.compile(pattern).fullmatch("")  # bytes match no text
    except (TypeError, re.error, RecursionError, OverflowError) as error:
        text = '`skip` must be regular expressions of "layer/variable"'
        raise ValueError(f"{text}. Received: skip={skip!r:.100} ({error})") from None
    return given


def check_dimensions(dense, source, model, theirs, owns):
    """Raise a `ValueError` if variables of a network are of shapes that no variable of their name has.

    Args:
        dense: dict of "layer/variable" -> array; of a band "layer/variable@h".
        source: str, for the message.
        model: str, the name of the model, for the message.
        theirs: dict of "layer/variable" -> name in the file, for the message.
        owns: callable layer -> whether it is one of the network's.
    """
    wrong = []
    for name, value in dense.items():
        layer, _, variable = name.partition("@")[0].rpartition("/")
        dimensions = DIMENSIONS.get(variable)
        shape = np.shape(value)
        if dimensions and owns(layer) and (len(shape) not in dimensions or 0 in shape):
            wrong.append(f"{theirs.get(name, name)} {shape}")
    if wrong:
        raise ValueError(f"{source} does not fit {model!r} (nothing was loaded). of another shape: {_listed(wrong)}")


def check_values(dense, source, theirs, checks=lambda name: True):
    """Raise a `ValueError` if variables are not numbers of a trained network.

    Args:
        dense: dict of "layer/variable" -> array.
        source: str, for the message.
        theirs: dict of "layer/variable" -> name in the file, for the message.
        checks: callable name -> bool; whether a variable is looked at. Default: all.
    """
    wrong, quantised = [], []
    for name, value in dense.items():
        if name.endswith(COUNTERS) or not checks(name):
            continue
        shown = theirs.get(name, name)
        if value.dtype.kind in "iub":
            quantised.append(f"{shown} ({value.dtype})")
        elif value.dtype.kind != "f" or not np.isfinite(value).all():
            wrong.append(f"{shown} ({_described(value)} of {value.size:,})")
        elif value.dtype.itemsize > 4 and np.abs(value).max(initial=0) > LARGEST:
            wrong.append(f"{shown} (beyond float32)")
    if wrong:
        raise ValueError(f"{source} must hold finite real numbers (nothing was loaded). Received: {_listed(wrong)}")
    if quantised:
        raise ValueError(
            f"{source} must hold floating-point weights, not those of a quantised network (nothing was loaded). "
            f"Received: {_listed(quantised)}"
        )


def check_variances(dense, source, theirs, epsilon):
    """Raise a `ValueError` if a variance is negative.

    Args:
        dense: dict of "layer/variable" -> array.
        source: str, for the message.
        theirs: dict of "layer/variable" -> name in the file, for the message.
        epsilon: callable layer -> how far below 0 a variance may be, because an epsilon is added to it.
    """
    wrong = []
    for name, value in dense.items():
        layer, _, variable = name.rpartition("/")
        if variable in ("moving_variance", "variance") and value.dtype.kind == "f":
            count = int((value < -epsilon(layer)).sum())
            if count:
                wrong.append(f"{theirs.get(name, name)} ({count} of {value.size:,})")
    if wrong:
        raise ValueError(f"{source} must hold variances of 0 and more (nothing was loaded). Received: {_listed(wrong)}")


def _described(value):
    if value.dtype.kind != "f":
        return f"{value.dtype}"
    nan = int(np.isnan(value).sum())
    counts = {"NaN": nan, "infinite": value.size - int(np.isfinite(value).sum()) - nan}
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def _listed(names):
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")
