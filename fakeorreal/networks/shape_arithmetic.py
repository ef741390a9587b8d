"""Layer by layer: the shape that comes out and the number of parameters, with the arithmetic that gives them."""

from functools import singledispatch

import pandas as pd
from keras import layers


def layer_table(model):
    """What every layer does to the shape of one input.

    Of convolutions, poolings, zeros around a picture, batch normalisation, dropout, flattening, dense layers and
    activations the arithmetic is spelled out; ``/`` leaves no remainder, ``//`` drops one. Of other layers, and of
    networks inside the network, there are shape and parameters alone.

    Args:
        model: Keras network of fixed input shape, channels last.

    Returns:
        DataFrame, one row per layer: ``layer``, ``what`` it does, ``shape`` of its output, ``shape_arithmetic`` (empty
        where the shape stays, or is the number of units), ``parameters`` and ``parameter_arithmetic``, and ``trained``:
        how many of the parameters training changes.
    """
    rows = []
    for layer in model.layers:
        what, shape, parameters = _explain(layer)
        rows.append(
            {
                "layer": type(layer).__name__,
                "what": what,
                "shape": "×".join(map(str, layer.output.shape[1:])),
                "shape_arithmetic": shape,
                "parameters": layer.count_params(),
                "parameter_arithmetic": parameters and f"{parameters} = {layer.count_params()}",
                "trained": sum(w.shape.num_elements() for w in layer.trainable_weights),
            }
        )
    return pd.DataFrame(rows)


@singledispatch
def _explain(layer):
    """What a layer does in words, the arithmetic of its shape, and that of its parameters without the result."""
    return "", "", ""


@_explain.register
def _(layer: layers.Conv2D):
    reach = [(k - 1) * d + 1 for k, d in zip(layer.kernel_size, layer.dilation_rate, strict=True)]
    spread = "" if layer.dilation_rate == (1, 1) else f" spread over {_by(reach)}"
    what = f"kernel {_by(layer.kernel_size)}{spread}; {_slide(layer)}{_activation(layer)}"
    return what, _slide_arithmetic(layer, reach), " * ".join(map(str, layer.kernel.shape)) + _biases(layer)


@_explain.register
def _(layer: layers.MaxPooling2D):
    return f"maximum of {_by(layer.pool_size)}; {_slide(layer)}", _slide_arithmetic(layer, layer.pool_size), ""


@_explain.register
def _(layer: layers.ZeroPadding2D):
    (top, bottom), (left, right) = layer.padding
    before, after = layer.input.shape[1:3], layer.output.shape[1:3]
    sums = [f"{top} + {before[0]} + {bottom} = {after[0]}", f"{left} + {before[1]} + {right} = {after[1]}"]
    return "zeros around the picture", ", ".join(sums), ""


@_explain.register
def _(layer: layers.BatchNormalization):
    kinds = ["mean", "variance", *["scale"] * layer.scale, *["shift"] * layer.center]
    return f"one {', '.join(kinds)} per channel", "", f"{len(kinds)} * {layer.output.shape[-1]}"


@_explain.register
def _(layer: layers.Dropout):
    return f"in training, {100 * layer.rate:g} % of the values become 0", "", ""


@_explain.register
def _(layer: layers.Flatten):
    before, after = layer.input.shape[1:], layer.output.shape[1]
    return "everything in one row", f"{' * '.join(map(str, before))} = {after}", ""


@_explain.register
def _(layer: layers.Dense):
    return f"weighted sums{_activation(layer)}", "", " * ".join(map(str, layer.kernel.shape)) + _biases(layer)


@_explain.register
def _(layer: layers.ReLU):
    return "negative values become 0", "", ""


@_explain.register
def _(layer: layers.LeakyReLU):
    return f"negative values times {layer.negative_slope:g}", "", ""


@_explain.register
def _(layer: layers.Activation):
    return layer.activation.__name__, "", ""


def _by(sizes):
    return "×".join(map(str, sizes))


def _biases(layer):
    return f" + {layer.kernel.shape[-1]}" if layer.use_bias else ""


def _activation(layer):
    name = layer.activation.__name__
    return "" if name == "linear" else f"; {name}"


def _slide(layer):
    return f"step {_by(layer.strides)}; {'zeros at the rim' if layer.padding == 'same' else 'no padding'}"


def _slide_arithmetic(layer, reach):
    """Places of a window that slides over rows and columns; ``same`` padding adds the fewest zeros that keep all."""
    sums = []
    for n, out, r, step in zip(layer.input.shape[1:3], layer.output.shape[1:3], reach, layer.strides, strict=True):
        zeros = max((out - 1) * step + r - n, 0) if layer.padding == "same" else 0
        padded = f"{n} + {zeros}" if zeros else f"{n}"
        divided = "/" if (n + zeros - r) % step == 0 else "//"
        sums.append(f"({padded} - {r}) {divided} {step} + 1 = {out}")
    return ", ".join(sums)
