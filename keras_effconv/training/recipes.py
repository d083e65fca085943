"""stub"""

import dataclasses

from keras_effconv.training.recipe import Recipe

RECIPES = {
    "finetune": Recipe(),
    "cifar-minutes": Recipe(
        model="ResNet20",
        weights=None,
        image_size=32,
        head_epochs=0,
        epochs=12,
        batch_size=128,
        optimizer="nesterov",
        lr=0.1,
        warmup_epochs=1,
        weight_decay=5e-4,
        unfreeze_blocks=-1,
        freeze_norm=False,
        augmentation="pad-crop",
        crop=1.0,
    ),
}


def differences(recipe):
    plain = Recipe()
    return {
        f.name: getattr(recipe, f.name)
        for f in dataclasses.fields(Recipe)
        if getattr(recipe, f.name) != getattr(plain, f.name)
    }
