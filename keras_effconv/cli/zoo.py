"""The published weight sets: list, fetch, verify and convert them.

python scripts/zoo.py list --model=resnet50 --tag=torchvision
python scripts/zoo.py fetch --model=EfficientNetB0 --tag=imagenet
python scripts/zoo.py verify                                     # what is in the cache
python scripts/zoo.py convert weights.pth out.weights.h5 --model=ResNet50 --options='{"stride_position": "middle"}'

KERAS_HOME says where the cache is, KERAS_EFFCONV_ZOO names a mirror: a folder or the address of one.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags

FLAGS = flags.FLAGS

flags.DEFINE_string("model", "", "list, fetch, verify: regular expression; convert: name of the network.")
flags.DEFINE_string("tag", "", "Regular expression of tags.")
flags.DEFINE_string("kind", None, '"Conv", or "OctConv" for sets that were trained in two bands.')
flags.DEFINE_boolean("include_top", None, "Only sets with, or without, the classifier; convert: default with.")
flags.DEFINE_string("conv", "Conv()", "convert: kind of convolution of the new file's network.")
flags.DEFINE_string("options", "{}", "convert: JSON of the constructor's other arguments.")
flags.DEFINE_integer("classes", 0, "convert: classes of the network; 0: its usual number.", 0)
flags.DEFINE_string(
    "reference", None, "convert: .npz of `images` (n, h, w, c), as the network reads them, and `outputs`."
)
flags.DEFINE_float("tolerance", 1e-4, "convert: largest difference from the reference, over its largest output.", 0.0)
flags.DEFINE_boolean("yes", False, "fetch: also more than one set.")


def main(argv):
    cli.act(argv, {"list": show, "fetch": fetch, "verify": verify, "convert": convert})


def chosen():
    """The records that the flags ask for."""
    from keras_effconv import zoo

    found = zoo.list(FLAGS.model, FLAGS.kind, FLAGS.tag)
    found = type(found)(r for r in found if FLAGS.include_top in (None, r.include_top))
    if not found:
        raise ValueError(f"expected a set, found none with --model={FLAGS.model!r} --tag={FLAGS.tag!r}")
    return found


def show():
    """Print the table."""
    print(chosen())


def fetch():
    """Download sets, and print where each is."""
    from keras_effconv import zoo

    records = chosen()
    if len(records) > 1 and not FLAGS.yes:
        raise ValueError(f"expected one set, found {len(records)}: name --model, --tag and --include_top, or say --yes")
    for record in records:
        print(record.model, record.tag, zoo.locate(record))


def verify():
    """Check what is in the cache, download nothing; status 1 if a file is damaged."""
    from keras_effconv import zoo

    wrong = 0
    for record in chosen():
        state = zoo.verify(record)
        if state is not None:
            print(f"{record.model:18} {record.tag:24} {state}")
            wrong += state != "ok"
    sys.exit(int(wrong > 0))


def convert(source, target):
    """Read any supported file into a network, write its weights, read them back, and compare outputs."""
    import keras_effconv as ke
    from keras_effconv.zoo import writers

    writers.check(target)
    build = ke.applications.get(FLAGS.model)
    options = {
        "include_top": FLAGS.include_top is not False,
        "conv": FLAGS.conv,
        **cli.json_object("--options", FLAGS.options),
    }
    if FLAGS.classes:
        options["classes"] = FLAGS.classes
    model = build(weights=None, **options)
    print(ke.load_weights(model, source))
    writers.write(model, target)
    again = build(weights=None, **options)
    ke.load_weights(again, target)
    print(f"{target}: the same outputs as {source}: largest difference {writers.difference(model, again):.2g}")
    if FLAGS.reference:
        found = writers.difference_from(again, FLAGS.reference)
        print(f"largest difference from {FLAGS.reference}: {found:.2g} of the largest output")
        if found > FLAGS.tolerance:
            raise ValueError(f"expected a difference of at most {FLAGS.tolerance:g}, received {found:.2g}")


if __name__ == "__main__":
    cli.run(main)
