"""Rare parts of a graph, kept apart from it: most files are plain, and should not pay for the others."""

import functools

from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")


def apart(function):
    """Make a function of a file a TensorFlow function of its own, in any graph and outside of one.

    It is traced once in a process, and prepared to run when the first file needs it; inlined, it would be prepared
    with each graph that calls it.

    Args:
        function: of the content of a file, a scalar string tensor, and of further arguments, hashable.
    """

    @functools.cache
    def compiled(*options):
        traced = tf.function(
            lambda data: function(data, *options), autograph=False, experimental_attributes={"_noinline": True}
        )
        with tf.init_scope():
            return traced.get_concrete_function(tf.TensorSpec((), tf.string))

    @functools.wraps(function)
    def called(data, *options):
        return compiled(*options)(tf.convert_to_tensor(data, tf.string))

    return called
