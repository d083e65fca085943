"""The signatures of an export as TensorFlow Serving describes them."""

EMPTY = {"defaults": {}}


def definitions(exported, signatures):
    """Return the signature definitions of an export: those in a SavedModel's file, or such as a SavedModel would have.

    Args:
        exported: `keras_effconv.exporting.Exported`.
        signatures: dict of str -> `Signature`.

    Returns:
        dict of str -> dict for JSON.
    """
    return FROM_FILE.get(exported.format, _described)(exported, signatures)


def metadata(name, number, definitions):
    """Return the body of a response to `GET .../metadata`, as TensorFlow Serving writes a `SignatureDefMap`.

    Args:
        name: str, of the model.
        number: int, of the version.
        definitions: see `definitions`.

    Returns:
        dict for JSON.
    """
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(number)},
        "metadata": {"signature_def": {"signature_def": definitions}},
    }


def _in_a_saved_model(exported, signatures):
    """Read the definitions with the true names of tensors, and the operation that initializes the tables."""
    from google.protobuf.json_format import MessageToDict
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    file = SavedModel.FromString((exported.path / "saved_model.pb").read_bytes())
    return {
        key: MessageToDict(definition, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
        for key, definition in file.meta_graphs[0].signature_def.items()
    }


FROM_FILE = {"saved_model": _in_a_saved_model}


def _described(exported, signatures):
    return {
        key: {
            "inputs": {signature.input.name: _info(signature.input)},
            "outputs": {tensor.name: _info(tensor) for tensor in signature.outputs},
            "method_name": "tensorflow/serving/predict",
            **EMPTY,
        }
        for key, signature in signatures.items()
    }


def _info(tensor):
    dims = [{"size": str(size), "name": ""} for size in tensor.shape]
    return {"dtype": tensor.dtype, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": f"{tensor.name}:0"}
