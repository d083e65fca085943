"""Exports over HTTP, with the REST interface of TensorFlow Serving."""

from keras_effconv.utils.extras import require

require("starlette", "serve")
require("uvicorn", "serve")

from keras_effconv.serving.app import app  # noqa: E402
from keras_effconv.serving.limits import Limits  # noqa: E402
from keras_effconv.serving.listening import bound  # noqa: E402
from keras_effconv.serving.server import serve  # noqa: E402
from keras_effconv.serving.versions import Versions  # noqa: E402

__all__ = ["Limits", "Versions", "app", "bound", "serve"]
