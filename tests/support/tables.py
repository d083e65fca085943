"""A folder of six images, and CSV files that name them."""

from PIL import Image
from sample_images import save

from keras_effconv.data import scan

NAMES = ("cat/1", "cat/2", "cat/3", "dog/1", "dog/2", "dog/3")


def write_images(folder):
    """Three images of cats and three of dogs."""
    for i, name in enumerate(NAMES):
        save(Image.new("RGB", (4, 4), (40 * i,) * 3), folder / "images" / f"{name.replace('/', '')}.png")
    return folder


def rows(form="images/{id}.png,{label}", label=lambda name: name.partition("/")[0]):
    return [form.format(id=name.replace("/", ""), label=label(name)) for name in NAMES]


def understood(folder, lines, name="table.csv", encoding="utf-8", **options):
    """{file: class} of a table."""
    (folder / name).write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))
    dataset = scan(data_dir=folder / name, **options)
    return {
        path.rpartition("/")[2]: dataset.class_names[label]
        for split in (dataset.train, dataset.validation, dataset.test)
        if split is not None
        for path, label in zip(split.paths, split.labels)
    }


RIGHT = {f"{name.replace('/', '')}.png": name.partition("/")[0] for name in NAMES}
