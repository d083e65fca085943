"""The command that serves: its flags, and the port that it takes before it loads."""

import socket

import pytest
from commands import check_mistakes

from keras_effconv import serving


def test_a_users_mistake_is_one_line_and_status_2(tmp_path):
    folder = f"--model={tmp_path}"
    check_mistakes(
        "serve",
        [
            ((), "--model"),
            ((f"--model={tmp_path / 'no'}",), "`model` must be a folder"),
            ((f"--model={tmp_path},{tmp_path}",), "`name` must be another one"),
            ((folder, "--name=a:b"), "`name` must be without"),
            ((folder, "--max_queue=0"), "--max_queue"),
            *(((folder, f"--{each}=nan"), f"--{each}=nan") for each in ("read_timeout", "poll_seconds", "max_body_mb")),
            ((folder, "--name=a", "--version_labels=a:stable"), "`version_labels` must be NAME:LABEL=N"),
            ((folder, "--name=a", "--version_labels=stable=1"), "`version_labels` must be NAME:LABEL=N"),
            ((folder, "--name=a", "--version_labels=a:stable=-1"), "`version_labels` must be NAME:LABEL=N"),
            ((folder, "--name=a", "--version_labels=b:stable=1"), "`version_labels` must name one of a"),
            ((folder, "--name=a", "--version_labels=a:x=1,a:x=2"), "`version_labels` must be another label"),
        ],
    )


def test_what_cannot_be_served_is_one_line(tmp_path):
    with pytest.raises(
        ValueError, match=r"`path` must be an export or a folder of versions. Received: .*: there is none in it"
    ):
        serving.Versions(tmp_path)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "export.json").write_text("{}")
    with pytest.raises(
        ValueError, match=r"`path` must be an export or a folder.*/7': export.json has no 'size'"
    ) as caught:
        serving.Versions(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_port_in_use_is_told_before_models_are_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_effconv.cli.serve.signal.signal", lambda *_: None)
    monkeypatch.setattr(serving, "Versions", lambda *_: pytest.fail("models are loaded first"))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        check_mistakes("serve", [((f"--model={tmp_path}", f"--port={port}"), f"port={port}: Address already in use")])
        with pytest.raises(OSError, match=rf"`host` and `port` must be free. Received: .*port={port}: .*in use"):
            serving.serve({}, port=port)
    check_mistakes("serve", [((f"--model={tmp_path}", "--host=256.1.1.1"), "`host` and `port` must be free")])


def test_of_two_that_take_a_port_while_they_load_only_one_listens():
    with serving.bound("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with serving.bound("127.0.0.1", port) as second:
            first.listen()
            with pytest.raises(OSError, match=f"port={port}: Address already in use"):
                serving.serve({}, listener=second)
