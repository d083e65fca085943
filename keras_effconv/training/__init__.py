"""Fine-tuning: recipes as data, two phases, checkpoints and reports."""

from keras_effconv.training.finetune import Result, fine_tune
from keras_effconv.training.network import blocks, unfreeze
from keras_effconv.training.recalibrate import recalibrate
from keras_effconv.training.recipe import FineTune, Recipe
from keras_effconv.training.recipes import RECIPES, differences
from keras_effconv.training.report import Evaluation, evaluate

__all__ = [
    "RECIPES",
    "Evaluation",
    "FineTune",
    "Recipe",
    "Result",
    "blocks",
    "differences",
    "evaluate",
    "fine_tune",
    "recalibrate",
    "unfreeze",
]
