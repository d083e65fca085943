"""The form of execution of HetConv2D and OctConv2D that is fastest on a target."""

from keras import layers

from keras_effconv.layers import HetConv2D, OctConv2D


def _dense(step):
    return "dense"


def _grouped(step):
    return "grouped"


def _split(step):
    return "split" if step.config["parts"] <= 64 else "grouped"


def _separate(step):
    return "separate"


# TensorFlow computes a grouped convolution, the sum with the pointwise one, bias and ReLU as two operations on a CPU;
# JAX is slow with groups on one.
EXPORTED = {HetConv2D: _grouped, OctConv2D: _separate}
TENSORFLOW = {HetConv2D: _grouped}
TARGETS = {
    "tensorflow": TENSORFLOW,
    "saved_model": TENSORFLOW,
    "jax": {HetConv2D: _split},
    "dense": {HetConv2D: _dense, OctConv2D: _separate},
    "onnx": EXPORTED,
    "openvino": EXPORTED,
    "litert": EXPORTED,
}


def choose_forms(graph, target):
    """Give each `HetConv2D` and `OctConv2D` the form that is fastest on a target.

    Args:
        graph: `Graph`, which is changed.
        target: str, a key of `TARGETS`. Any other backend is taken for TensorFlow.

    Returns:
        list of "layer: form".
    """
    choices, forms = TARGETS.get(target, TENSORFLOW), []
    for step in graph.steps:
        if step.kind not in choices or not graph.is_plain(step):
            continue
        execution = choices[step.kind](step)
        if execution == "dense":
            config = step.config
            step.become(layers.Conv2D, {key: config[key] for key in config.keys() - {"parts", "layout", "execution"}})
        else:
            step.changes["execution"] = execution
        forms.append(f"{step.name}: {execution}")
    return forms
