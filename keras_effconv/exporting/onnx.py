"""ONNX: `model.onnx`, for ONNX Runtime and whatever else reads it."""

import json

from keras_effconv.exporting import onnx_precision
from keras_effconv.exporting.destination import single
from keras_effconv.exporting.format import INT8, Format, share
from keras_effconv.exporting.layer_names import layer_of, layers_among, names_in
from keras_effconv.utils.extras import require
from keras_effconv.utils.logs import silenced

FILE, OPSET = "model.onnx", 17
LAYOUTS = {"nhwc": (0, 1, 2, 3), "nchw": (0, 3, 1, 2)}  # from the images of `exporting.load`
BATCH, PLANES = "batch", "images_as_planes"


def write(classifier, folder, precision, settings):
    """Write `model.onnx`, with what `export.json` says of the input in its metadata."""
    onnx = require("onnx", "export")
    extra = {"layout": settings.layout, "opset": int(settings.opset or OPSET)}
    model = converted(classifier, **extra)
    kept = names_in((node.name for node in model.graph.node), classifier.layers(), settings.keep_float)
    model = onnx_precision.PRECISIONS[precision](model, settings, LAYOUTS[settings.layout], kept)
    if precision == "int8":
        extra["float_layers"] = layers_among(onnx_precision.float_nodes(model), classifier.layers())
    properties = {**classifier.metadata(), **extra}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in properties.items()})
    onnx.save(model, folder / FILE)
    return extra


def converted(classifier, layout="nhwc", opset=OPSET):
    """Return a classifier as an ONNX `ModelProto`, by tf2onnx, which sees inputs in place of the large constants.

    Args:
        classifier: `Classifier`.
        layout: str, of the input: a key of `LAYOUTS`. Default `"nhwc"`.
        opset: int. Default 17.
    """
    from keras_effconv.exporting.freezing import INPUT, OUTPUT, frozen

    graph, large = frozen(classifier.model)
    with silenced("tensorflow"):  # the converter calls functions that TensorFlow advises against
        model, _ = require("tf2onnx.convert", "export").from_graph_def(
            graph,
            name=classifier.model.name,
            input_names=[f"{name}:0" for name in (INPUT, *large)],
            output_names=[f"{OUTPUT}:0"],
            tensors_to_rename={f"{name}:0": name for name in (INPUT, OUTPUT, *large)},
            opset=opset,
            inputs_as_nchw=[f"{INPUT}:0"],
        )
    if layout == "nhwc":
        _read_channels_last(model.graph, INPUT)
    _put(large, model.graph)
    _name(model.graph, classifier.layers())
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    return model


def _read_channels_last(graph, name):
    """Transpose the images first: three channels next to each other leave ONNX Runtime's arithmetic no vectors.

    The preprocessing of an image of 224 pixels takes 0.1 ms of channels first, and 2 ms of channels last.
    """
    onnx = require("onnx", "export")
    images = next(each for each in graph.input if each.name == name)
    for node in graph.node:
        node.input[:] = [PLANES if each == name else each for each in node.input]
    graph.node.insert(0, onnx.helper.make_node("Transpose", [name], [PLANES], PLANES, perm=LAYOUTS["nchw"]))
    sizes = images.type.tensor_type.shape.dim
    batch, channels, height, width = (type(each).FromString(each.SerializeToString()) for each in sizes)
    for size, other in zip(sizes, (batch, height, width, channels)):
        size.CopyFrom(other)


def _name(graph, layers):
    """Name nodes that the converter has only numbered, such as convolutions with biases, after a constant of theirs."""
    known = dict.fromkeys(layers)
    for node in graph.node:
        named = [name for name in (node.name, *node.input[1:]) if layer_of(name, known)]
        if named and named[0] != node.name:
            node.name = f"{named[0].removesuffix(':0')}/{node.name}"


def _put(large, graph):
    """Put constants into an ONNX graph in place of the inputs of their names, transposed if a transpose reads them.

    They are taken out of the dict, so that there are never two copies of all of them.
    """
    onnx = require("onnx", "export")
    rest = [each for each in graph.input if each.name not in large]
    transposes = [node for node in graph.node if node.op_type == "Transpose" and node.input[0] in large]
    for node in transposes:
        graph.node.remove(node)
    read = {name for node in graph.node for name in node.input}
    while large:
        name, value = large.popitem()
        arrays = {
            node.output[0]: value.transpose(node.attribute[0].ints) for node in transposes if node.input[0] == name
        }
        if name in read:
            arrays[name] = value
        graph.initializer.extend(onnx.numpy_helper.from_array(array, key) for key, array in arrays.items())
    del graph.input[:]
    graph.input.extend(rest)


def load(folder, precision, threads, streams):
    """Open a session of ONNX Runtime on the CPU. Any thread may call it; with several streams, cores are shared out."""
    runtime = require("onnxruntime", "export")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or (share(streams) if streams > 1 else 0)
    options.log_severity_level = 3
    session = runtime.InferenceSession(folder / FILE, options, providers=["CPUExecutionProvider"])
    names = {each.name for each in (*session.get_inputs(), *session.get_outputs())}
    if not {"images", "probabilities"} <= names:
        raise ValueError(f"{FILE} must have images and probabilities. Received: {', '.join(sorted(names))}")
    layout = json.loads(session.get_modelmeta().custom_metadata_map.get("layout", '"nhwc"'))
    axes = LAYOUTS[layout]
    return lambda images: session.run(["probabilities"], {"images": images.transpose(axes)})[0]


FORMAT = Format(
    "onnx",
    write,
    load,
    ("onnx", "tf2onnx", "onnxruntime"),
    single,
    tuple(onnx_precision.PRECISIONS),
    settings=(*INT8, "layout", "opset"),
    levels=(64, 64),  # of 7 bits: see `reduce_range`
)
