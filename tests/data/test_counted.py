"""What is said of many files at once: missing packages, damage, unknown whites; a line for each cause."""

import os
import sys

import numpy as np
import pytest
from commands import command
from PIL import Image
from sample_images import encoded, fill, gradient, png, warnings_of
from served import LABELS, small

from keras_effconv import data
from keras_effconv.cli.export import calibration, define
from keras_effconv.cli.flags import Flags
from keras_effconv.data.images import convert
from keras_effconv.data.images.levels import find_white
from keras_effconv.data.images.reading import UnreadableImageError, compiled_decoder, decode_image


def deep(top):
    return png(4, 1, 16, 0, b"\0" + np.array([0, top, top, 0], ">u2").tobytes())


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("read", ["load", "stream"])
def test_a_missing_package_is_one_line_with_the_count(tmp_path, caplog, monkeypatch, read):
    for part in ("train", "validation"):
        for name in "ab":
            fill(tmp_path / part / name, 2)
    tiff = encoded(gradient(), "TIFF")
    write(tmp_path, {f"train/a/{i}.tif": tiff + bytes([i]) for i in range(5)})
    for name in ("PIL.Image", "PIL.TiffImagePlugin"):
        monkeypatch.setitem(sys.modules, name, None)
    convert._pillow.cache_clear()
    if read == "load":
        data.load(data_dir=tmp_path, resize=8)
    else:
        list(data.Stream(data.scan(data_dir=tmp_path).train, 16, 8))
    lines = [line for line in warnings_of(caplog) if "keras-effconv[images]" in line]
    assert len(lines) == 1 and lines[0].startswith("skipped 5 ") and lines[0].endswith("and 2 more")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_same_damage_is_one_cause(kind):
    decoder, causes = compiled_decoder(8), set()
    for height in (200, 260):
        content = encoded(gradient(height, 300), kind)
        with pytest.raises(UnreadableImageError) as failed:
            decode_image(content[: len(content) // 2], decoder)
        causes.add(str(failed.value))
    assert len(causes) == 1 and not {"Graph", "stack traces", "image file the file"} & set(causes.pop().split(":"))


def test_a_pipe_named_as_an_image_has_no_white(tmp_path):
    """Opened, it would wait for ever."""
    os.mkfifo(tmp_path / "x.png")
    assert find_white([str(tmp_path / "x.png")]) is None


@pytest.mark.parametrize("name", ["predict", "evaluate"])
def test_16_bits_without_a_known_white_are_said_once(tmp_path, name):
    small(1).save(tmp_path / "model.keras")
    (tmp_path / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS), encoding="utf-8")
    photos = write(
        tmp_path / "photos",
        {f"{label}/{i}.png": deep(1000 + i) for i, label in enumerate(LABELS[:2] * 6)}
        | {f"{label}/plain.png": encoded(Image.new("L", (4, 4), i), "PNG") for i, label in enumerate(LABELS[:2])},
    )
    model = f"--model={tmp_path / 'model.keras'}"
    if name == "predict":
        done, count = command(name, photos, model, "--csv=-"), "12 of 14 files have 16 bits"
    else:
        done = command(name, model, f"--data_dir={photos}", "--split=train", f"--output={tmp_path / 'out'}")
        count = " files have 16 bits"
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("was trained without such files: 65535 becomes white") == 1 and count in done.stderr


def test_a_folder_to_calibrate_with_is_read_as_others_are(tmp_path, caplog, monkeypatch):
    """Home folder, junk, damage and 16 bits: each is one line with the count."""
    files = {f"{i}.png": deep(1000 + i) for i in range(3)} | {"bad 1.jpg": b"no image", "bad 2.jpg": b"no image!"}
    write(tmp_path / "photos", files | {"__MACOSX/x.png": b"junk", "plain.png": encoded(gradient(), "PNG")})
    monkeypatch.setenv("HOME", str(tmp_path))
    flags = Flags()
    define(flags)
    flags(["export", "--output=lite", "--calibration_dir=~/photos", "--calibration_images=9"])
    assert calibration(small(1), None, flags)["calibration"].shape[0] == 4
    told, skipped = warnings_of(caplog)
    assert told.startswith("3 of 6 files have 16 bits") and skipped.startswith("skipped 2 images: Unknown image file")


def test_16_bits_in_archives_are_said(tmp_path, caplog):
    content = [deep(1000), encoded(gradient(), "PNG")]
    for part in ("train", "test"):
        offsets = np.cumsum([0, *map(len, content)])
        encoded_files = np.frombuffer(b"".join(content), np.uint8)
        np.savez(tmp_path / f"{part}.npz", encoded=encoded_files, offsets=offsets, labels=np.array([0, 1]))
    data.load(data_dir=tmp_path, resize=4)
    assert [line.partition(", so")[0] for line in warnings_of(caplog)] == [
        "2 of 4 files have 16 bits a channel, and `Resize(white=...)` is not set: 65535 becomes white"
    ]
    caplog.clear()
    data.load(data_dir=tmp_path, resize=data.Resize(4, white=1023))
    assert not warnings_of(caplog)
