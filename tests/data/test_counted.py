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
