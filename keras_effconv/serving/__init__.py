"""Exports over HTTP, with the REST interface of TensorFlow Serving."""

from keras_effconv.utils.extras import require

require("starlette", "serve")
require("uvicorn", "serve")

from keras_effconv.serving.app import Limits, app  # noqa: E402
from keras_effconv.serving.server import bound, serve  # noqa: E402
from keras_effconv.serving.versions import Versions  # noqa: E402

__all__ = ["Limits", "Versions", "app", "bound", "serve"]
