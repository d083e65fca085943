"""OpenVINO models of int8, by NNCF. Input and output stay float32."""

import logging

from keras_effconv.utils.extras import require


def quantized(model, feeds):
    """Quantize weights and activations to int8, weights by channel.

    Activations are symmetric, but behind what cuts negative values off they take no sign (NNCF's mixed preset).

    Args:
        model: `openvino.Model`.
        feeds: sequence of dicts of arrays by the name of the input, to take the scales of activations from.

    Returns:
        An `openvino.Model`.
    """
    nncf = require("nncf", "int8")
    logger = logging.getLogger("nncf")
    before, logger.disabled = logger.disabled, True  # it prints each step of its own
    try:
        return nncf.quantize(model, nncf.Dataset(feeds), preset=nncf.QuantizationPreset.MIXED, subset_size=len(feeds))
    finally:
        logger.disabled = before
