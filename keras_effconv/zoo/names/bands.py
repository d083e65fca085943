"""From the kernels and statistics of two bands, as files have them, to those of one layer."""

import re

import numpy as np

PATH = re.compile(r"(.*/kernel)@([hl])2([hl])")
BAND = re.compile(r"(.*/\w+)@([hl])")
LOW = re.compile(r"[-_]l2[hl][._]")  # a path from the low band, as all of these authors name it


def join(dense):
    """Join the paths of an octave convolution to one kernel, the bands of a normalisation to one variable: high first.

    Args:
        dense: dict of name -> array; paths are named `layer/kernel@h2l`, from high to low, bands `layer/gamma@h`. The
            kernels of squeeze-and-excite may be matrices.

    Returns:
        The dict with `layer/kernel`, shape (k, k, C, N), and `layer/gamma`. A depthwise convolution has no path
        between the bands; a path that is missing elsewhere, where a band is, is filled with zeros.

    Example:

    >>> ones = np.ones((1, 1, 2, 3))
    >>> join({"c/kernel@h2h": ones, "c/kernel@l2h": 2 * ones})["c/kernel"].shape
    (1, 1, 4, 3)
    """
    paths, bands, joined = {}, {}, {}
    for name, value in dense.items():
        if match := PATH.fullmatch(name):
            paths.setdefault(match[1], {})[match[2], match[3]] = value if value.ndim == 4 else value[None, None]
        elif match := BAND.fullmatch(name):
            bands.setdefault(match[1], {})[match[2]] = value
        else:
            joined[name] = value
    joined.update({name: np.concatenate([parts[b] for b in "hl" if b in parts], -1) for name, parts in bands.items()})
    joined.update({name: _assembled(parts) for name, parts in paths.items()})
    return joined


def in_bands(names):
    """Return whether a file's network has a low band, by the names of its variables.

    >>> in_bands(["L1_B0.conv1.conv_h2h.weight"]), in_bands(["L2_B01_conv2_conv-l2l_weight"])
    (False, True)
    """
    return any(LOW.search(name) for name in names)


def check_bands(dense, model, conv):
    """Raise a `ValueError` where a file's convolutions read other bands than the model's: shapes do not tell.

    Args:
        dense: dict of name -> array, before `join`.
        model: `keras.Model` that the variables are for; any if the file has no low band.
        conv: str, the model's kind.
    """
    paths = {name: PATH.fullmatch(name) for name in dense}
    low = {
        match[1].split("/")[0]: dense[name].shape[2]
        for name, match in paths.items()
        if match and match[2] == "l" and dense[name].ndim == 4  # a matrix reads means, not maps
    }
    for layer in model.layers if low else ():
        theirs = low.get(layer.name, 0) * getattr(layer, "groups", 1)
        ours = getattr(layer, "read", {}).get("low", 0)
        if theirs != ours:
            raise ValueError(
                f"`conv` must have the bands of the file, in which {layer.name} reads {theirs} channels at half the "
                f"resolution. Received: conv={conv}, with {ours}"
            )


def _assembled(parts):
    if not {("h", "l"), ("l", "h")} & set(parts) and all(value.shape[3] == 1 for value in parts.values()):
        return np.concatenate([parts[b, b] for b in "hl" if (b, b) in parts], axis=2)
    rows = {source: value.shape[2] for (source, _), value in parts.items()}
    columns = {target: value.shape[3] for (_, target), value in parts.items()}
    size = next(iter(parts.values())).shape[:2]

    def path(source, target):
        empty = np.zeros((*size, rows[source], columns[target]), "float32")
        return parts.get((source, target), empty)

    return np.concatenate(
        [
            np.concatenate([path(source, target) for target in "hl" if target in columns], axis=3)
            for source in "hl"
            if source in rows
        ],
        axis=2,
    )
