"""Learning curves that grow while a notebook waits."""

import io

import keras

from keras_effconv.training.reporting.plots import draw_curves
from keras_effconv.utils.progress import notebook_display


def live_curves() -> list[keras.callbacks.Callback]:
    """Return the callback that draws learning curves, in a list; an empty list where there is no notebook."""
    display = notebook_display()
    return [] if display is None else [LiveCurves(display)]


class LiveCurves(keras.callbacks.Callback):
    """Draws accuracy and loss after each epoch, in one picture that is replaced.

    Args:
        display: module `IPython.display`.
    """

    def __init__(self, display):
        super().__init__()
        self.display, self.curves, self.handle = display, {}, None

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.curves.setdefault(name, []).append(value)
        file = io.BytesIO()
        draw_curves({}, self.curves, first=epoch + 2 - len(self.curves["loss"])).savefig(file, dpi=80)
        picture = self.display.Image(file.getvalue())
        if self.handle is None:
            self.handle = self.display.display(picture, display_id=True)
        else:
            self.handle.update(picture)
