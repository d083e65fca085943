"""Train a network from scratch, by a recipe of keras_effconv.training.RECIPES.

    python scripts/train.py --data_dir=cifar10 --model=ResNet20 --conv="HetConv(parts=4)"
    python scripts/train.py --recipe=efficientnet-imagenet --dataset=imagenet2012

It leaves in --output what scripts/finetune.py does. Flags that are not given have the values of --recipe.
"""

import cli
import runs
from absl import logging

runs.define(recipe="cifar-minutes", dataset="cifar10", output="outputs/train")
main = runs.main

if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    cli.run(main)
