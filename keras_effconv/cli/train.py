"""Train a network from scratch, by a recipe of keras_effconv.training.RECIPES.

    keras-effconv train --data_dir=cifar10 --model=ResNet20 --conv="HetConv(parts=4)"
    keras-effconv train --recipe=efficientnet-imagenet --dataset=imagenet2012

It leaves in --output what `keras-effconv finetune` does. Flags without a value have those of --recipe.
"""

from keras_effconv.cli import training_run


def define(flags):
    """Define the flags."""
    training_run.define(flags, recipe="cifar-minutes", dataset="cifar10", output="outputs/train")


run = training_run.run
