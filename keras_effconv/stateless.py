"""Models without memory for their variables, until it is known that they are wanted."""

import contextlib
from collections.abc import Iterator

import keras
from keras.src.backend.common import global_state


@contextlib.contextmanager
def without_variables() -> Iterator[keras.StatelessScope]:
    """Let a block make models whose variables have no memory; they take it when the block ends well.

    Yields:
        `keras.StatelessScope`, which has what the block has assigned to them.

    Example:

    >>> with without_variables() as scope:
    ...     layer = keras.layers.Dense(2)
    ...     layer.build((None, 3))
    ...     _ = layer.bias.assign([1.0, 2.0])
    >>> keras.ops.convert_to_numpy(scope.get_current_value(layer.bias)).tolist()
    [1.0, 2.0]
    """
    with keras.StatelessScope() as scope:
        try:
            yield scope
        except BaseException:
            scope.initialize_variables = False
            global_state.set_global_attribute("uninitialized_variables", [])  # the next scope would make them
            raise
