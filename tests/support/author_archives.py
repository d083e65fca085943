"""Data sets of a few generated images, laid out as their authors' archives are."""

import io
import tarfile

import numpy as np
import scipy.io
from PIL import Image

VARIANTS = [f"A{number:03d}/x" for number in range(100)]


def jpeg(shade):
    buffer = io.BytesIO()
    Image.new("RGB", (20, 16), (shade, 255 - shade, 7)).save(buffer, "JPEG")
    return buffer.getvalue()


def pack(path, files):
    """A .tgz of {name: content}."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def write_aircraft(folder):
    root = "fgvc-aircraft-2013b/data"
    images = {"train": [("0000001", 0), ("0000002", 99)], "val": [("0000003", 5)], "test": [("0000004", 5)]}
    files = {f"{root}/variants.txt": "\n".join(VARIANTS).encode()}
    for part, rows in images.items():
        files[f"{root}/images_variant_{part}.txt"] = "\n".join(f"{n} {VARIANTS[i]}" for n, i in rows).encode() + b"\n"
        files |= {f"{root}/images/{n}.jpg": jpeg(10 * int(n)) for n, _ in rows}
    pack(folder / "fgvc-aircraft-2013b.tar.gz", files | {"../outside.txt": b"x", "/absolute.txt": b"x"})


def write_cars(folder):
    names = np.array([f"Car {i}" for i in range(196)], dtype=object)
    kinds = [("bbox_x1", object), ("class", object), ("fname", object)]
    train = np.array([(1, 196, "00001.jpg"), (2, 3, "00002.jpg")], kinds)
    test = np.array([(1, 7, "00001.jpg")], kinds)
    devkit = {}
    for name, table in (("cars_meta", {"class_names": names}), ("cars_train_annos", {"annotations": train})):
        buffer = io.BytesIO()
        scipy.io.savemat(buffer, table)
        devkit[f"devkit/{name}.mat"] = buffer.getvalue()
    pack(folder / "car_devkit.tgz", devkit)
    pack(folder / "cars_train.tgz", {f"cars_train/0000{i}.jpg": jpeg(20 * i) for i in (1, 2)})
    (folder / "cars_test").mkdir()  # Unpacked already.
    (folder / "cars_test" / "00001.jpg").write_bytes(jpeg(200))
    scipy.io.savemat(folder / "cars_test_annos_withlabels.mat", {"annotations": test})


def write_birds(folder, species=500):
    rows = ["id\tcommon\tscientific\tdir", *(f"{i}\tBird {i}'s\tAvis\tBird_{i}s" for i in range(1, species + 1))]
    (folder / "species.txt").write_text("\n".join(rows) + "\n")
    for i, names in {2: ("11.jpg", "12.jpg"), 500: ("13.jpg", "14.jpg")}.items():
        (folder / "images" / f"Bird_{i}s").mkdir(parents=True)
        for name in names:
            (folder / "images" / f"Bird_{i}s" / name).write_bytes(jpeg(int(name[:2])))
    (folder / "images" / "Bird_2s" / "15.jpg").write_bytes(b"<html>gone</html>")
    (folder / "images" / "Strangers").mkdir()
    (folder / "images" / "Strangers" / "16.jpg").write_bytes(jpeg(16))
    (folder / "test_images.txt").write_text("path\nBird_2s/12.jpg\nBird_500s/99.jpg\n")
