"""The layers around a network in a model that was built on it, such as a classifier of one's own."""

from keras_effconv.zoo.rules import as_saved

LEFT = "left as it is: "


def settle_outer(state):
    """Plan the values of layers around the network: those of the file's layers of the same names and shapes.

    Args:
        state: `Pouring`; changed.
    """
    for name, layer in state.outer.items():
        state.done.add(name)
        keys = [key for key in state.dense if key.rpartition("/")[0] == name]
        if not keys:
            state.note(layer, f"{LEFT}no layer of the network")
        elif not as_saved(layer, state):
            state.note(layer, f"{LEFT}the file's is of another shape")
            state.left.update(dict.fromkeys(keys, "the model's layer is of another shape"))
