"""A progress bar over epochs, for phases whose epochs take less than a second."""

import keras

from keras_effconv.extras import require


class EpochBar(keras.callbacks.Callback):
    """One bar for all epochs, with the latest accuracies."""

    def __init__(self, label):
        super().__init__()
        self.label, self.bar = label, None

    def on_train_begin(self, logs=None):
        self.bar = require("tqdm").tqdm(total=self.params["epochs"], desc=self.label, unit="epoch", dynamic_ncols=True)

    def on_epoch_end(self, epoch, logs=None):
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in (logs or {}).items() if "accuracy" in name})
        self.bar.update()

    def on_train_end(self, logs=None):
        self.bar.close()
