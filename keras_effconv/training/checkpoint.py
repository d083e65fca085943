"""A checkpoint after each epoch that an interrupted run goes on from."""

import json
from pathlib import Path

import keras

from keras_effconv.files import replacing, write_json

MODEL, HISTORY = "checkpoint.keras", "history.json"


class Checkpoint(keras.callbacks.Callback):
    """Writes model and optimizer after each epoch, one whole file in the place of the last.

    The epoch is not kept beside the model, where the two could disagree: the optimizer counts its steps.
    """

    def __init__(self, folder, history, more=None):
        super().__init__()
        self.folder, self.history, self.more = Path(folder), history, more

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        write_json(self.folder / HISTORY, {**self.history, **(self.more or {})})
        with replacing(self.folder / MODEL) as temporary:
            self.model.save(temporary)


def restore(folder, steps_per_epoch):
    """The checkpoint in a folder.

    Returns:
        (model, epochs that it has done, curves of those epochs), or `None` where there is no checkpoint.
    """
    path = Path(folder) / MODEL
    if not path.is_file():
        return None
    model = keras.models.load_model(path)
    done = int(keras.ops.convert_to_numpy(model.optimizer.iterations)) // steps_per_epoch
    history = json.loads((Path(folder) / HISTORY).read_text(encoding="utf-8"))
    return model, done, {name: curve[:done] if isinstance(curve, list) else curve for name, curve in history.items()}
