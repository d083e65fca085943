"""Training for half precision: weights in float32 while they learn."""

from keras_effconv.inference import quantize
from keras_effconv.policies import HALF


def training_policy(dtype):
    """Return the dtype policy that a network is trained under, and say so if it is another one than it ends with.

    In float16, the squares of small gradients are zero, and Adam divides by them; a weight of bfloat16 has three
    digits, and the small steps at the end of a schedule do not reach the last. So what learns is in float32.

    Args:
        dtype: str, of the recipe.
    """
    if dtype not in HALF:
        return dtype
    lost = f"small updates are lost in weights of {dtype}"
    print(f"training in mixed_{dtype}, since {lost}; the finished model is in {dtype}")
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
