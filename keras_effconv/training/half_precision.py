"""Training for half precision: weights in float32 while they learn."""

from keras_effconv.inference import quantize
from keras_effconv.policies import HALF


def training_policy(dtype):
    """Return the dtype policy that a network is trained under, and say so if it is another one than it ends with.

    Adam keeps its means in the type of the weights. In bfloat16 its decay of 0.999 is 1, and it takes no step; in
    float16 the squares of gradients below 1e-4 are zero, and it divides by them. Momentum learns about as well in
    bfloat16, but the rest of the training need not depend on the optimizer. So what learns is in float32.

    Args:
        dtype: str, of the recipe.
    """
    if dtype not in HALF:
        return dtype
    print(f"training in mixed_{dtype}, so that weights and optimizer are in float32; the finished model is in {dtype}")
    return f"mixed_{dtype}"


def finished(model, dtype):
    """Return a trained model as the recipe wants it: with weights of half precision, except those of the head.

    A network whose weights float16 does not hold stays as it was trained, and a line says so: training is paid for.
    """
    if dtype not in HALF:
        return model
    try:
        return quantize(model, dtype)
    except ValueError as error:
        print(f"the finished model stays in mixed_{dtype}: {error}")
        return model
