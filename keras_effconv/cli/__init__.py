"""The commands: `keras-effconv finetune ...`, or `python -m keras_effconv finetune ...`.

One module per command, with what `--help` prints as its docstring, `define(flags)` and `run(flags, words)`.
"""
