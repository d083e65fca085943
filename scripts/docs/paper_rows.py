"""The rows of the papers' tables: what is printed, and the model that the package counts for it."""

from typing import NamedTuple


class Row(NamedTuple):
    """A row of a table. `model` is a name of `keras_effconv.applications.application`, or of Keras' with `keras.` before it."""

    id: str
    table: str
    label: str
    params: str  # as printed
    flops: str  # as printed
    convention: str
    model: str
    options: dict
    note: str = ""


V1_5 = {"stride_position": "middle", "use_bias": False}
LAST = {"stride_position": "last", "use_bias": False}
AUTHORS = {"divisor": 1, "expand_first": True}


def hetconv():
    """Table 1 of HetConv, VGG-16 on CIFAR-10."""
    table = "HetConv Table 1: VGG-16 on CIFAR-10"
    printed = {
        1: ("15.00M", "313.74M", "15.22M", "314.19M"),
        2: ("8.45M", "175.23M", "8.68M", "175.67M"),
        4: ("5.17M", "105.98M", "5.41M", "106.42M"),
        8: ("3.54M", "71.35M", "3.77M", "71.79M"),
        16: ("2.72M", "54.04M", "2.95M", "54.48M"),
        32: ("2.31M", "45.38M", "2.54M", "45.82M"),
        64: ("2.11M", "41.05M", "2.34M", "41.49M"),
    }
    notes = {
        "p1_se": "FLOPs 0.003M short; the printed params are the trainable ones, of P1 the total",
        "p4": "the paper's own 65.45 % implies 5.18M",
        "pc_se": "FLOPs 32 operations over the edge; params fit without normalization and biases",
    }
    for p, (params, flops, se_params, se_flops) in printed.items():
        for se, row in ((False, (params, flops)), (True, (se_params, se_flops))):
            name = f"p{p}" + "_se" * se
            options = {"conv": f"HetConv(parts={p})", "se": se}
            label, id = f"P{p}" + " + SE" * se, f"hetconv_t1_vgg16_{name}"
            yield Row(id, table, label, *row, "hetconv", "VGG16CIFAR", options, notes.get(name, ""))
    for se, row in ((False, ("1.93M", "38.18M")), (True, ("2.15M", "38.62M"))):
        options, id = {"conv": "PC()", "se": se}, "hetconv_t1_vgg16_pc" + "_se" * se
        note = notes["pc_se"] if se else "the formula takes P = filters, the model P = channels"
        yield Row(id, table, "PC" + " + SE" * se, *row, "hetconv filters", "VGG16CIFAR", options, note)
    for name, conv, *row in (
        ("gwc4_pwc", "GWCPWC(groups=4)", "5.42M", "107.67M"),
        ("dwc_pwc", "DWCPWC()", "1.97M", "38.53M"),
    ):
        yield Row(f"hetconv_t1_vgg16_{name}", table, name.upper(), *row, "hetconv", "VGG16CIFAR", {"conv": conv})


def hetconv_others():
    """Tables 5 and 7 of HetConv, ImageNet, and ResNet-56."""
    table, id = "HetConv Table 5: VGG-16 on ImageNet", "hetconv_t5_vgg16_imagenet_p4"
    yield Row(
        id, table, "P4", "", "", "mac", "VGG16", {"conv": "HetConv(parts=4)"}, "the paper prints 65.8 % fewer FLOPs"
    )
    for p, flops in ((1, "4.09G"), (4, "2.85G")):
        table, options = "HetConv Table 7: ResNet-50 on ImageNet", {"conv": f"HetConv(parts={p})", **V1_5}
        yield Row(f"hetconv_t7_resnet50_p{p}", table, f"P{p}", "", flops, "without classifier", "ResNet50", options)
    for p in (1, 2, 4):
        table, options = "HetConv: ResNet-56 on CIFAR-10", {"conv": f"HetConv(parts={p})"}
        note = "computed; the printed figures could not be found"
        yield Row(f"hetconv_resnet56_p{p}_prediction", table, f"P{p}", "", "", "keras", "ResNet56", options, note)


