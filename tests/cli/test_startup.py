"""What libraries write to stderr as a command starts."""

import os

import pytest

import keras_effconv_command

STARTUP = b"""WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1796058388.845946    5555 port.cc:153] oneDNN custom operations are on.
E0000 00:00:1796058397.975756    5555 cuda_platform.cc:52] failed call to cuInit: INTERNAL: UNKNOWN ERROR (303)
2026-11-30 17:46:38.164900: E tensorflow/core/util/util.cc:131] oneDNN supports DT_UINT8 only on AVX-512.
"""


def test_what_tensorflow_says_of_every_machine_is_left_out(capfd):
    with keras_effconv_command.startup_messages_left_out():
        os.write(2, STARTUP + b"W0000 00:00:1 1 gpu_device.cc:2342] Cannot dlopen some GPU libraries.\n")
    assert "gpu_device" in (shown := capfd.readouterr().err) and len(shown.splitlines()) == 1


def test_a_failing_import_gives_stderr_back(capfd):
    with pytest.raises(ImportError), keras_effconv_command.startup_messages_left_out():
        os.write(2, b"why\n")
        raise ImportError
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "why\nafter\n"
