"""Images that look the same: a difference hash of 256 bits, confirmed by the correlation of the thumbnails.

The hash is dHash (N. Krawetz, "Kind of Like That", The Hacker Factor Blog, 2013): an image is shrunk to 17 x 16 pixels
in grey, and each bit says whether a pixel is brighter than its neighbor on the left. Copies of another size, quality or
brightness differ in few bits. Mirror images, turned ones and parts of an image are not found.
"""

import numpy as np

from keras_effconv.utils.progress import progress

BOUND = 32  # of 256 bits, the most that differ
CORRELATION = 0.95  # the least, of two thumbnails: plain backgrounds have equal bits, whatever lies on them
ROWS, COLUMNS = 512, 8192  # compared at a time: 16 MiB of distances
MOST_PAIRS = 100_000
SHOW_FROM = 20_000  # images from which a progress bar shows: some seconds


def hashes(thumbnails: np.ndarray) -> np.ndarray:
    """Return the bits of dHash.

    Args:
        thumbnails: uint8 (n, height, width), such as (n, 16, 17).

    Returns:
        bool (n, height x (width - 1)).

    Example:

    >>> hashes(np.array([[[1, 2, 2, 1]]], "uint8"))
    array([[ True, False, False]])
    """
    count, height, width = thumbnails.shape
    return (thumbnails[:, :, 1:] > thumbnails[:, :, :-1]).reshape(count, height * (width - 1))


def near_pairs(thumbnails: np.ndarray, most: int = MOST_PAIRS) -> np.ndarray:
    """Find the pairs of images that look the same, by comparing all of them.

    Args:
        thumbnails: uint8 (n, 16, 17); an image without any contrast looks like no other.
        most: int, pairs after which the search ends. Default 100,000.

    Returns:
        int64 (pairs, 2), indices with the smaller one first, in order.

    Example:

    >>> images = np.random.default_rng(0).integers(0, 200, (3, 16, 17), "uint8")
    >>> images[2] = images[0] + 20
    >>> near_pairs(images)
    array([[0, 2]])
    """
    bits, found, count = hashes(thumbnails), [], 0
    starts = range(0, len(bits), ROWS)
    for start in progress(starts, "looking for near duplicates", shown=len(bits) >= SHOW_FROM):
        rows = _signs(bits[start : start + ROWS])
        for begin in range(start - start % COLUMNS, len(bits), COLUMNS):
            distances = (rows.shape[1] - rows @ _signs(bits[begin : begin + COLUMNS]).T) / 2
            one, other = np.nonzero(distances <= BOUND)
            pairs = np.stack([one + start, other + begin], -1)
            pairs = pairs[pairs[:, 0] < pairs[:, 1]]
            found.append(_confirmed(pairs, thumbnails))
            count += len(found[-1])
            if count >= most:
                return np.concatenate(found)[:most]
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)


def _signs(bits):
    """Return bits as float32, -1 and 1: the product of two is the number of equal bits less that of others."""
    return 2 * bits.astype(np.float32) - 1


def _confirmed(pairs, thumbnails):
    """Return the pairs whose thumbnails have a `CORRELATION`; all steps are bounded by `COLUMNS` pairs at a time."""
    kept = [pairs[:0]]
    for begin in range(0, len(pairs), COLUMNS):
        part = pairs[begin : begin + COLUMNS]
        one, other = (_centred(thumbnails[part[:, side]]) for side in (0, 1))
        kept.append(part[(one * other).sum(-1) >= CORRELATION])
    return np.concatenate(kept)


def _centred(thumbnails):
    """Return float32 (n, pixels) of mean 0 and length 1; zeros without any contrast."""
    values = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    values -= values.mean(1, keepdims=True)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)
