"""The data sets that publications transfer to, as a table: where each is, how it is split, what to expect."""

import dataclasses
import importlib

from keras_effconv.utils.text_table import aligned


@dataclasses.dataclass(frozen=True)
class CatalogEntry:
    """A data set by name.

    Args:
        name: str, for `data.load`; `aliases` do as well.
        title: str, as publications write it.
        tfds: str, the name of the TFDS builder.
        classes: int, number of classes.
        train_size: int, images to train on.
        validation_size: int, images to evaluate on.
        aliases: tuple of str.
        train: str, the split to train on, in the words of TFDS.
        validation: str, the split to evaluate on; empty if there is none.
        flip: bool, whether a mirrored image keeps its class.
        module: str, of this package's own builder; `None` if TFDS has one.
        manual: tuple of str, the files that must be downloaded by hand; empty if TFDS downloads.
        terms: str, under which the images may be used, as far as their authors say.
        published: ((network, top-1 accuracy in %), ...) of the EfficientNet paper, Table 5, both columns.
        paper_sizes: (train, test) of its Table 6 if they differ from those of this entry; else `None`.
    """

    name: str
    title: str
    tfds: str
    classes: int
    train_size: int
    validation_size: int
    aliases: tuple[str, ...] = ()
    train: str = "train"
    validation: str = "test"
    flip: bool = True
    module: str | None = None
    manual: tuple[str, ...] = ()
    terms: str = "none stated"
    published: tuple[tuple[str, float], ...] = ()
    paper_sizes: tuple[int, int] | None = None

    @property
    def splits(self):
        """((split, number of images), ...): to train on, and, if there is one, to evaluate on."""
        pairs = ((self.train, self.train_size), (self.validation, self.validation_size))
        return tuple(pair for pair in pairs if pair[0])


BUILDERS = "keras_effconv.data.builders"
RESEARCH = "non-commercial research"
B0, B3, B4, B5, B6, B7 = (f"EfficientNet-B{n}" for n in (0, 3, 4, 5, 6, 7))

# In the order of Table 6 of the EfficientNet paper (arXiv:1905.11946), then two more.
ENTRIES = (
    CatalogEntry("cifar10", "CIFAR-10", "cifar10", 10, 50_000, 10_000, published=((B0, 98.1), (B7, 98.9))),
    CatalogEntry("cifar100", "CIFAR-100", "cifar100", 100, 50_000, 10_000, published=((B0, 88.1), (B7, 91.7))),
    CatalogEntry(
        "birdsnap",
        "Birdsnap",
        "birdsnap",
        classes=500,
        train_size=47_386,
        validation_size=2_443,
        module=f"{BUILDERS}.birdsnap",
        manual=("species.txt", "test_images.txt", "images/"),
        terms="of each photograph on Flickr",
        published=((B5, 82.0), (B7, 84.3)),
    ),
    CatalogEntry(
        "stanford_cars",
        "Stanford Cars",
        "stanford_cars",
        classes=196,
        train_size=8_144,
        validation_size=8_041,
        aliases=("cars",),
        module=f"{BUILDERS}.stanford_cars",
        manual=("cars_train.tgz", "cars_test.tgz", "car_devkit.tgz", "cars_test_annos_withlabels.mat"),
        terms=RESEARCH,
        published=((B3, 93.6), (B7, 94.7)),
    ),
    CatalogEntry(
        "flowers102",
        "Flowers-102",
        "oxford_flowers102",
        classes=102,
        train_size=2_040,
        validation_size=6_149,
        aliases=("oxford_flowers102",),
        train="train+validation",
        published=((B5, 98.5), (B7, 98.8)),
    ),
    CatalogEntry(
        "aircraft",
        "FGVC-Aircraft",
        "fgvc_aircraft",
        classes=100,
        train_size=6_667,
        validation_size=3_333,
        aliases=("fgvc_aircraft",),
        train="train+validation",
        module=f"{BUILDERS}.fgvc_aircraft",
        terms=RESEARCH,
        published=((B3, 90.7), (B7, 92.9)),
    ),
    CatalogEntry(
        "pets",
        "Oxford-IIIT Pets",
        "oxford_iiit_pet",
        classes=37,
        train_size=3_680,
        validation_size=3_669,
        aliases=("oxford_iiit_pet",),
        terms="CC BY-SA 4.0",
        published=((B4, 94.8), (B6, 95.4)),
        paper_sizes=(3_680, 3_369),
    ),
    CatalogEntry(
        "food101",
        "Food-101",
        "food101",
        classes=101,
        train_size=75_750,
        validation_size=25_250,
        validation="validation",
        terms="of each photograph on Foodspotting; scientific fair use",
        published=((B4, 91.5), (B7, 93.0)),
    ),
    # TFDS has it in one piece: data.load splits off a part.
    CatalogEntry(
        "tf_flowers",
        "TensorFlow flowers",
        "tf_flowers",
        classes=5,
        train_size=3_670,
        validation_size=0,
        validation="",
        terms="CC BY 2.0",
    ),
    CatalogEntry(
        "imagenet",
        "ImageNet",
        "imagenet2012",
        classes=1_000,
        train_size=1_281_167,
        validation_size=50_000,
        aliases=("imagenet2012",),
        validation="validation",
        manual=("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"),
        terms=f"{RESEARCH}, after registration",
    ),
)
BY_NAME = {name: entry for entry in ENTRIES for name in (entry.name, *entry.aliases, entry.tfds)}
COLUMNS = ("name", "title", "classes", "train", "test", "by hand", "terms")


class Catalog(tuple):
    """Entries that print as a table."""

    def table(self, most: int | None = None) -> str:
        """Return the table as text, of lines of at most so many characters; by default of as many as it takes."""
        return aligned([COLUMNS, *map(_row, self)], most=most)

    def __str__(self):
        return self.table()

    __repr__ = __str__


def _row(entry):
    numbers = (f"{n:,}" if n else "" for n in (entry.classes, entry.train_size, entry.validation_size))
    return (entry.name, entry.title, *numbers, "yes" if entry.manual else "", entry.terms)


def list_sets() -> Catalog:
    """List the data sets that `data.load` knows by name, next to all others of TFDS.

    Returns:
        A tuple of `CatalogEntry`; printed, a table: train and test are numbers of images, "by hand" says which sets
        cannot be downloaded by TFDS.

    Example:

    >>> print(str(list_sets()).splitlines()[7])
    pets           Oxford-IIIT Pets    37       3,680      3,669            CC BY-SA 4.0
    """
    return Catalog(ENTRIES)


def find(name):
    """Return the `CatalogEntry` of a name, an alias or a TFDS name, or `None`; TFDS then knows this package's builder.

    Example:

    >>> find("cars").name, find("mnist")
    ('stanford_cars', None)
    """
    entry = BY_NAME.get(name.partition(":")[0])
    if entry and entry.module:
        importlib.import_module(entry.module)  # TFDS knows a builder as soon as its class exists.
    return entry
