"""Near duplicates: the hash by its definition, the search against all pairs, and what it finds on photographs."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import SHARED, needs
from PIL import Image, ImageEnhance

from keras_effconv.data.checking import near
from keras_effconv.data.checking.near import BOUND, CORRELATION, hashes, near_pairs
from keras_effconv.data.checking.picture import HEIGHT, WIDTH, thumbnail_of
from keras_effconv.data.sources.listing import LeftOut, list_images


def reference(thumbnails):
    """All pairs, one after another, by the definition."""
    pairs = []
    for i in range(len(thumbnails)):
        for j in range(i + 1, len(thumbnails)):
            one, other = (thumbnails[k].astype(float) for k in (i, j))
            different = sum(
                (one[y, x + 1] > one[y, x]) != (other[y, x + 1] > other[y, x])
                for y in range(HEIGHT)
                for x in range(WIDTH - 1)
            )
            flat = not one.std() or not other.std()
            if different <= BOUND and not flat and np.corrcoef(one.ravel(), other.ravel())[0, 1] >= CORRELATION:
                pairs.append([i, j])
    return pairs


def test_a_bit_is_a_pixel_brighter_than_its_left_neighbor():
    row = np.array([[[5, 6, 6, 4, 9]]], "uint8")
    assert hashes(row).tolist() == [[True, False, False, True]]
    assert hashes(np.zeros((3, HEIGHT, WIDTH), "uint8")).shape == (3, 256)


@given(st.integers(0, 2**32 - 1), st.integers(0, 9), st.integers(1, 5), st.integers(1, 7))
def test_the_search_is_that_of_all_pairs(seed, count, rows, columns):
    """Whatever the blocks are: noise, and copies of it with so much other noise that some are near."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 256, (3, HEIGHT, WIDTH))
    noise = rng.normal(0, 1, (count, HEIGHT, WIDTH)) * rng.choice([0, 8, 16, 24], (count, 1, 1))
    thumbnails = np.clip(base[rng.integers(0, 3, count)] + noise, 0, 255).astype("uint8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near, "ROWS", rows)
        patch.setattr(near, "COLUMNS", columns)
        assert sorted(near_pairs(thumbnails).tolist()) == reference(thumbnails)


def test_the_bound_is_exact():
    """As many bits as allowed, and one more, by swaps of neighbors that hardly change the picture."""
    image = np.tile(
        np.array([100, 101, 0, 1, 200, 201, 50, 51, 150, 151, 20, 21, 180, 181, 90, 91, 10], "uint8"), (16, 1)
    )
    for changed, expected in ((BOUND, [[0, 1]]), (BOUND + 1, [])):
        other = image.copy()
        for number in range(changed):  # the left one of a pair of neighbors becomes the brighter one
            y, x = divmod(number, 8)
            other[y, 2 * x] += 2
        assert (hashes(image[None]) != hashes(other[None])).sum() == changed
        assert near_pairs(np.stack([image, other])).tolist() == expected


def test_equal_bits_on_a_plain_ground_are_not_enough():
    """A dark square, large or small, has no bit but at its right edge; the correlation tells the two apart."""
    thumbnails = np.full((2, HEIGHT, WIDTH), 250, "uint8")
    thumbnails[0, 1:15, 1:9] = 20
    thumbnails[1, 7:9, 8:9] = 20
    assert (hashes(thumbnails[:1]) != hashes(thumbnails[1:])).sum() <= BOUND
    assert near_pairs(thumbnails).tolist() == []


def test_the_search_ends_at_a_number_of_pairs():
    same = np.repeat(np.random.default_rng(0).integers(0, 256, (1, HEIGHT, WIDTH)).astype("uint8"), 30, 0)
    assert len(near_pairs(same)) == 435 and len(near_pairs(same, most=100)) == 100


def test_no_image_has_no_pairs():
    assert near_pairs(np.zeros((0, HEIGHT, WIDTH), "uint8")).shape == (0, 2)


@needs("data", "pets")
def test_copies_of_photographs_are_found_and_no_others():
    """Of other photographs none is called a copy; `scripts/benchmarks/near_duplicates.py` measures more of them."""

    def compressed(image):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=40)
        return Image.open(file).convert("RGB")

    changes = (
        compressed,
        lambda image: image.reduce(2),
        lambda image: ImageEnhance.Brightness(image).enhance(1.2),
        lambda image: image.crop((2, 2, image.width - 2, image.height - 2)),
    )
    paths = list_images(str(SHARED / "data" / "pets" / "train"), LeftOut())
    images = [Image.open(path).convert("RGB") for path in paths[:: len(paths) // 40]]
    copies = [changes[i % len(changes)](image) for i, image in enumerate(images)]
    found = near_pairs(np.stack([thumbnail_of(np.asarray(image)) for image in [*images, *copies]])).tolist()
    true = [[i, i + len(images)] for i in range(len(images))]
    assert not [pair for pair in found if pair not in true] and len(found) >= 0.9 * len(true)
