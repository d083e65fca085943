"""Requests that TensorFlow Serving runs when it loads a model, so that no user waits for the first one.

The file is a TFRecord of `PredictionLog` messages. Few of their fields are needed, so this module encodes them by
itself: an export does not need tensorflow-serving-api.
"""

FILE = "tf_serving_warmup_requests"
BATCHES = (1, 8)


def write(folder):
    """Write `assets.extra/tf_serving_warmup_requests`: a grey image by itself and several at a time."""
    import tensorflow as tf

    extra = folder / "assets.extra"
    extra.mkdir()
    grey = tf.fill((480, 640, 3), tf.constant(128, tf.uint8))
    with tf.io.TFRecordWriter(str(extra / FILE)) as writer:
        for count in BATCHES:
            images = tf.make_tensor_proto([tf.io.encode_jpeg(grey).numpy()] * count, shape=[count])
            writer.write(prediction_log("serving_default", {"image_bytes": images}))


def prediction_log(signature, inputs):
    """Encode a `PredictionLog` of one request.

    Args:
        signature: str, its name.
        inputs: dict of name -> `TensorProto`.

    Returns:
        bytes, the message.
    """
    spec = _field(3, signature.encode())  # ModelSpec.signature_name
    request = _field(1, spec)  # PredictRequest.model_spec
    for name, tensor in inputs.items():  # PredictRequest.inputs, a map
        request += _field(2, _field(1, name.encode()) + _field(2, tensor.SerializeToString()))
    return _field(6, _field(1, request))  # PredictionLog.predict_log, PredictLog.request


def _field(number, value):
    """Encode a field of a protocol buffer that has a length: a string, or a message.

    >>> _field(3, b"ab")
    b'\\x1a\\x02ab'
    """
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value):
    """Encode a number: seven bits an octet, the lowest first; the high bit says that more follow.

    >>> _varint(300)
    b'\\xac\\x02'
    """
    octets = bytearray()
    while value > 127:
        octets.append(value & 127 | 128)
        value >>= 7
    return bytes([*octets, value])
