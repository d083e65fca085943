"""The state of a mimicking run in one file, replaced atomically."""

import json
from pathlib import Path

import keras
import numpy as np

from keras_effconv.utils.files import replacing
from keras_effconv.utils.npz import DAMAGE, open_npz

FILE = "mimic.npz"


def save_state(folder, variables, losses, rate, run):
    """Write the variables after some steps.

    Args:
        folder: where to write.
        variables: list of Keras variables.
        losses: list of floats, one for each step that is done.
        rate: float, the highest learning rate.
        run: dict, what the run is: a resumed one must be the same.
    """
    text = np.frombuffer(json.dumps({"losses": losses, "rate": rate, "run": run}).encode(), np.uint8)
    with replacing(Path(folder) / FILE) as temporary:
        np.savez(temporary, state=text, **{f"{i:05d}": _plain(v) for i, v in enumerate(variables)})


def load_state(folder, variables, run):
    """Set variables to those of the file in a folder, if there is one.

    Returns:
        (steps that are done, list of their losses, highest learning rate); (0, [], `None`) if there is no file.

    Raises:
        ValueError: the file is damaged, or another run's.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return 0, [], None
    try:
        with open_npz(path) as file:
            state = json.loads(file["state"].tobytes())
            arrays = [file[name] for name in sorted(file.files) if name.isdecimal()]
    except DAMAGE as error:
        cause = " ".join(str(error).split())[:200]
        raise ValueError(
            f"`folder` must hold a whole {FILE}. Received: {path}, which cannot be read: {cause}"
        ) from None
    same = state["run"] == json.loads(json.dumps(run)) and len(arrays) == len(variables)
    if not same or any(tuple(v.shape) != a.shape for v, a in zip(variables, arrays)):
        raise ValueError(f"`folder` must be empty or of the same run. Received: {path}, of {state['run']}")
    for variable, value in zip(variables, arrays):
        variable.assign(value.astype(variable.dtype))
    return len(state["losses"]), state["losses"], state["rate"]


def _plain(variable):
    """Return an array of a type that NumPy's files know."""
    value = keras.ops.convert_to_numpy(variable)
    return value.astype("float32") if value.dtype.name == "bfloat16" else value
