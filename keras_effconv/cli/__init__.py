"""The commands: `keras-effconv finetune ...`, or `python -m keras_effconv finetune ...`."""
