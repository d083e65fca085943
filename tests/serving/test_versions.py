"""Versions that cannot be read, or loaded, for a while or for good; and how their folders may be named."""

import os
import shutil
import types

import pytest
from fake_format import Gate
from served import eventually

from keras_effconv import exporting, serving
from keras_effconv.exporting.destination import version_folders


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """Version 1 of a format, of which nothing is computed."""
    monkeypatch.setattr("keras_effconv.serving.versions.signatures", lambda exported: {})
    gate = Gate(tmp_path / "gate", monkeypatch)
    gate.write(1)
    return gate


def states(versions):
    return {number: state.name for number, state in versions.states().items()}


@pytest.mark.parametrize("closed", ["3", "3/export.json"])
def test_a_version_that_may_not_be_read_keeps_out_no_other(gate, monkeypatch, closed):
    """It has its cause, and is served as soon as it may be read. (A test by root needs more than `chmod`.)"""
    versions, stat, open_ = serving.Versions(gate.folder), os.stat, os.open

    def guarded(call):
        def guard(path, *arguments, **options):
            if str(path).startswith(f"{gate.folder / closed}") and str(path) != str(gate.folder / "3"):
                raise PermissionError(13, "Permission denied", str(path))
            return call(path, *arguments, **options)

        return guard

    gate.write(3)
    gate.write(4)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", guarded(open_))
        if closed == "3":
            patch.setattr(os, "stat", guarded(stat))
        versions.refresh()
        assert states(versions) == {4: "AVAILABLE", 3: "END", 1: "AVAILABLE"}
        assert versions.states()[3].code == "PERMISSION_DENIED" and "Permission denied" in versions.states()[3].message
    os.chmod(gate.folder / "3" / "export.json", 0o640)
    versions.refresh()
    assert states(versions)[3] == "AVAILABLE"


def test_why_no_versions_are_seen_is_said_once(gate, caplog):
    versions = serving.Versions(gate.folder)
    causes = iter(["a", "a", "b", "b", "", "b", "b"])
    seen = []

    def refresh():
        seen.append(cause := next(causes, "b"))
        if cause:
            raise PermissionError(cause)

    versions.refresh = refresh
    versions.watch(0.01)
    eventually(lambda: len(seen) > 8)
    versions.close()
    assert [record.getMessage().split(": ")[-1] for record in caplog.records] == ["a", "b", "b"]


class Failing:
    """Loads a version as `Gate` does, but for failures of the newest one; and a clock."""

    def __init__(self, gate, monkeypatch, error):
        self.gate, self.error, self.tried, self.now = gate, error, 0, 1000.0
        monkeypatch.setitem(exporting.FORMATS, "gate", exporting.FORMATS["gate"]._replace(load=self.load))
        clock = types.SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr("keras_effconv.serving.versions.time", clock)
        self.versions = serving.Versions(gate.folder)
        gate.write(2)

    def load(self, folder, *arguments):
        if folder.name == "2":
            self.tried += 1
            if self.error:
                raise self.error
        return self.gate.load(folder, *arguments)

    def after(self, seconds):
        """Return how often the newest version was tried in all after so many more seconds."""
        self.now += seconds
        self.versions.refresh()
        return self.tried


PASSING = {
    "PERMISSION_DENIED": PermissionError(13, "Permission denied"),
    "NOT_FOUND": FileNotFoundError(2, "No such file"),
    "RESOURCE_EXHAUSTED": MemoryError("Unable to allocate 3 GiB"),
    "UNAVAILABLE": OSError(24, "Too many open files"),
}


@pytest.mark.parametrize("code", PASSING)
def test_what_may_pass_is_tried_again_after_a_growing_pause(gate, monkeypatch, code):
    failing = Failing(gate, monkeypatch, PASSING[code])
    assert failing.after(0) == 1 == failing.after(9)
    assert states(failing.versions) == {2: "END", 1: "AVAILABLE"} and failing.versions.states()[2].code == code
    assert failing.after(2) == 2 == failing.after(19)
    assert failing.after(2) == 3
    for _ in range(10):
        failing.after(10_000)
    assert failing.tried == 13 == failing.after(299) and failing.after(2) == 14
    failing.error = None
    assert failing.after(301) == 15 and states(failing.versions) == {2: "AVAILABLE", 1: "AVAILABLE"}


@pytest.mark.parametrize("error", [ValueError("no graph"), RuntimeError("no operation"), ImportError("onnx")])
def test_what_will_not_pass_is_tried_again_when_its_files_change(gate, monkeypatch, error):
    failing = Failing(gate, monkeypatch, error)
    assert failing.after(0) == 1 == failing.after(100_000)
    os.chmod(gate.folder / "2" / "export.json", 0o640)  # neither its time nor its size
    assert failing.after(0) == 2 == failing.after(100_000)


@pytest.mark.parametrize("names", [["007"], ["07", "007"], ["7", "007"], ["007", "12"]])
def test_numbers_may_begin_with_zeros(gate, names):
    for name in names:
        shutil.copytree(gate.folder / "1", gate.folder / name)
    shutil.rmtree(gate.folder / "1")
    versions = serving.Versions(gate.folder)
    assert set(states(versions)) == set(map(int, names))
    assert version_folders(gate.folder)[7].name == min(set(names) - {"12"}, key=len)
    assert exporting.load(gate.folder).path.name == ("12" if "12" in names else min(names, key=len))
