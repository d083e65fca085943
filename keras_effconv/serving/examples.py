"""`:classify` and `:regress`: signatures that read `tf.Example`, which no export of this package has.

TensorFlow Serving refuses such requests for the same exports; this module gives its answers.
"""

from keras_effconv.serving import wire

INPUTS = "inputs"  # the only name that TensorFlow Serving takes
OUTPUTS = {"classify": {"classes", "scores"}, "regress": {"outputs"}}
NOUNS = {"classify": "classification", "regress": "regression"}


def refusal(action, body, signatures):
    """Return why a request cannot be answered.

    Args:
        action: str, `"classify"` or `"regress"`.
        body: bytes.
        signatures: dict of str -> `Signature`.

    Returns:
        str of one line.

    Example:

    >>> refusal("classify", b'{"examples": [{"x": 1}]}', {})
    'No signature was found with the name: serving_default'
    """
    try:
        request = wire.document(body)
        name = wire.signature_name(request)
        _check_examples(request)
    except ValueError as error:
        return " ".join(str(error).split())
    if name not in signatures:
        return f"No signature was found with the name: {name[:100]}"
    return _mismatch(action, signatures[name])


def _check_examples(request):
    if "examples" not in request:
        raise ValueError("When method is classify, key 'examples' is expected and was not found")
    if not isinstance(request["examples"], list):
        raise ValueError("Expecting 'examples' value to be an list/array")
    if not request["examples"]:
        raise ValueError("'examples' value is an empty array")


def _mismatch(action, signature):
    noun, outputs = NOUNS[action], {tensor.name for tensor in signature.outputs}
    if len(outputs) > len(OUTPUTS[action]):
        if action == "regress":
            return "Expected one output Tensor."
        return f"Expected one or two output Tensors, found {len(outputs)}"
    found = f"{signature.input.name} -> {', '.join(sorted(outputs))}"
    return f"No {noun} inputs found in SignatureDef: {found}"
