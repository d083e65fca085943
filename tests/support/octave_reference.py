"""What the OctConv authors' networks compute, from the arrays of their files and the published code, in NumPy.

Maps are dicts of bands, `{"h": ..., "l": ...}`, (n, h, w, c). Every strided convolution of a block pools first.
"""

import keras
import numpy as np
from reference import numpy, shrink, upsample


def convolution(x, kernel, stride=1):
    """A plain or grouped convolution of a map with a kernel OIHW, padded by k // 2 on each side."""
    reach, groups = kernel.shape[-1] // 2, x.shape[-1] // kernel.shape[1]
    x = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0))).astype("f4")
    kernel = kernel.transpose(2, 3, 1, 0).astype("f4")
    if kernel.shape[2] == 1 and groups == kernel.shape[3]:
        return numpy(keras.ops.depthwise_conv(x, kernel.transpose(0, 1, 3, 2), strides=stride, padding="valid"))
    pairs = zip(np.split(x, groups, -1), np.split(kernel, groups, -1))
    return np.concatenate([numpy(keras.ops.conv(a, b, strides=stride, padding="valid")) for a, b in pairs], -1)


def max_pool(x):
    """3 x 3, stride 2, of a map that is not negative."""
    x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return np.max([x[:, i : i + x.shape[1] - 2 : 2, j : j + x.shape[2] - 2 : 2] for i in range(3) for j in range(3)], 0)


def by_paths(x, paths, stride=1):
    """The sums of the paths of an octave convolution, each a convolution of its own."""
    pooled = {band: shrink(value, stride - 1) for band, value in x.items()}
    inputs = {"h2h": pooled["h"], "h2l": shrink(pooled["h"], 1), "l2l": pooled.get("l"), "l2h": x.get("l")}
    sums = {}
    for path, kernel in paths.items():
        y = convolution(inputs[path], kernel)
        if path == "l2h" and stride == 1:
            y = upsample(y, *(2 * side for side in y.shape[1:3]))
        sums[path[2]] = sums.get(path[2], 0) + y
    return sums


def relu(x):
    return {band: np.maximum(value, 0) for band, value in x.items()}


def sigmoid(x):
    return (1 + np.tanh(x / 2)) / 2


def added(x, y):
    return {band: x[band] + y[band] for band in x}


class Network:
    """The modules of a file, as functions of feature maps.

    Args:
        modules: of `octave_files`.
        epsilon: float, of normalisation.
    """

    def __init__(self, modules, epsilon=1e-5):
        self.modules, self.epsilon = {(m.place, m.name): m.arrays for m in modules}, epsilon
        self.blocks = list(dict.fromkeys(m.place for m in modules if m.place.startswith("L")))
        self.outside = [m.arrays for m in modules if not m.place.startswith("L")]

    def conv(self, x, place, name, stride=1):
        return by_paths(x, {path: value for (path, _), value in self.modules[place, name].items()}, stride)

    def norm(self, x, place, name):
        return {band: self.normalised(value, self.modules[place, name], band) for band, value in x.items()}

    def normalised(self, x, arrays, band=""):
        gamma, beta, mean, var = (arrays[band, v] for v in ("gamma", "beta", "running_mean", "running_var"))
        return (x - mean) / np.sqrt(var + self.epsilon) * gamma + beta

    def stem(self, x, *strides):
        """Plain convolutions ahead of the blocks, which do stride."""
        for i, stride in enumerate(strides):
            x = convolution(x, self.outside[2 * i]["", "weight"], stride)
            x = np.maximum(self.normalised(x, self.outside[2 * i + 1]), 0)
        return x

    def classifier(self, x):
        arrays = self.outside[-1]
        kernel = arrays["", "weight"]
        return x.mean((1, 2)) @ kernel.reshape(kernel.shape[:2]).T + arrays["", "bias"]

    def gated(self, x, place):
        """Squeeze-and-excite, if the block has it, from convolutions or from matrices."""
        means = {band: value.mean((1, 2)) for band, value in x.items()}
        if (place, "se_fc1") in self.modules:
            first, second = self.modules[place, "se_fc1"], self.modules[place, "se_fc2"]
            y = sum(means[b] @ first[f"{b}2h", "weight"].T for b in x) + first["h2h", "bias"]
            parts = {b: (second[f"h2{b}", "weight"], second[f"h2{b}", "bias"]) for b in x}
        elif (place, "se_conv1") in self.modules:
            first, second = self.modules[place, "se_conv1"], self.modules[place, "se_conv2"]
            y = np.concatenate(list(means.values()), -1) @ first["se1", "weight"][:, :, 0, 0].T + first["se1", "bias"]
            parts = {b: (second[f"se{b}", "weight"][:, :, 0, 0], second[f"se{b}", "bias"]) for b in x}
        else:
            return x
        gates = {b: sigmoid(np.maximum(y, 0) @ kernel.T + bias) for b, (kernel, bias) in parts.items()}
        return {band: value * gates[band][:, None, None] for band, value in x.items()}


def strided(place, first):
    """The stride of a block: 2 in the first of each stage, but for the earliest stage."""
    return 2 if place.endswith(first) and place[1] != PLACES[first] else 1


PLACES = {"_B0": "1", "_B01": "2"}


def resnet(modules, x, position):
    """`resnetv1.py`; `position` is the convolution that strides."""
    net = Network(modules)
    deep = (2, 1, 1) if len(net.outside) > 3 else (2,)
    x = {"h": max_pool(net.stem(x, *deep))}
    for place in net.blocks:

        def standardised(x, name, place=place):
            return net.norm(x, place, name) if (place, name) in net.modules else x

        stride = strided(place, "_B0")
        y = standardised(x, "bn1a")
        for n in (1, 2, 3):
            y = net.norm(net.conv(y, place, f"conv{n}", stride if n == position else 1), place, f"bn{n}")
            y = relu(y) if n < 3 else net.gated(y, place)
        if (place, "conv4") in net.modules:
            x = net.norm(net.conv(standardised(x, "bn4a"), place, "conv4", stride), place, "bn4")
        x = relu(added(x, y))
    return net.classifier(x["h"])


def preactivated(modules, x):
    """`symbol_resnetv2.py`."""
    net = Network(modules, epsilon=1e-4)
    x = {"h": max_pool(net.stem(x, 2))}
    for place in net.blocks:
        y, stride = x, strided(place, "_B01")

        def layer(x, n, stride=1, place=place):
            return net.conv(relu(net.norm(x, place, f"conv{n}_bn")), place, f"conv{n}_conv", stride)

        y = net.gated(layer(layer(layer(x, 1), 2, stride), 3), place)
        x = added(layer(x, 4, stride) if (place, "conv4_conv") in net.modules else x, y)
    return net.classifier(np.maximum(net.normalised(x["h"], net.outside[-2]), 0))


def mobilenet(modules, x):
    """`mobilenetv1.py`."""
    net = Network(modules)
    x = {"h": net.stem(x, 2)}
    for place in net.blocks:
        for n, stride in ((1, strided(place, "_B0")), (2, 1)):
            x = relu(net.norm(net.conv(x, place, f"conv{n}", stride), place, f"bn{n}"))
    return net.classifier(x["h"])