def octconv():
    """Ablation, MobileNets and large networks of OctConv."""
    table = "OctConv Table 5: MobileNets"
    yield Row(
        "oct_t5_mobilenet_v1_075", table, "0.75 MobileNet v1", "2.6M", "325M", "mac", "MobileNet", {"alpha": 0.75}
    )
    for width, alpha, *row in ((0.75, 0.375, "2.6M", "213M"), (1, 0.5, "4.2M", "321M")):
        id = f"oct_t5_oct_mobilenet_v1_{width}_a{alpha}"
        options = {"alpha": width, "conv": f"OctConv(alpha={alpha})", "activation": "relu"}  # as the authors have it
        yield Row(id, table, f"{width} Oct-MobileNet v1, {alpha}", *row, "calflops gluon", "MobileNet", options)
    note = "quoted from the MobileNetV2 paper"
    yield Row("oct_t5_mobilenet_v2_1", table, "1.0 MobileNet v2", "3.5M", "300M", "mac", "MobileNetV2", {}, note)
    for width, alpha, *row in ((1, 0.375, "3.5M", "256M"), (1.125, 0.5, "4.2M", "295M")):
        options = {"alpha": width, "conv": f"OctConv(alpha={alpha})", **AUTHORS}
        id = f"oct_t5_oct_mobilenet_v2_{width}_a{alpha}"
        yield Row(id, table, f"{width} Oct-MobileNet v2, {alpha}", *row, "calflops gluon", "MobileNetV2", options)
    for alpha, flops in ((0, "4.1G"), (0.125, "3.6G"), (0.25, "3.1G"), (0.5, "2.4G"), (0.75, "1.9G")):
        id, options = f"oct_t2_resnet50_a{alpha}", {"conv": f"OctConv(alpha={alpha})", **V1_5}
        yield Row(
            id, "OctConv Table 2: ablation", f"Oct-ResNet-50, {alpha}", "", flops, "calflops", "ResNet50", options
        )
    yield from octconv_large()


def octconv_large():
    """Tables 6 and 7 of OctConv."""
    table, unknown = (
        "OctConv Table 6: medium networks",
        "the exact stem is not published; 7 x 7 and a bottleneck assumed",
    )
    large = (
        ("resnext-50", 0.25, "25.0M", "3.2G", ""), ("resnext-101", 0.25, "44.2M", "5.7G", ""),
        ("resnet-50", 0.5, "25.6M", "2.4G", ""), ("resnext-50", 0.5, "25.0M", "2.4G", ""),
        ("resnext-101", 0.5, "44.2M", "4.0G", ""), ("resnet-50", 0.5, "25.6M", "2.5G", "bL"),
        ("resnext-50", 0.5, "25.1M", "2.7G", "bL"), ("resnext-101", 0.5, "44.2M", "4.2G", "bL"),
    )  # fmt: skip
    for name, alpha, params, flops, stem in large:
        options = {"conv": f"OctConv(alpha={alpha})", **V1_5, **({"stem": stem} if stem else {})}
        id, model = f"oct_t6_{name}_a{alpha}" + "_bLstem" * bool(stem), name.replace("-", "")
        label = f"Oct-{name}, {alpha}" + ", bL stem" * bool(stem)
        yield Row(id, table, label, params, flops, "calflops", model, options, unknown if stem else "")
    table = "OctConv Table 7: ResNet-152"
    plain = {"conv": "OctConv(alpha=0.125)", "stem": "deep bL", **LAST}
    gated = {"conv": "OctConv(alpha=0.125)", "stem": "deep", "se": True, **LAST}
    short = "0.07 % short of the edge"
    common = ("calflops gluon", "ResNet152")
    yield Row("oct_t7_resnet152_a0.125", table, "Oct-ResNet-152, 0.125", "60.2M", "10.9G", *common, plain, short)
    yield Row("oct_t7_resnet152_se_a0.125", table, "with SE", "66.8M", "10.9G", *common, gated)
    wide = {**gated, "input_shape": (320, 320, 3)}
    yield Row("oct_abstract_resnet152_se_320", table, "with SE, 320 pixels", "", "22.2G", *common, wide)


