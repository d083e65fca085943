"""Fine-tune a network on a folder of images, a data set by name, or scikit-learn's digits.

    keras-effconv finetune                                       # EfficientNetLite0 on digits
    keras-effconv finetune --data_dir=flowers --conv="OctConv(alpha=0.25)"

It ends with a report, `model.keras`, `labels.txt`, plots, a model card, TensorBoard logs and a SavedModel for
TensorFlow Serving, `serving/1`, in --output. Flags without a value have those of --recipe.
"""

from keras_effconv.cli import training_run


def define(flags):
    """Define the flags."""
    training_run.define(flags, recipe="finetune", dataset="digits", output="outputs/finetune")


run = training_run.run
