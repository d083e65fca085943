from keras_effconv_command import main

main("convert")
