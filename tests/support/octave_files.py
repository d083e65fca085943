"""What is in the files of octave networks, from the published code of two authors, loop by loop.

A network is a list of modules in the order in which its code makes them. Each knows its arrays, by the parts of their
names, and where in our network they belong.
"""

from typing import NamedTuple

import numpy as np
from deterministic import values

STATISTICS = ("gamma", "beta", "running_mean", "running_var")
BANDS = ("h", "l")
SQUEEZE = {"se1": "conv1", "seh": "conv2_h", "sel": "conv2_l"}  # paths of squeeze-and-excite, and their attributes


class Module(NamedTuple):
    """A convolution, a normalisation or a classifier, of one band or two."""

    place: str  # the block, such as `L1_B0`, or where it has none the structured name
    name: str  # `conv1`, and for modules without a block their old name
    ours: str
    arrays: dict  # (path or band, "" outside of blocks; variable) -> array


def share(width, ratio):
    """Channels by band: the low band's are cut to a whole number."""
    return {"h": width - int(ratio * width), "l": int(ratio * width)}


def octave(place, name, ours, size, read, written, depthwise=False, groups=1):
    """A convolution: four paths, but for those from or to a band without channels; a depthwise one has two."""
    shapes = {}
    for source in BANDS:
        for target in BANDS:
            if depthwise and source == target and read[source]:
                shapes[f"{source}2{target}"] = (read[source], 1, size, size)
            elif not depthwise and read[source] and written[target]:
                shapes[f"{source}2{target}"] = (written[target], read[source] // groups, size, size)
    # Two paths are added, and branches: a small gain keeps gates between 0 and 1.
    arrays = {(path, "weight"): values(f"{place}.{name}.{path}", shape, gain=0.5) for path, shape in shapes.items()}
    return Module(place, name, ours, arrays)


def norm(place, name, ours, widths):
    """A normalisation of each band that has channels."""
    arrays = {
        (band, variable): values(f"{place}.{name}.{band}.{variable}", (widths[band],))
        for band in BANDS
        for variable in STATISTICS
        if widths[band]
    }
    return Module(place, name, ours, arrays)


def plain(place, old, ours, **shapes):
    """A module outside of the blocks."""
    return Module(place, old, ours, {("", key): values(f"{place}.{key}", shape) for key, shape in shapes.items()})


def stem(width, size, ours):
    yield plain("conv1.0", "conv1", ours[0], weight=(width, 3, size, size))
    yield plain("conv1.1", "bn1", ours[1], **dict.fromkeys(STATISTICS, (width,)))


def classifier(width, classes, ours):
    yield plain("classifer", "classifier", ours, weight=(classes, width, 1, 1), bias=(classes,))


def resnet(alpha, blocks, stem_widths=(64,), se=False, more_norms=False, groups=1, classes=7):
    """`resnetv1.py`: no low band in the last stage; a stem that begins with 8 ends in a block in place of pooling."""
    yield from deep_stem(stem_widths) if len(stem_widths) > 1 else stem(64, 7, ("conv1_conv", "conv1_bn"))
    if stem_widths[0] == 8:
        yield from pooling_block()
    read = share(64, 0)
    for stage, (count, middle) in enumerate(zip(blocks, (64, 128, 256, 512)), 1):
        ratio = alpha if stage < 4 else 0
        mid, out = share(middle * (2 if groups > 1 else 1), ratio), share(4 * middle, ratio)
        for i in range(count):
            convolutions = [(1, 1, read, mid), (2, 3, mid, mid), (3, 1, mid, out), (4, 1, read, out)]
            for n, size, before, after in convolutions[: 4 if i == 0 else 3]:
                ours = f"conv{stage + 1}_block{i + 1}_{0 if n == 4 else n}"
                sets = groups if n == 2 else 1
                if more_norms and n in (1, 4):
                    yield norm_alone(f"L{stage}_B{i}", f"bn{n}a", f"{ours.removesuffix('_1')}_pre_bn", before)
                yield octave(f"L{stage}_B{i}", f"conv{n}", f"{ours}_conv", size, before, after, groups=sets)
                yield norm(f"L{stage}_B{i}", f"bn{n}", f"{ours}_bn", after)
            if se:
                yield from squeeze(f"L{stage}_B{i}", f"conv{stage + 1}_block{i + 1}_se_", out)
            read = out
    yield from classifier(2048, classes, "predictions")


def norm_alone(place, name, ours, widths):
    """A normalisation that is neither scaled nor shifted: Gluon keeps ones and zeros for it."""
    module = norm(place, name, ours, widths)
    constants = {"gamma": np.ones_like, "beta": np.zeros_like}
    return module._replace(arrays={key: constants.get(key[1], np.copy)(value) for key, value in module.arrays.items()})


def deep_stem(widths):
    """Three convolutions; in the old style they have prefixes."""
    for i, (width, read) in enumerate(zip(widths, (3, *widths))):
        name = f"conv1_{i + 1}"
        yield plain(f"conv1.{3 * i}", f"stem_conv{i + 1}", f"{name}_conv", weight=(width, read, 3, 3))
        yield plain(f"conv1.{3 * i + 1}", f"stem_bn{i + 1}", f"{name}_bn", **dict.fromkeys(STATISTICS, (width,)))


def pooling_block():
    """A bottleneck block with names of its own."""
    for n, width, read, size in ((1, 32, 64, 1), (2, 32, 32, 3), (3, 64, 32, 1), (4, 64, 64, 1)):
        name = f"pool1_{0 if n == 4 else n}"
        yield plain(f"conv2.conv{n}", f"stem2_conv{n}", f"{name}_conv", weight=(width, read, size, size))
        yield plain(f"conv2.bn{n}", f"stem2_bn{n}", f"{name}_bn", **dict.fromkeys(STATISTICS, (width,)))


def squeeze(place, ours, widths):
    """Squeeze-and-excite: the second convolution is one of each band."""
    total = sum(widths.values())
    shapes = {("conv1", ""): (total // 16, total), **{("conv2", b): (widths[b], total // 16) for b in BANDS}}
    for name, suffix in (("conv1", "reduce"), ("conv2", "expand")):
        arrays = {}
        for (conv, band), (filters, channels) in shapes.items():
            if conv == name and filters:
                key = f"{place}.se.{conv}.{band}"
                arrays[f"se{band or '1'}", "weight"] = values(f"{key}.weight", (filters, channels, 1, 1))
                arrays[f"se{band or '1'}", "bias"] = values(f"{key}.bias", (filters,))
        yield Module(place, f"se_{name}", f"{ours}{suffix}", arrays)


def squeeze_by_paths(place, ours, widths):
    """Squeeze-and-excite of the first code base: layers that are matrices, with the paths of a convolution."""
    total = sum(widths.values())
    for name, suffix, read, written in (
        ("se_fc1", "reduce", widths, share(total // 16, 0)),
        ("se_fc2", "expand", share(total // 16, 0), widths),
    ):
        arrays = octave(place, name, "", 1, read, written).arrays
        arrays = {key: value[:, :, 0, 0] for key, value in arrays.items()}
        arrays |= {(f"h2{b}", "bias"): values(f"{place}.{name}.{b}.bias", (written[b],)) for b in BANDS if written[b]}
        yield Module(place, name, f"{ours}{suffix}", arrays)


def mobilenet_v1(alpha, classes=7):
    """MobileNet of `mobilenetv1.py`: the first depthwise convolution has one band, and so have the last two blocks."""
    widths = [32, 64] + [128] * 2 + [256] * 2 + [512] * 6 + [1024] * 2
    strides = [1, 2] * 3 + [1] * 5 + [2, 1]
    yield from stem(32, 3, ("conv1", "conv1_bn"))
    stage, position = 1, 0
    for i, stride in enumerate(strides):
        stage, position = (stage + 1, 0) if stride > 1 else (stage, position + 1)
        place = f"L{stage}_B{position}"
        deep = share(widths[i], alpha if 1 <= i <= 10 else 0)
        wide = share(widths[i + 1], alpha if i <= 9 else 0)
        yield octave(place, "conv1", f"conv_dw_{i + 1}", 3, deep, deep, depthwise=True)
        yield norm(place, "bn1", f"conv_dw_{i + 1}_bn", deep)
        yield octave(place, "conv2", f"conv_pw_{i + 1}", 1, deep, wide)
        yield norm(place, "bn2", f"conv_pw_{i + 1}_bn", wide)
    yield from classifier(1024, classes, "conv_preds")


def mobilenet_v2(alpha, classes=7):
    """MobileNetV2 of `mobilenetv2.py`: only the expanded maps have two bands, and the first block expands, too."""
    written = [16] + [24] * 2 + [32] * 3 + [64] * 4 + [96] * 3 + [160] * 3 + [320]
    strides = [1, 2] * 2 + [1, 1, 2] + [1] * 6 + [2] + [1] * 3
    yield from stem(32, 3, ("Conv1", "bn_Conv1"))
    stage, position, before = 1, 0, 32
    for i, (stride, after) in enumerate(zip(strides, written)):
        stage, position = (stage + 1, 0) if stride > 1 else (stage, position + 1)
        place, ours = f"L{stage}_B{position}", f"block_{i}_" if i else "expanded_conv_"
        read, out = share(before, 0), share(after, 0)
        mid = share(before * (6 if i else 1), alpha if i <= 12 else 0)
        yield octave(place, "conv1", f"{ours}expand", 1, read, mid)
        yield norm(place, "bn1", f"{ours}expand_BN", mid)
        yield octave(place, "conv2", f"{ours}depthwise", 3, mid, mid, depthwise=True)
        yield norm(place, "bn2", f"{ours}depthwise_BN", mid)
        yield octave(place, "conv3", f"{ours}project", 1, mid, out)
        yield norm(place, "bn3", f"{ours}project_BN", out)
        before = after
    yield plain("tail.0", "tail-conv", "Conv_1", weight=(1280, 320, 1, 1))
    yield plain("tail.1", "tail-bn", "Conv_1_bn", **dict.fromkeys(STATISTICS, (1280,)))
    yield from classifier(1280, classes, "predictions")


def preactivated(alpha, blocks=(2, 2, 2, 2), se=False, groups=1, classes=7):
    """`symbol_resnetv2.py`: each convolution has its normalisation before it."""
    yield plain("conv1", "conv1_conv", "conv1_conv", weight=(64, 3, 7, 7))
    yield plain("conv1", "conv1_bn", "conv1_bn", **dict.fromkeys(STATISTICS, (64,)))
    read = share(64, 0)
    for stage, (count, middle) in enumerate(zip(blocks, (64, 128, 256, 512)), 2):
        ratio = alpha if stage < 5 else 0
        mid, out = share(middle * (2 if groups > 1 else 1), ratio), share(4 * middle, ratio)
        for i in range(1, count + 1):
            ours, place = f"conv{stage}_block{i}", f"L{stage}_B{i:02d}"
            rows = [(1, 1, read, mid, "preact"), (2, 3, mid, mid, "1"), (3, 1, mid, out, "2")]
            rows += [(4, 1, read, out, "0_preact")] if i == 1 else []
            for n, size, before, after, bn in rows:
                yield norm(place, f"conv{n}_bn", f"{ours}_{bn}_bn", before)
                sets = groups if n == 2 else 1
                yield octave(place, f"conv{n}_conv", f"{ours}_{n % 4}_conv", size, before, after, groups=sets)
            if se:
                yield from squeeze_by_paths(place, f"{ours}_se_", out)
            read = out
    yield plain("tail", "tail_bn", "post_bn", **dict.fromkeys(STATISTICS, (2048,)))
    yield plain("classifier", "classifier", "predictions", weight=(classes, 2048), bias=(classes,))


def structured(module):
    """Gluon's `save_parameters`: attributes, with dots."""
    for (path, variable), value in module.arrays.items():
        kind = {0: "", 1: f".bn_{path}", 3: f".conv_{path}"}
        if path in SQUEEZE:
            yield f"{module.place}.se_block.{SQUEEZE[path]}.{variable}", value
        else:
            where = f"{module.place}.{module.name}" if path else module.place
            yield f"{where}{kind[len(path)]}.{variable}", value


def prefixed(module, net="N50_"):
    """Gluon's older `save_params`: the prefixes of the blocks."""
    for (path, variable), value in module.arrays.items():
        if path in SQUEEZE:
            yield f"{net}{module.place}_se-{SQUEEZE[path].replace('_', '-')}_{variable}", value
            continue
        where = f"{module.place}_{module.name}-{path}" if path else module.name
        yield f"{net}{where}_{variable}", value


def symbol(module):
    """Symbol: operators' names, and moving statistics are called so."""
    for (path, variable), value in module.arrays.items():
        where = f"{module.place}_{module.name}-{path}" if path else module.name
        yield f"{where}_{variable.replace('running', 'moving')}", value


def torch(module):
    """d-li14's ResNets: torch's names; a convolution and its normalisation are one module."""

    def inside(stage, block, number):
        return f"layer{stage}.{block}." + ("downsample.0" if number == 4 else f"conv{number}")

    return torch_modules(module, inside, {"conv1.0": "conv1", "conv1.1": "bn1", "classifer": "fc"})


def torch_mobilenet(module):
    """d-li14's MobileNet: a list of blocks, each of two modules."""
    before = {1: 0, 2: 2, 3: 4, 4: 6, 5: 12}

    def inside(stage, block, number):
        return f"features.{before[stage] + block}.{number - 1}"

    return torch_modules(module, inside, {"conv1.0": "features.0.0", "conv1.1": "features.0.1", "classifer": "fc"})


def torch_modules(module, inside, outside):
    called = {"gamma": "weight", "beta": "bias"}
    for (path, variable), value in module.arrays.items():
        variable = called.get(variable, variable)
        if not path:
            where = outside[module.place]
            yield f"{where}.{variable}", value.reshape(value.shape[:2]) if where == "fc" else value
            continue
        stage, block = module.place[1:].split("_B")
        where = inside(int(stage), int(block), int(module.name[-1]))
        yield f"{where}.{'bn' if len(path) == 1 else 'conv.conv'}_{path}.{variable}", value
        if variable == "running_var":
            yield f"{where}.bn_{path}.num_batches_tracked", np.array(3)


def expected(module, shift=0.0):
    """Our variables of a module: dict of "layer/variable" -> array.

    Args:
        module: a `Module`.
        shift: float, what a moving variance takes over of the difference of the epsilons.
    """
    names = {"running_mean": "moving_mean", "running_var": "moving_variance"}
    banded = {path for path, _ in module.arrays}
    if banded & set(SQUEEZE):
        parts = {v: [x for (_, name), x in module.arrays.items() if name == v] for v in ("weight", "bias")}
        kernel = np.concatenate([x.transpose(2, 3, 1, 0) for x in parts["weight"]], -1)
        return {f"{module.ours}/kernel": kernel, f"{module.ours}/bias": np.concatenate(parts["bias"])}
    if any(len(path) == 3 for path in banded):
        found = {v: {path: x for (path, name), x in module.arrays.items() if name == v} for v in ("weight", "bias")}
        biases = {f"{module.ours}/bias": np.concatenate(list(found["bias"].values()))} if found["bias"] else {}
        return {f"{module.ours}/kernel": whole(found["weight"]), **biases}
    found, alone = {}, module.name in ("bn1a", "bn4a")
    for (path, variable), value in module.arrays.items():
        if alone and variable in ("gamma", "beta"):
            continue
        value = value + np.float32(shift) if variable == "running_var" else value
        suffix = {"h": "_high", "l": "_low", "": ""}[path] if len(banded) > 1 else ""
        if variable == "weight":
            variable = "kernel"
            value = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T
        found[f"{module.ours}{suffix}/{names.get(variable, variable)}"] = value
    return found


def whole(paths):
    """The kernel (k, k, C, N) that has each path's part, high first; (k, k, C, 1) of a depthwise convolution."""
    paths = {path: value if value.ndim == 4 else value[:, :, None, None] for path, value in paths.items()}
    size = next(iter(paths.values())).shape[-1]
    if all(value.shape[1] == 1 for value in paths.values()):
        return np.concatenate([paths[p].transpose(2, 3, 0, 1) for p in ("h2h", "l2l") if p in paths], 2)
    rows = {path[0]: value.shape[1] for path, value in paths.items()}
    columns = {path[2]: value.shape[0] for path, value in paths.items()}
    kernel = np.full((size, size, sum(rows.values()), sum(columns.values())), np.nan, "float32")
    for path, value in paths.items():
        top, left = rows.get("h", 0) * (path[0] == "l"), columns.get("h", 0) * (path[2] == "l")
        filters, channels = value.shape[:2]
        kernel[:, :, top : top + channels, left : left + filters] = value.transpose(2, 3, 1, 0)
    return kernel
