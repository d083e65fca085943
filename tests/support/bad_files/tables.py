"""Texts: tables of images, names of classes, records of runs."""

from bad_files.case import content

DEEP = b"[" * 200_000 + b"]" * 200_000
TABLES = {
    "zero bytes": b"path,label\na\0.png,x\n\0\0\0\n",
    "nothing but zero bytes": bytes(100_000),
    "a giant field": b"path,label\n" + b"a" * 500_000 + b",x\n",
    "a giant line": b"path,label\n" + b"a," * 2_000_000,
    "a giant first line": b"a," * 2_000_000,
    "an open quote": b'path,label\n"' + b"a\n" * 500_000,
    "no UTF-8": b"path,label\n\xff\xfe\xfd,x\n",
    "no columns": b"\n\n\n",
    "nothing": b"",
    "other columns": b"a,b\n1,2\n",
    "paths of devices": b"path,label\n/dev/zero,a\n/dev/zero/../zero,b\n/dev/stdin,a\n",
    "paths that lead nowhere": b"path,label\n" + b"../" * 2000 + b"x,a\n" + b"x" * 5000 + b",b\n",
    "a hundred thousand commas": b"path,label\n" + b"," * 100_000,
    "a column twice": b"path,path,label\na,b,c\n",
}
RECORDS = {
    "deep": DEEP,
    "a deep object": b'{"conv":' + DEEP + b"}",
    "a huge number": b'{"epochs":' + b"9" * 100_000 + b"}",
    "17 MB": b'{"a":"' + b"a" * (17 << 20) + b'"}',
    "a list": b"[1]",
    "a text": b'"text"',
    "half of it": b'{"conv": "Co',
    "no UTF-8": b'{"\xff":1}',
    "nothing": b"",
    "infinity": b'{"epochs": Infinity}',
}
LABELS = {
    "too many": b"a\n" * 5_000_000,
    "17 MB": b"a" * (17 << 20),
    "no UTF-8": b"\xff\xfe\n\xfd\n",
    "nothing": b"",
    "zero bytes": bytes(1000),
}


def cases():
    return [
        *(content(f"CSV: {name}", "data", data, "a.csv") for name, data in TABLES.items()),
        *(content(f"run.json: {name}", "record", data, "run.json") for name, data in RECORDS.items()),
        *(content(f"labels.txt: {name}", "labels", data, "labels.txt") for name, data in LABELS.items()),
    ]
