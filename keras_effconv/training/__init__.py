"""Training: recipes as data, runs that resume exactly, and what a run writes."""

from keras_effconv.training.cross_validation import cross_validate
from keras_effconv.training.finetune import finetune
from keras_effconv.training.hyperparameters import tune
from keras_effconv.training.network import blocks, unfreeze
from keras_effconv.training.recalibrate import recalibrate
from keras_effconv.training.recipe import Recipe
from keras_effconv.training.recipes import RECIPES
from keras_effconv.training.reporting.evaluation import Evaluation, evaluate
from keras_effconv.training.result import Result
from keras_effconv.training.run import train

__all__ = [
    "RECIPES",
    "Evaluation",
    "Recipe",
    "Result",
    "blocks",
    "cross_validate",
    "evaluate",
    "finetune",
    "recalibrate",
    "train",
    "tune",
    "unfreeze",
]
