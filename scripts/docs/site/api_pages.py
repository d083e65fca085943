"""Which public names each page of the API reference has, grouped by task."""

from typing import NamedTuple


class Section(NamedTuple):
    """A part of a page.

    Attributes:
        title: str.
        module: str, the dotted name below which the names are.
        names: tuple of str.
    """

    title: str
    module: str
    names: tuple


class ApiPage(NamedTuple):
    """A page of the reference.

    Attributes:
        title: str.
        summary: str, a sentence.
        guide: str, the page of docs/ that shows how to use it.
        sections: tuple of `Section`.
    """

    title: str
    summary: str
    guide: str
    sections: tuple


def _section(title, module, names):
    return Section(title, module, tuple(names.split()))


def _family(title, summary, module, names):
    """Return the page of a family: its module, then its constructors."""
    sections = (
        _section("Constructors", ROOT, names),
        _section("Module", APPLICATIONS, module),
    )
    return ApiPage(title, summary, "zoo.md", sections)


ROOT = "keras_effconv"
APPLICATIONS = f"{ROOT}.applications"
EFFICIENTNETS = (
    "EfficientNet EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 "
    "EfficientNetB6 EfficientNetB7 EfficientNetLite0 EfficientNetLite1 EfficientNetLite2 EfficientNetLite3 "
    "EfficientNetLite4"
)

