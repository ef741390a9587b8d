"""What a network costs, whatever it runs on: its multiply-adds."""

import math

from fakeorreal.errors import FakeOrRealError


def multiply_adds(model):
    """Multiply-adds of convolutions, dense layers and attention for one clip; the rest is small beside them.

    Args:
        model: Keras network of fixed input shape; a network inside it is counted too.

    Returns:
        int: products of two numbers, each added to a sum, in inference.

    Raises:
        FakeOrRealError: another layer with kernels.
    """
    import keras

    layers, total = keras.layers, 0
    for layer in model.layers:
        kernels = sum(math.prod(w.shape) for w in layer.weights if w.name.endswith("kernel"))
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, layers.Dense | layers.Conv2D):
            total += kernels * math.prod(layer.output.shape[1:-1])
        elif isinstance(layer, layers.MultiHeadAttention):  # of tokens to themselves
            tokens = layer.output.shape[1]
            total += kernels * tokens + 2 * layer.num_heads * layer.key_dim * tokens**2
        elif kernels:
            raise FakeOrRealError(
                "`model` must hold no kernels but of Dense, Conv2D and MultiHeadAttention. "
                f"Received: {type(layer).__name__} ({layer.name}). Teach multiply_adds to count it."
            )
    return total
