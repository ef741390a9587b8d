"""Where a network looks: the attention of a transformer, and what hiding a patch does to the score of any network."""

import numpy as np

from fakeorreal.errors import FakeOrRealError


def rollout(model, x, *, batch=64):
    """How much of each patch reaches the class token, if attention alone moved anything.

    Attentions are averaged over heads; as much as comes through them comes past them, so half the identity is added to
    half of each; the layers are multiplied. It says where a transformer looks, not what speaks for fake.

    Args:
        model: of `vision_transformer`, or a system of it: layers such as a normalisation, then the network.
        x: inputs, shape (clips, *shape).
        batch: clips sent through the network at a time; changes results by rounding alone.

    Returns:
        float32, shape (clips, bands, columns) of patches: shares, which with that of the class token itself add up
        to 1.

    Raises:
        FakeOrRealError: a network without class token; ``x`` of another shape; a batch of less than 1.

    Source: Abnar and Zuidema 2020, section 3.
    """
    x, grid = _check(model, x, batch), _grid(model)
    rows = [_class_row(attention_weights(model, x[k : k + batch])) for k in range(0, len(x), batch)]
    return np.concatenate(rows).reshape(len(x), *grid)


def attention_weights(model, x):
    """Attention of every layer, computed by the layers of the network itself, as in inference.

    Args:
        model: as in `rollout`.
        x: inputs, shape (clips, *shape), all sent through the network at once.

    Returns:
        list of float32 arrays, one for each layer of attention, shape (clips, heads, tokens, tokens): how much each
        token (row) takes from each (column); rows add up to 1.

    Raises:
        FakeOrRealError: a network without attention.
    """
    import keras

    network, before = _network(model)
    if before:
        x = before(x, training=False)
    attentions = [layer for layer in network.layers if isinstance(layer, keras.layers.MultiHeadAttention)]
    if not attentions:
        raise FakeOrRealError(f"`model` must have layers of attention. Received: {network.name}. Take masking_map.")
    inputs = keras.Model(network.input, [layer.input[0] for layer in attentions])(x, training=False)
    pairs = zip(attentions, keras.tree.flatten(inputs), strict=True)
    weights = [layer(tokens, tokens, return_attention_scores=True, training=False)[1] for layer, tokens in pairs]
    return [keras.ops.convert_to_numpy(keras.ops.cast(w, "float32")) for w in weights]


def masking_map(model, x, *, baseline, patch=32, batch=64):
    """How much the score of fake drops when a patch is replaced by the baseline, for every patch.

    Args:
        model: Keras network (batch, *shape) → (batch, 1) logits of fake, of any kind; run as in inference.
        x: inputs, shape (clips, bands, frames, channels).
        baseline: what stands for nothing: a number, or an array that broadcasts to an input, such as the mean of
            training.
        patch: height in bands and width in frames. The last of a row or column reaches to the end of the input: it is
            half as long as the others to half as long again.
        batch: rows sent through the network at a time, of one clip or of several; bounds the memory, and changes
            results by rounding alone.

    Returns:
        float32, shape (clips, bands, columns) of patches: logits, positive where what was hidden speaks for fake.

    Raises:
        FakeOrRealError: ``x`` of another shape, another kind of output, a baseline that does not broadcast, or a patch
            or batch of less than 1.
    """
    x = _check(model, x, batch)
    if x.ndim != 4 or patch < 1:
        raise FakeOrRealError(
            "`x` must have the shape (clips, bands, frames, channels), and `patch` be 1 or more. "
            f"Received: shape {x.shape} and patch={patch}. Take another network or another patch."
        )
    try:
        baseline = np.broadcast_to(np.asarray(baseline, np.float32), x.shape[1:])
    except ValueError as error:
        raise FakeOrRealError(
            f"`baseline` must be a number or broadcast to {x.shape[1:]}. Received: shape {np.shape(baseline)}. "
            "Give the mean of training."
        ) from error
    bands, columns = (_cuts(size, patch) for size in x.shape[1:3])
    places = [(slice(0), slice(0)), *((band, column) for band in bands for column in columns)]  # first, nothing hidden
    scores = np.empty(len(x) * len(places), np.float32)
    for first in range(0, len(scores), batch):
        rows = np.arange(first, min(first + batch, len(scores)))
        clips, hidden = np.divmod(rows, len(places))
        block = x[clips]
        for row, k in zip(block, hidden, strict=True):
            row[places[k]] = baseline[places[k]]
        scores[rows] = model.predict_on_batch(block)[:, 0]
    scores = scores.reshape(len(x), len(places))
    return (scores[:, :1] - scores[:, 1:]).reshape(len(x), len(bands), len(columns))


def _grid(model):
    """Bands and columns of patches, or FakeOrRealError."""
    network, _ = _network(model)
    if not any(layer.name == "class_token" for layer in network.layers):
        raise FakeOrRealError(
            f"`model` must have a class token. Received: {network.name}. Take a vision_transformer, or masking_map."
        )
    return network.get_layer("patches").output.shape[1:3]


def _class_row(attentions):
    """Row of the class token in the product of the layers, shape (clips, tokens less itself)."""
    row = np.eye(1, attentions[0].shape[-1], dtype=np.float32)
    for weights in reversed(attentions):
        row = (row + row @ weights.mean(axis=1)) / 2
    return row[:, 0, 1:]


def _network(model):
    """The network inside a system, and the model of what comes before it there; None if nothing does."""
    import keras

    for k, layer in enumerate(model.layers):
        if isinstance(layer, keras.Model):
            return layer, keras.Model(model.input, model.layers[k - 1].output)
    return model, None


def _cuts(size, patch):
    """Slices of patches along an axis, the last one as long as it takes."""
    starts = [patch * k for k in range(max(1, round(size / patch)))]
    return [slice(*ends) for ends in zip(starts, [*starts[1:], size], strict=True)]


def _check(model, x, batch):
    """``x`` as float32, or FakeOrRealError."""
    x, shape = np.asarray(x, np.float32), model.input_shape[1:]
    if model.output_shape != (None, 1):
        raise FakeOrRealError(
            f"`model` must give one logit a clip, shape (batch, 1). Received: {model.output_shape}. Take it without "
            "the layers that follow."
        )
    if x.shape[1:] != shape or not len(x) or batch < 1:
        raise FakeOrRealError(
            f"`x` must have the shape (clips, *{shape}), clips > 0, and `batch` be 1 or more. "
            f"Received: shape {x.shape} and batch={batch}. Use the front end that the model was trained on."
        )
    return x