PAGES = {
    "networks": ApiPage(
        "Find and build networks",
        "List the networks, cut them into feature maps, scale them, and prepare their images.",
        "layers.md",
        (
            _section("Find a network", APPLICATIONS, "list_models get MODELS"),
            _section("Images and classes", ROOT, "preprocessing_for ImagePreprocessing decode_predictions"),
            _section("Feature maps and sizes", ROOT, "features compound"),
            _section("A family of your own", APPLICATIONS, "publish blocks"),
        ),
    ),
    "vgg": _family("VGG", "VGG-11 to VGG-19.", "vgg", "VGG11 VGG13 VGG16 VGG19 VGG16CIFAR"),
    "resnet": _family(
        "ResNet and ResNeXt",
        "Residual networks for ImageNet, with squeeze-and-excite and groups as options.",
        "resnet",
        "ResNet18 ResNet26V1 ResNet34 ResNet50 ResNet101 ResNet152 ResNeXt50 ResNeXt101",
    ),
    "resnet_v2": _family(
        "ResNet V2",
        "Residual networks with activations ahead of the convolutions.",
        "resnet_v2",
        "ResNet26 ResNet50V2 ResNet101V2 ResNet152V2 ResNet200",
    ),
    "resnet_cifar": _family(
        "ResNet for CIFAR",
        "Residual networks for images of 32 x 32 pixels.",
        "resnet_cifar",
        "ResNet20 ResNet32 ResNet44 ResNet56 ResNet110",
    ),
    "mobilenet": ApiPage(
        "MobileNet",
        "Depthwise separable networks.",
        "zoo.md",
        (
            _section("MobileNet", ROOT, "MobileNet"),
            _section("MobileNet V2", ROOT, "MobileNetV2"),
            _section("Modules", APPLICATIONS, "mobilenet mobilenet_v2"),
        ),
    ),
    "efficientnet": _family(
        "EfficientNet", "EfficientNet B0 to B7 and EfficientNet-Lite 0 to 4.", "efficientnet", EFFICIENTNETS
    ),
    "kinds": ApiPage(
        "Kinds",
        "What `conv=` means: a kind of convolution for a whole network, or one for each layer.",
        "layers.md",
        (
            _section("Kinds", ROOT, "Conv OctConv HetConv PC GWCPWC DWCPWC ByLayer"),
            _section("Text and files", f"{ROOT}.kinds", "get load save from_json to_json KINDS"),
        ),
    ),
    "layers": ApiPage(
        "Layers",
        "The Keras layers by themselves, for a network of your own.",
        "layers.md",
        (
            _section("Convolutions", f"{ROOT}.layers", "HetConv2D OctConv2D OctDepthwiseConv2D GroupConv2D"),
            _section("Bands", f"{ROOT}.layers", "SplitBands MergeBands OctMaxPooling2D"),
            _section("Channels and padding", f"{ROOT}.layers", "TakeChannels PadChannels SamePadding2D"),
        ),
    ),
    "zoo": ApiPage(
        "Weights",
        "List, fetch and load published weights, of any known format.",
        "zoo.md",
        (
            _section("List", f"{ROOT}.zoo", "list tags find imagenet_classes RECORDS Record"),
            _section("Load weights", ROOT, "load_weights"),
            _section("Steps of loading", f"{ROOT}.zoo", "load resolve path_and_tag pour fit LoadReport Source"),
            _section("Fetch and verify", f"{ROOT}.zoo", "locate verify"),
            _section("Load whole models", f"{ROOT}.zoo", "load_model load_classifier"),
            _section("Errors", f"{ROOT}.zoo", "FormatError WeightsUnavailable"),
        ),
    ),
    "data": ApiPage(
        "Data",
        "Images and labels: load, check and stream them.",
        "data.md",
        (
            _section("Load", f"{ROOT}.data", "load digits from_directory from_csv from_archives from_tfds"),
            _section("Check", f"{ROOT}.data", "check CheckReport"),
            _section("Data sets by name", f"{ROOT}.data", "list prepare"),
            _section("Read from disk while training", f"{ROOT}.data", "scan Stream Files TfdsSplit throughput"),
            _section("Images and batches", f"{ROOT}.data", "decode Resize Dataset Split Batches"),
        ),
    ),
    "training": ApiPage(
        "Training",
        "Fine-tune, train by a recipe, and measure.",
        "finetuning.md",
        (
            _section("Fine-tune", ROOT, "finetune"),
            _section("Train", f"{ROOT}.training", "train Recipe RECIPES Result"),
            _section("Measure", f"{ROOT}.training", "evaluate Evaluation cross_validate"),
            _section("Search", f"{ROOT}.training", "tune"),
            _section("Steps", f"{ROOT}.training", "blocks unfreeze recalibrate"),
        ),
    ),
    "converting": ApiPage(
        "Converting",
        "Turn a trained network into one with cheaper convolutions.",
        "converting.md",
        (
            _section("Convert", ROOT, "convert"),
            _section("Reports and steps", f"{ROOT}.converting", "ConvertReport LayerReport mimic"),
            _section("Fit kernels by least squares", f"{ROOT}.fitting", "fit_layers fit_heads LayerFit"),
        ),
    ),
    "inference": ApiPage(
        "Inference",
        "Fold, fuse and quantize a trained model.",
        "deploy.md",
        (
            _section("Deploy", ROOT, "deploy quantize in_float32"),
            _section("Reports", f"{ROOT}.inference", "DeployReport QuantizeReport"),
            _section("Views", f"{ROOT}.inference", "averaged VIEWS"),
        ),
    ),
    "exporting": ApiPage(
        "Exporting",
        "Write a model for other runtimes, and run what was written.",
        "export.md",
        (
            _section("Export", ROOT, "export"),
            _section("Run an export", f"{ROOT}.exporting", "load Exported"),
            _section("Formats", f"{ROOT}.exporting", "FORMATS Format"),
        ),
    ),
    "serving": ApiPage(
        "Serving",
        "Answer TensorFlow Serving's REST requests.",
        "serving.md",
        (
            _section("Serve", f"{ROOT}.serving", "serve bound"),
            _section("In a server of your own", f"{ROOT}.serving", "app Versions Limits"),
        ),
    ),
    "counting": ApiPage(
        "Counting",
        "Count parameters, multiply-accumulates and activations of any Keras model.",
        "parts-and-bands.md",
        (
            _section("Count", ROOT, "count"),
            _section("Results", f"{ROOT}.counting", "ModelCount LayerCount"),
            _section("Layers of your own", f"{ROOT}.counting", "macs_of"),
            _section("As papers count", f"{ROOT}.counting", "CONVENTIONS PaperCount"),
        ),
    ),
    "explaining": ApiPage(
        "Explaining",
        "Measure what a network looks at.",
        "explaining.md",
        (
            _section("Grad-CAM", ROOT, "grad_cam"),
            _section("Maps and bands", f"{ROOT}.explaining", "feature_map grad_cam_by_band"),
        ),
    ),
    "visualize": ApiPage(
        "Pictures",
        "Draw heat maps, bands, parts, architectures, and accuracy against cost.",
        "visualize.md",
        (
            _section("Where a network looks", f"{ROOT}.visualize", "plot_grad_cam overlaid"),
            _section("Bands", f"{ROOT}.visualize", "plot_bands plot_spectrum spectrum"),
            _section("Parts", f"{ROOT}.visualize", "plot_parts plot_parts_sweep"),
            _section("Architectures", f"{ROOT}.visualize", "plot_architecture stages"),
            _section("Accuracy against cost", f"{ROOT}.visualize", "plot_accuracy read_runs Point COLOURS"),
        ),
    ),
}
VALUES = {  # what an entry that is no class and no function is
    f"{APPLICATIONS}.MODELS": "The constructors by name: a dict of str -> callable. `list_models` searches it.",
    f"{ROOT}.kinds.KINDS": "The kinds by name: a dict of str -> class.",
    f"{ROOT}.zoo.RECORDS": "The published weight sets: a tuple of `Record`. `list` shows it as a table.",
    f"{ROOT}.training.RECIPES": "The recipes by name: a dict of str -> `Recipe`.",
    f"{ROOT}.inference.VIEWS": "What `averaged` can average: a tuple of str.",
    f"{ROOT}.exporting.FORMATS": "The formats by name: a dict of str -> `Format`.",
    f"{ROOT}.visualize.COLOURS": "The colours of the pictures: a tuple of str. The colour-blind tell them apart.",
    f"{ROOT}.counting.CONVENTIONS": "How papers count, by name: a dict of str -> callable.",
}


def entries():
    """Return the dotted name of each entry, in the order of the pages: a list of str."""
    return [f"{part.module}.{name}" for page in PAGES.values() for part in page.sections for name in part.names]
