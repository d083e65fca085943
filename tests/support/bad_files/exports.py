"""Exports: what `export.json` says, and files that runtimes read."""

import json
import struct

from bad_files.case import Case, content
from bad_files.checkpoints import field
from bad_files.tables import RECORDS

RECORD = {
    "format": "onnx",
    "precision": "float32",
    "size": 8,
    "crop": 1.0,
    "interpolation": "bilinear",
    "labels": ["a"],
}
SETTINGS = {
    "another format": {"format": "pickle"},
    "a format that is a list": {"format": ["onnx"]},
    "10^9 pixels": {"size": 10**9},
    "a size that is a text": {"size": "8"},
    "a size below 0": {"size": -8},
    "a crop of 7": {"crop": 7},
    "an interpolation of code": {"interpolation": "__import__('os')"},
    "labels that are a number": {"labels": 7},
}
NOISE = {"nothing": b"", "text": b"text", "noise": bytes(range(1, 200)) * 20, "zeros": bytes(4096)}
# A graph whose one constant says that it is 2^40 numbers long.
TENSOR = field(1, 1 << 40) + field(2, 1) + field(8, b"probabilities") + field(9, bytes(16))
ONNX = field(1, 8) + field(7, field(5, TENSOR) + field(2, b"g")) + field(8, field(2, 17))
FLAT = struct.pack("<I", 1 << 31) + b"TFL3" + bytes(200)
XML = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">%s]><net name="%s" version="11"><layers/></net>' % (
    b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9)),
    b"&j;",
)
FILES = {
    "saved_model": {"saved_model.pb": {**NOISE, "a graph of 2^40": field(1, 1) + field(2, field(2, field(1, TENSOR)))}},
    "onnx": {"model.onnx": {**NOISE, "a constant of 2^40": ONNX, "2^40 bytes": b"\x3a" + b"\xff" * 5 + b"\x1f"}},
    "litert": {"model.tflite": {**NOISE, "an offset of 2^31": FLAT, "an offset of 0": bytes(4) + FLAT[4:]}},
    "openvino": {"model.xml": {**NOISE, "entities of entities": XML, "deep": b"<a>" * 50_000}},
}


def export(name, record, files=()):
    def write(folder):
        (folder / "export.json").write_bytes(record if isinstance(record, bytes) else json.dumps(record).encode())
        for file, data in dict(files).items():
            (folder / file).write_bytes(data)
        return folder

    return Case(f"export: {name}", "export", write)


def cases():
    return [
        *(export(f"export.json: {name}", data) for name, data in RECORDS.items()),
        *(export(f"export.json: no {key}", {k: v for k, v in RECORD.items() if k != key}) for key in RECORD),
        *(export(f"export.json: {name}", RECORD | changed) for name, changed in SETTINGS.items()),
        *(
            export(f"{name}: {file}: {harm}", RECORD | {"format": name}, {file: data})
            for name, kinds in FILES.items()
            for file, harms in kinds.items()
            for harm, data in harms.items()
        ),
        *(export(f"{name}: no file", RECORD | {"format": name}) for name in FILES),
        content("export: a file in place of the folder", "export", b"{}"),
    ]
