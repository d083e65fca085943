"""Folders of images, laid out as a test wants them, and what is found in them."""

from sample_images import fill

from keras_effconv.data import scan


def lay(root, *paths, count=2):
    for path in paths:
        fill(root / path, count)


def found(root, capsys, **options):
    """{split: {class: number of images}}, and the line that says so."""
    dataset = scan(data_dir=root, **options)
    counts = {}
    for part in ("train", "validation", "test"):
        if (split := getattr(dataset, part)) is not None:
            names = [dataset.class_names[label] for label in split.labels]
            counts[part] = {name: names.count(name) for name in sorted(set(names))}
    return counts, capsys.readouterr().out.strip()
