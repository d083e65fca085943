"""A checkpoint after each epoch that an interrupted run goes on from."""

import json
from pathlib import Path

import keras

from keras_effconv.files import replacing, write_json

MODEL, HISTORY, BEST = "checkpoint.keras", "history.json", "best.weights.h5"


class Checkpoint(keras.callbacks.Callback):
    """Writes model and optimizer after each epoch, and the weights of the best epoch; each a whole file at a time.

    The epoch is not kept beside the model, where the two could disagree: the optimizer counts its steps. The best epoch
    is the one with the highest validation accuracy; epoch 0, the head alone, takes part.

    Args:
        folder: where to write.
        network: the model whose best weights are kept.
        history: dict of curves by name, which it extends.
        head: dict of curves of the first phase.
    """

    def __init__(self, folder, network, history, head):
        super().__init__()
        self.folder, self.network, self.history, self.head = Path(folder), network, history, head

    def keep_best(self):
        """Keep the weights if the latest epoch is the best so far."""
        if best_epoch(self.history, self.head) == len(self.history.get("val_accuracy", ())):
            with replacing(self.folder / BEST) as temporary:
                self.network.save_weights(temporary)

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        self.keep_best()
        write_json(self.folder / HISTORY, {**self.history, "head": self.head})
        with replacing(self.folder / MODEL) as temporary:
            self.model.save(temporary)


def best_epoch(history, head):
    """The epoch with the highest validation accuracy, the latest of equals; 0 is the head alone.

    >>> best_epoch({"val_accuracy": [0.7, 0.9, 0.9]}, {"val_accuracy": [0.1, 0.8]})
    3
    """
    scores = [head["val_accuracy"][-1], *history.get("val_accuracy", ())]
    return max(range(len(scores)), key=lambda epoch: (scores[epoch], epoch))


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
