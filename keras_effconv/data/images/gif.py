"""The first frame of a GIF in TensorFlow operations: the decoder would unpack all frames before it gives that one."""

from typing import NamedTuple

from keras_effconv.data.images.apart import apart
from keras_effconv.data.images.header import GIF, little_endian, octets_of
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")

EXTENSION, IMAGE, CONTROL = 0x21, 0x2C, 0xF9
RUN = 64  # blocks of one size, as a picture has them, that are skipped at a time
BLOCK = 256  # octets of the largest block
MOST = 1 << 12  # steps ahead of the end of the first picture; each takes a quarter of a millisecond


class Frame(NamedTuple):
    """The first frame of a GIF.

    Attributes:
        file: scalar string tensor, the GIF cut off behind it. A file that is cut short gives what it has of the frame.
        pixels: int64 scalar, how many it claims: of its canvas or of the frame, whichever is more.
        box: four int64 scalars, its left, top, width and height on the canvas.
        clear: int64 scalar, the position in the file of the colour that counts as transparent; -1 without one, and for
            one that the table of colours does not have.
        flags: int64 scalar, the position of the octet that says so.
        place: int64 scalar, the position in the file of the left and top side; 0 without a frame.
        canvas: two int64 scalars, height and width.
    """

    file: "tf.Tensor"
    pixels: "tf.Tensor"
    box: "tuple[tf.Tensor, ...]"
    clear: "tf.Tensor"
    flags: "tf.Tensor"
    place: "tf.Tensor"
    canvas: "tuple[tf.Tensor, ...]"


class _Walk(NamedTuple):
    """Where a walk over the blocks is: inside a chain of blocks or not, of a picture or not, and what was read."""

    position: "tf.Tensor"
    chained: "tf.Tensor"
    last: "tf.Tensor"
    done: "tf.Tensor"
    control: "tf.Tensor"
    image: "tf.Tensor"


@apart
def first_frame(data: "tf.Tensor") -> Frame:
    """Cut a GIF off behind its first frame.

    An animation of a few kilobytes can unpack to gigabytes, and each frame has a size of its own.

    Args:
        data: scalar string tensor, the content of a GIF file.
    """
    octets = octets_of(tf.strings.join([data, b"\0" * (RUN * BLOCK + 16)]))
    length = tf.strings.length(data)
    walk = _walked(octets, tf.cast(length, tf.int64))
    (height, width), image = GIF.size(octets), tf.maximum(walk.image, 0)
    box = tuple(little_endian(octets, image + 1 + 2 * side, 2) for side in range(4))
    local = octets[image + 9] >= 128
    flags = tf.maximum(walk.control, 0) + 3
    table, place = tf.where(local, octets[image + 9], octets[10]), 3 * octets[flags + 3]
    known = (walk.control >= 0) & (walk.image >= 0) & (octets[flags] % 2 == 1) & (place < _table_length(table))
    clear = tf.where(local, image + 10, 13) + place
    return Frame(
        tf.strings.join([tf.strings.substr(data, 0, tf.minimum(tf.cast(walk.position, tf.int32), length)), b";"]),
        tf.maximum(tf.where(walk.image >= 0, (box[0] + box[2]) * (box[1] + box[3]), 0), height * width),
        box,
        tf.where(known, clear, tf.constant(-1, tf.int64)),
        flags,
        walk.image + 1,
        (height, width),
    )


def _walked(octets, length):
    """Return the `_Walk` at the end of the first picture, or of the file."""

    def unfinished(*state):
        state = _Walk(*state)
        return (state.position < length) & ~state.done

    def step(position, chained, last, done, control, image):
        """A block of a chain, which an octet of 0 ends; or, outside of chains, the start of one."""
        size = octets[position]
        alike = tf.cast(octets[position : position + RUN * (size + 1) : size + 1] == size, tf.int64)
        run = (size + 1) * tf.reduce_sum(tf.math.cumprod(alike))
        position += tf.where(chained & (size > 0), run, tf.zeros_like(position))
        position = tf.minimum(position, length)
        octet = octets[position]
        is_image = ~chained & (octet == IMAGE)
        starts = is_image | (~chained & (octet == EXTENSION))
        controls = starts & (octets[position + 1] == CONTROL) & ~is_image
        begin = tf.where(is_image, 11 + _table_length(octets[position + 9]), 2)
        return (
            position + tf.where(starts, begin, octet + 1),
            tf.where(chained, octet != 0, starts),
            last | is_image,
            tf.where(chained, last & (octet == 0), ~starts),
            tf.where(controls, position, control),
            tf.where(is_image, position, image),
        )

    no, none = tf.constant(False), tf.constant(-1, tf.int64)
    start = _Walk(13 + _table_length(octets[10]), no, no, no, none, none)
    return _Walk(*tf.while_loop(unfinished, step, tuple(start), maximum_iterations=MOST))


def _table_length(flags):
    """Return the octets of a table of colours, of three octets each; 0 if the flags say that there is none."""
    return tf.where(flags >= 128, 6 * 2 ** (flags % 8), tf.zeros_like(flags))


def decode_gif(data: "tf.Tensor", background: tuple[int, int, int]) -> "tf.Tensor":
    """Decode the first frame of a GIF file to uint8 (height, width, 3).

    Args:
        data: scalar string tensor, the content of the file.
        background: three ints, the colour of transparent pixels, and of those that the frame does not cover.
    """
    frame, colour = first_frame(data), bytes(background)

    def painted():  # else the decoder would leave the pixels black
        return _put(_put(frame.file, frame.flags, b"\0"), frame.clear, colour)

    file = tf.cond(frame.clear >= 0, painted, lambda: frame.file)
    file = tf.cond(frame.place > 0, lambda: _put(file, frame.place, bytes(4)), lambda: file)
    image = tf.ensure_shape(tf.io.decode_image(file, channels=3, expand_animations=False), (None, None, 3))
    return _on_canvas(image, frame, background)


def _on_canvas(image, frame, background):
    """The frame in its place; TensorFlow gives the frame alone, and cuts off what its place moves beyond its size."""
    left, top, width, height = frame.box
    below, behind = (tf.maximum(n, 0) for n in (frame.canvas[0] - top - height, frame.canvas[1] - left - width))
    margins = tf.stack([tf.stack([top, below]), tf.stack([left, behind]), tf.zeros(2, tf.int64)])

    def padded():
        covered = tf.pad(tf.ones_like(image[..., :1], tf.bool), margins)
        return tf.where(covered, tf.pad(image, margins), tf.constant(background, tf.uint8))

    return tf.ensure_shape(tf.cond(tf.reduce_any(margins > 0), padded, lambda: image), (None, None, 3))


def _put(file, at, octets):
    """A file with other octets from a position on."""
    at = tf.cast(at, tf.int32)
    before, after = tf.strings.substr(file, 0, at), tf.strings.substr(file, at + len(octets), -1)
    return tf.strings.join([before, octets, after])
