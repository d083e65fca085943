"""The blocks that image files are made of, one behind the other, in TensorFlow operations."""

from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")


MOST = 1 << 14  # blocks of a file that are looked at, however many a hostile one has


def find_block(octets, start, following, wanted, last=None):
    """Walk over the blocks of a file until one is `wanted`.

    Args:
        octets: int64 tensor (n,), the file, with at least 16 octets of padding behind it.
        start: int, the position of the first block.
        following: function from (octets, position) to the position of the next block, a larger one.
        wanted: function from (octets, position) to a bool scalar.
        last: likewise; whether nothing is looked for behind a block. Default: until the end of the file.

    Returns:
        int64 scalar, the position of the block; -1 if there is none.

    Example:

    >>> octets = tf.constant([2, 0, 3, 0, 0, 9] + [0] * 16, tf.int64)
    >>> int(find_block(octets, 0, lambda o, at: at + o[at], lambda o, at: o[at] == 9))
    5
    """
    length = tf.size(octets, tf.int64) - 16

    def goes_on(position, found, ended):
        return (position < length) & (found < 0) & ~ended

    def step(position, found, ended):
        hit = wanted(octets, position)
        ended = tf.constant(False) if last is None else last(octets, position)
        behind = tf.maximum(following(octets, position), position + 1)
        return behind, tf.where(hit, position, found), ended

    begin = tf.constant(start, tf.int64), tf.constant(-1, tf.int64), tf.constant(False)
    return tf.while_loop(goes_on, step, begin, maximum_iterations=MOST)[1]


def is_named(name, offset):
    """A function from (octets, position) to whether a block has this name so many octets behind its beginning."""
    name = list(name)
    return lambda octets, at: tf.reduce_all(octets[at + offset : at + offset + len(name)] == name)
