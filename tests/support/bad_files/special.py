"""What is no regular file, given to every entry: a pipe, devices, a socket, a folder."""

import os
import socket

from bad_files.case import Case

# The name under which an entry looks for a file in the folder that it is given; others are given the file.
INSIDE = {"checkpoint": "checkpoint.npz", "export": "export.json"}
NAMES = {"unpack": "net.tar.gz", "data": "a.csv", "model": "model.keras", "record": "run.json"}


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def random(path):
    path.symlink_to("/dev/urandom")


def listening(path):
    with socket.socket(socket.AF_UNIX) as bound:
        folder = os.open(path.parent, os.O_RDONLY)  # the path of a socket must be short
        try:
            bound.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)


def folder(path):
    path.mkdir()


KINDS = {"a pipe": pipe, "a device": device, "noise without end": random, "a socket": listening, "a folder": folder}


def special(entries):
    def case(entry, name, make):
        def write(folder):
            path = folder / INSIDE.get(entry, NAMES.get(entry, "file"))
            make(path)
            return folder if entry in INSIDE else path

        return Case(f"{entry}: {name}", entry, write)

    def weights(name, make, file):
        def write(folder):
            from bad_files.checkpoints import entry, index, write_checkpoint

            write_checkpoint(folder, index(entry()))
            (folder / file).unlink()
            make(folder / file)
            return folder

        return Case(f"TensorFlow: {file} is {name}", "weights", write)

    return [
        *(case(entry, name, make) for entry in entries for name, make in KINDS.items()),
        *(weights("a pipe", pipe, file) for file in ("checkpoint", "model.index", "model.data-00000-of-00001")),
    ]