def efficientnet():
    """Table 2, its comparison models, the scaled baselines and the transfer sizes of EfficientNet."""
    table, none = "EfficientNet Table 2", "no counter that we know gives the printed FLOPs"
    printed = ("5.3M 0.39B", "7.8M 0.70B", "9.2M 1.0B", "12M 1.8B", "19M 4.2B", "30M 9.9B", "43M 19B", "66M 37B")
    for n, row in enumerate(printed):
        note = none if n in (1, 4, 5, 7) else "9.2M is the total, the others are trainable" if n == 2 else ""
        yield Row(f"eff_t2_b{n}", table, f"B{n}", *row.split(), "mac", f"EfficientNetB{n}", {}, note)
    compared = (
        ("resnet50_v15", "ResNet-50 v1.5", "26M", "4.1B", "ResNet50", V1_5, ""),
        ("resnet50_keras", "ResNet-50 of Keras", "26M", "4.1B", "ResNet50", {}, "4.1B is v1.5"),
        ("resnet152_keras", "ResNet-152 of Keras", "60M", "11B", "ResNet152", {}, ""),
        ("densenet169", "DenseNet-169", "14M", "3.5B", "keras.DenseNet169", {}, "both DenseNets are 4 % under"),
        ("densenet264", "DenseNet-264", "34M", "6.0B", "keras.DenseNet264", {}, "from Keras' blocks (6, 12, 64, 48)"),
        ("inception_v3", "Inception-v3", "24M", "5.7B", "keras.InceptionV3", {}, ""),
        ("xception", "Xception", "23M", "8.4B", "keras.Xception", {}, ""),
        ("inception_resnet_v2", "Inception-ResNet-v2", "56M", "13B", "keras.InceptionResNetV2", {}, ""),
        ("nasnet_a", "NASNet-A (6 @ 4032)", "89M", "24B", "keras.NASNetLarge", {}, ""),
        (
            "resnext101",
            "ResNeXt-101 64x4d",
            "84M",
            "32B",
            "ResNeXt101",
            {"groups": 64, "input_shape": (320, 320, 3)},
            "",
        ),
    )
    for name, label, *row, model, options, note in compared:
        yield Row(f"eff_t2_cmp_{name}", f"{table}: compared", label, *row, "keras", model, options, note)
    yield from scaled()
    for n, params in ((0, "4M"), (3, "10M"), (4, "17M"), (5, "28M"), (6, "41M"), (7, "64M")):
        side, table = (224, 240, 260, 300, 380, 456, 528, 600)[n], "EfficientNet Table 5: without classifier"
        options = {"include_top": False, "pooling": "avg", "input_shape": (side, side, 3)}
        note = "the paper truncates" if n in (3, 4) else ""
        yield Row(f"eff_t5_b{n}", table, f"B{n}", params, "", "mac", f"EfficientNetB{n}", options, note)


def scaled():
    """Tables 3 and 7 of EfficientNet: baselines scaled in one dimension or in all."""
    both, exchanged = {"depth": 1.4, "width": 1.2}, "depth and width look exchanged in the paper"
    assumed, one = "coefficients not printed, (1.4, 1.2, 1.3) assumed", "14-24 % above what the builder gives"
    rows = (
        ("t3_m1_base", "0.6B", "MobileNet", {}, ""),
        ("t3_m1_w2", "2.2B", "MobileNet", {"width": 2}, ""),
        ("t3_m1_r2", "2.2B", "MobileNet", {"resolution": 2}, "the paper truncates"),
        ("t3_m1_compound", "2.3B", "MobileNet", {**both, "resolution": 1.3, "padding": "same"}, ""),
        ("t3_m2_base", "0.3B", "MobileNetV2", {}, ""),
        ("t3_m2_d4", "1.2B", "MobileNetV2", {"depth": 4}, ""),
        ("t3_m2_w2", "1.1B", "MobileNetV2", {"width": 2}, ""),
        ("t3_m2_r2", "1.2B", "MobileNetV2", {"resolution": 2}, ""),
        ("t3_m2_compound", "1.3B", "MobileNetV2", {**both, "input_shape": (288, 288, 3)}, assumed),
        ("t3_r50_base", "4.1B", "ResNet50", V1_5, ""),
        ("t3_r50_d4", "16.2B", "ResNet50", {"depth": 4, **V1_5}, exchanged),
        ("t3_r50_w2", "14.7B", "ResNet50", {"width": 2, **V1_5}, exchanged),
        ("t3_r50_r2", "16.4B", "ResNet50", {"resolution": 2, **V1_5}, ""),
        ("t3_r50_compound", "16.7B", "ResNet50", {**both, "input_shape": (299, 299, 3), **V1_5}, assumed),
        ("t7_b0_base", "0.4B", "EfficientNet", {}, ""),
        ("t7_b0_d4", "1.8B", "EfficientNet", {"depth": 4}, one),
        ("t7_b0_w2", "1.8B", "EfficientNet", {"width": 2}, one),
        ("t7_b0_r2", "1.9B", "EfficientNet", {"resolution": 2}, one),
        ("t7_b0_compound", "1.8B", "EfficientNet", {**both, "input_shape": (299, 299, 3)}, ""),
    )
    for name, flops, model, options, note in rows:
        table = f"EfficientNet Table {name[1]}: scaled baselines"
        label = f"{model} " + ", ".join(
            f"{key[0]} = {options[key]}" for key in ("depth", "width", "resolution") if key in options
        )
        yield Row(f"eff_{name}", table, label, "", flops, "mac", model, options, note)


ROWS = (*hetconv(), *hetconv_others(), *octconv(), *efficientnet())
