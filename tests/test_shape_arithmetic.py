"""The table of layers: every sum in it is done again, and the totals are those of Keras."""

import ast
import math
import operator

import keras
import pytest
from keras import layers

from fakeorreal.networks import build_network
from fakeorreal.networks.shape_arithmetic import layer_table

OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


def done(sum_):
    """(result, number printed) of a line such as ``(128 - 3) / 1 + 1 = 126``."""

    def value(node):
        if isinstance(node, ast.BinOp):
            return OPERATORS[type(node.op)](value(node.left), value(node.right))
        assert isinstance(node, ast.Constant)
        return node.value

    left, printed = sum_.split(" = ")
    return value(ast.parse(left, mode="eval").body), int(printed)


def everything():
    """Every layer that is explained, in every way it is used, and two that are not."""
    x = inputs = keras.Input((40, 31, 2))
    x = layers.ZeroPadding2D(((1, 2), (3, 0)))(x)
    x = layers.Conv2D(5, (4, 3), strides=(3, 2))(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(6, (2, 3), strides=(3, 2), padding="same", use_bias=False, activation="tanh")(x)
    x = layers.BatchNormalization(center=False)(layers.LeakyReLU(0.1)(x))
    x = layers.Conv2D(4, (1, 3), padding="same", dilation_rate=(1, 2))(x)
    x = layers.PReLU(shared_axes=(1, 2, 3))(x)
    x = layers.MaxPooling2D((3, 2), strides=2, padding="same")(x)
    x = layers.MaxPooling2D((1, 3), strides=1)(layers.ReLU()(x))
    x = layers.Dense(7, activation="relu")(layers.Dropout(0.25)(x))
    x = layers.Reshape((-1, 7))(x)
    x = layers.Flatten()(layers.Activation("sigmoid")(x))
    return keras.Model(inputs, layers.Dense(3, use_bias=False)(x))


MODELS = {
    "everything": everything,
    **{f"wild_cnn of {c}": lambda c=c: build_network("wild_cnn", (128, 80, 1), channels=c) for c in (1, 64)},
    "spy_cnn": lambda: build_network("spy_cnn", (1025, 94, 1)),
    "custom_cnn": lambda: build_network("custom_cnn", (128, 63, 1)),
    "dcnn": lambda: build_network("dcnn", (256, 101, 1)),
    "dnn": lambda: build_network("dnn", (136,)),
    "spy_vit": lambda: build_network("vision_transformer", (1025, 94, 1)),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_sum_gives_the_number_beside_it(name):
    model = MODELS[name]()
    table = layer_table(model)
    for layer, row in zip(model.layers, table.itertuples(), strict=True):
        shape = layer.output.shape[1:]
        assert row.layer == type(layer).__name__
        assert row.shape == "×".join(map(str, shape))
        if row.shape_arithmetic:
            results, printed = zip(*map(done, row.shape_arithmetic.split(", ")), strict=True)
            assert results == printed == shape[: len(printed)]
        if row.parameter_arithmetic:
            assert done(row.parameter_arithmetic) == (row.parameters, row.parameters)
    assert table["parameters"].sum() == model.count_params()
    assert table["trained"].sum() == sum(math.prod(v.shape) for v in model.trainable_variables)


def test_nothing_that_is_explained_lacks_its_sum():
    table = layer_table(everything())
    with_shape = table.loc[table["shape_arithmetic"] != "", "layer"]
    assert sorted(with_shape) == sorted([*["Conv2D"] * 3, *["MaxPooling2D"] * 2, "ZeroPadding2D", "Flatten"])
    with_parameters = table.loc[table["parameters"] > 0]
    unexplained = with_parameters.loc[with_parameters["parameter_arithmetic"] == "", "layer"]
    assert unexplained.tolist() == ["PReLU"]
    assert table.loc[table["what"] == "", "layer"].tolist() == ["InputLayer", "PReLU", "Reshape"]


def test_the_published_table():
    table = layer_table(build_network("wild_cnn", (128, 80, 1))).set_index("layer")
    assert table["parameters"].sum() == 4930 and table["trained"].sum() == 4928
    assert table.loc["Conv2D"].tolist() == [
        "kernel 3×3; step 1×1; no padding",
        "126×78×1",
        "(128 - 3) / 1 + 1 = 126, (80 - 3) / 1 + 1 = 78",
        10,
        "3 * 3 * 1 * 1 + 1 = 10",
        10,
    ]
    assert table.loc["MaxPooling2D", "shape_arithmetic"] == "(126 - 2) / 2 + 1 = 63, (78 - 2) / 2 + 1 = 39"
    assert table.loc["Dense", "parameter_arithmetic"] == "2457 * 2 + 2 = 4916"
    assert table.loc["BatchNormalization", ["parameters", "trained"]].tolist() == [4, 2]


def test_words():
    what = layer_table(everything()).groupby("layer", sort=False)["what"].agg(list)
    assert what["Conv2D"] == [
        "kernel 4×3; step 3×2; no padding",
        "kernel 2×3; step 3×2; zeros at the rim; tanh",
        "kernel 1×3 spread over 1×5; step 1×1; zeros at the rim",
    ]
    assert what["BatchNormalization"] == [
        "one mean, variance, scale, shift per channel",
        "one mean, variance, scale per channel",
    ]
    assert what["MaxPooling2D"] == [
        "maximum of 3×2; step 2×2; zeros at the rim",
        "maximum of 1×3; step 1×1; no padding",
    ]
    assert what["Dropout"] == ["in training, 25 % of the values become 0"]
    assert what["LeakyReLU"] == ["negative values times 0.1"] and what["Activation"] == ["sigmoid"]
    assert what["Dense"] == ["weighted sums; relu", "weighted sums"]


def test_a_network_inside_the_network_is_a_row():
    inputs = keras.Input((128, 80, 1))
    outer = keras.Model(inputs, build_network("wild_cnn", (128, 80, 1))(layers.Rescaling(1 / 40)(inputs)))
    row = layer_table(outer).iloc[-1]
    assert (row["layer"], row["shape"], row["parameters"], row["trained"]) == ("Functional", "1", 4930, 4928)
