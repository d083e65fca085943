"""Models of half precision, which are exported in float32."""

import numpy as np

from keras_effconv.exporting.classifier import BATCH, classifier_of
from keras_effconv.graph import layers_of
from keras_effconv.inference.compare import largest_of_logits
from keras_effconv.policies import half_policy_of

# How far the probabilities of a policy may be from the same model's in float32: about a hundred units of rounding.
POLICY_TOLERANCES = {"float16": 0.05, "bfloat16": 0.25}


def policy_record(model, classifier, images, tolerance):
    """Compare a model of half precision with what is exported of it, and return what `export.json` says of it.

    Args:
        model: `keras.Model` as it was given.
        classifier: `Classifier` of the same model in float32.
        images: array of images that `classifier` reads.
        tolerance: float, the largest difference of an output (`largest_of_logits`); `None` for the policy's own.

    Returns:
        A dict: `policy` and `policy_difference`; empty if the model is in float32.

    Raises:
        ValueError: the model computes something else in half precision.
    """
    policy = half_policy_of(layers_of(model))
    if policy is None:
        return {}
    images = images[:BATCH]
    original = classifier_of(model, classifier.labels, classifier.preprocessing).predict(images)[0]
    difference = largest_of_logits(classifier.predict(images)[0], original)
    allowed = max(POLICY_TOLERANCES[policy.removeprefix("mixed_")], tolerance or 0)
    if not difference <= allowed:
        finite = np.isfinite(original).all()
        received = f"differ by {difference:.3g}" if finite else f"are not finite in {policy}"
        raise ValueError(
            f"`model` must compute about the same in {policy} as in float32, which is exported, up to {allowed:g} "
            f"(export `keras_effconv.in_float32(model)` if its float32 outputs are right). Received: "
            f"{classifier.model.name!r}, whose outputs {received}; nothing was written"
        )
    return {"policy": policy, "policy_difference": difference}
