"""Which network a model is: its constructor and the options of it."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from keras_effconv.architecture import ARCHITECTURES
from keras_effconv.utils.suggestions import did_you_mean


@dataclasses.dataclass(frozen=True)
class Design:
    """Which network a model is: what a weight set must have been trained for.

    Args:
        name: str, of the constructor.
        options: dict of the family's options, and `conv`, the repr of the kind.
        defaults: dict of the options' defaults.
    """

    name: str
    options: Mapping[str, Any]
    defaults: Mapping[str, Any]

    @property
    def architecture(self):
        """Return the `Architecture` of the design.

        Raises:
            ValueError: if no network of that name was published in this process.
        """
        if self.name not in ARCHITECTURES:
            raise ValueError(
                f"`model` must be of a published network: import the module that publishes it first. "
                f"Received: {self.name!r}{did_you_mean(self.name, ARCHITECTURES)}"
            )
        options = tuple(sorted((key, self.options[key]) for key in self.defaults))
        return _architecture(ARCHITECTURES[self.name], options)

    @property
    def changes(self):
        """Return the options that are not the defaults, without the kind: dict."""
        own = {key: value for key, value in self.options.items() if key in self.defaults}
        return {key: value for key, value in own.items() if value != self.defaults[key]}

    def differences(self, options):
        """Return the options that differ from those required, as texts; a setting that is not listed is the default.

        Args:
            options: dict of the options that are required.
        """
        required = {**{key: self.defaults[key] for key in self.architecture.settings}, **options}
        other = [key for key, value in required.items() if self.options.get(key) != value]
        return [f"{key}={required[key]!r:.80} (received {self.options.get(key)!r})" for key in other]

    def check(self, stated: "Design", source: str = "") -> None:
        """Raise a `ValueError` if weights are of another network, or of one with other settings.

        Args:
            stated: `Design` that the weights' file states.
            source: str, the path of the file, for the message. Default: not known.
        """
        if stated.name != self.name:
            received = f"{source}, which is {stated.name:.80}" if source else f"{stated.name:.80}"
            raise ValueError(f"`weights` must be of {self.name}. Received: {received}")
        if stated.options == self.options:  # also of a network that is not published in this process
            return
        settings = {key: stated.options[key] for key in self.architecture.settings if key in stated.options}
        if wanted := self.differences(settings):
            weights = f"weights={source!r}" if source else "weights"
            raise ValueError(f"`{weights}` of {self.name} are for {', '.join(wanted)}")


@functools.lru_cache(maxsize=64)
def _architecture(make, options):
    return make(dict(options))
