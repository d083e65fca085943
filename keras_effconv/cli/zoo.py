"""The published weight sets: list, fetch, verify, convert; and push a model to the Hugging Face hub.

    keras-effconv zoo list --model=resnet50 --tag=torchvision
    keras-effconv zoo fetch --model=EfficientNetB0 --tag=imagenet
    keras-effconv zoo verify                                     # what is in the cache
    keras-effconv zoo push outputs/finetune hf://me/flowers --private
    keras-effconv zoo convert weights.pth out.weights.h5 --model=ResNet50 --options='{"stride_position": "middle"}'

KERAS_HOME says where the cache is; KERAS_EFFCONV_ZOO is a mirror: a folder, or its address. `push` takes the folder of
a finished run, and the token of HF_TOKEN or of `hf auth login`.
"""

from keras_effconv.cli.flags import act, json_object


def define(flags):
    """Define the flags."""
    flags.about("Which sets")
    flags.string("model", "", "list, fetch, verify: regular expression; convert: name of the network.")
    flags.string("tag", "", "Regular expression of tags.")
    flags.string("kind", None, '"Conv", or "OctConv" for sets that were trained in two bands.')
    flags.boolean("include_top", None, "Only sets with, or without, the classifier; convert: default with.")
    flags.about("zoo convert")
    flags.string("conv", "Conv()", "convert: kind of convolution of the new file's network.")
    flags.string("options", "{}", "convert: JSON of the constructor's other arguments.")
    flags.string("entry", None, "convert: entry of a checkpoint that holds several sets of weights.")
    flags.string("preprocessing", None, "convert: tag of the set like which the file wants images.")
    flags.integer("classes", 0, "convert: classes of the network; 0: its usual number.", 0)
    flags.string("reference", None, "convert: .npz of `images` (n, h, w, c), as the network reads them, and `outputs`.")
    flags.float("tolerance", 1e-4, "convert: largest difference from the reference, over its largest output.", 0.0)
    flags.about("zoo fetch")
    flags.boolean("yes", False, "fetch: also more than one set.")
    flags.about("zoo push")
    flags.boolean("private", False, "push: make a new repository private.")
    flags.string("license", None, "push: as the hub spells it, such as mit. Default: that of the run's first weights.")
    flags.boolean("dry_run", False, "push: print what would be uploaded, and send nothing.")


def run(flags, words):
    """Run an action."""
    actions = {"list": show, "fetch": fetch, "verify": verify, "convert": convert, "push": push}
    return act(flags, words, actions)


def records_of(flags):
    """Return the records that the flags ask for."""
    from keras_effconv import zoo

    records = zoo.list(flags.model, flags.kind, flags.tag)
    records = type(records)(r for r in records if flags.include_top in (None, r.include_top))
    if not records:
        raise ValueError(f"no set of weights has that name. Received: model={flags.model!r}, tag={flags.tag!r}")
    return records


def show(flags):
    """Print the table."""
    from keras_effconv.utils.text_table import terminal_width

    print(records_of(flags).table(terminal_width()))


def fetch(flags):
    """Download sets, and print where each is."""
    from keras_effconv import zoo

    records = records_of(flags)
    if len(records) > 1 and not flags.yes:
        text = "`model`, `tag` and `include_top` must be those of one set, or --yes be given"
        raise ValueError(f"{text}. Received: {len(records)} sets")
    for record in records:
        print(record.model, record.tag, zoo.locate(record))


def verify(flags):
    """Check what is in the cache, download nothing; status 1 if a file is damaged."""
    from keras_effconv import zoo

    wrong = 0
    for record in records_of(flags):
        state = zoo.verify(record)
        if state is not None:
            print(f"{record.model:18} {record.tag:24} {state}")
            wrong += state != "ok"
    return int(wrong > 0)


def convert(flags, source, target):
    """Read any supported file into a network, write its weights, read them back, and compare outputs."""
    import keras_effconv as ke
    from keras_effconv.inference import compare
    from keras_effconv.zoo import writers

    writers.check(target)
    build = ke.applications.get(flags.model)
    options = {
        "include_top": flags.include_top is not False,
        "conv": flags.conv,
        **json_object("--options", flags.options),
    }
    if flags.classes:
        options["classes"] = flags.classes
    model = build(weights=None, **options)
    print(ke.load_weights(model, source, entry=flags.entry, preprocessing=flags.preprocessing))
    writers.write(model, target)
    again = build(weights=None, **options)
    ke.load_weights(again, target)
    same = compare.difference(model, again, pixels=True)
    print(f"{target}: the same outputs as {source}: largest difference {same:.2g}")
    if flags.reference:
        difference = compare.difference_from(again, flags.reference)
        print(f"largest difference from {flags.reference}: {difference:.2g} of the largest output")
        if difference > flags.tolerance:
            raise ValueError(f"the difference must be at most {flags.tolerance:g}. Received: {difference:.2g}")


def push(flags, folder, target):
    """Upload the model of a finished run to a repository of the hub, in one commit."""
    from keras_effconv.zoo.hub import push as pushing

    if not flags.dry_run:
        pushing.check_token()
    upload = pushing.prepare(folder, target, flags.license)
    print(f"{'would upload' if flags.dry_run else 'uploading'} to {upload.url}:")
    for name in upload.files:
        print(f"  {name} ({upload.size(name):,} bytes)")
    if not flags.dry_run:
        print(f"commit: {pushing.send(upload, flags.private)}")
        print(f"next: keras-effconv predict IMAGE --model={upload.address}")
