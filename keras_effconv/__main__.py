"""`python -m keras_effconv COMMAND ...`, the same as `keras-effconv COMMAND ...`."""

from keras_effconv_command import main

main()
