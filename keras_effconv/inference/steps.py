"""One call of a layer in a graph, and the layer that it will be."""

import keras

from keras_effconv.inference.kernels import FORMS, bias_of
from keras_effconv.policies import assign, in_policy


class Step:
    """One call of a layer or operation.

    Attributes:
        operation: `keras.Operation`, as in the model.
        args, kwargs: what it is called with; the tensors in them are the values of the graph.
        outputs: list of the values that it writes.
        kind: class that it will have.
        changes: dict, changes of its configuration.
        edits: list of callables (kernel, bias) -> (kernel, bias), NumPy arrays as in `FORMS`.
        finish: callable (layer), called with the copied layer once it has its weights; `None` for nothing.
    """

    def __init__(self, operation, args, kwargs, outputs):
        self.operation, self.args, self.kwargs, self.outputs = operation, args, kwargs, outputs
        self.kind, self.changes, self.edits = type(operation), {}, []
        self.finish = None
        self._config = None

    @property
    def name(self):
        return self.operation.name

    @property
    def inputs(self):
        """List the values that it reads."""
        return [x for x in keras.tree.flatten((self.args, self.kwargs)) if isinstance(x, keras.KerasTensor)]

    @property
    def config(self):
        """Return the configuration that it will have."""
        if self._config is None:
            self._config = self.operation.get_config()
        return {**self._config, **self.changes}

    def become(self, kind, config):
        """Be a layer of another class, called in inference mode with the inputs alone."""
        self.kind, self._config, self.changes, self.kwargs = kind, config, {}, {}

    def layer(self, name, policy=None):
        """Return the layer that it will be, under a name and, if one is given, in another dtype policy.

        One that cannot be copied by its configuration is shared.

        Raises:
            ValueError: the layer cannot be copied, and would have to be another.
        """
        config = wanted = None
        try:
            config = {**self.config, "name": name}
            wanted = in_policy(config, policy) if policy else config
            if self.kind is keras.layers.Lambda:  # Keras 3.13 reads its function without the globals
                raise TypeError("a function is no configuration")
            return self.kind.from_config(wanted)
        except (NotImplementedError, TypeError, ValueError) as error:
            of_policy = not policy or (config is not None and wanted == config)
            if self.kind is type(self.operation) and not self.changes and of_policy:
                return self.operation
            if self.kind is keras.layers.Lambda:  # its function is at hand
                own = self.operation
                return self.kind(own.function, arguments=own.arguments, name=name, dtype=wanted["dtype"])
            raise ValueError(
                f"`model` must have layers that their configuration describes, to be changed. Received: layer "
                f"{self.name!r} of class {self.kind.__name__} ({' '.join(str(error).split())[:200]})"
            ) from error

    def transfer(self, layer):
        """Give its weights, edited, to the layer that it has become."""
        source = self.operation
        unchanged = self.kind is type(source) and not self.changes and not self.edits
        if self.kind in FORMS and not unchanged:
            kernel = FORMS[type(source)].read(source)
            bias = bias_of(source, kernel.shape[-1])
            for edit in self.edits:
                kernel, bias = edit(kernel, bias)
            FORMS[self.kind].write(layer, kernel)
            if layer.bias is not None:
                assign(layer.bias, bias)
            if hasattr(source, "depthwise_kernel"):  # the other kernel of a separable convolution
                assign(layer.depthwise_kernel, source.depthwise_kernel)
        elif layer is not source and self.kind is type(source):
            for new, old in zip(layer.weights, source.weights, strict=True):
                assign(new, old)
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()
        if self.finish is not None:
            self.finish(layer)
