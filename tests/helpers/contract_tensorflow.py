"""TensorFlow's rows in the contract of the wrappers: Keras models of the three kinds."""

import functools
import warnings
from typing import Any

import numpy

from thinc import compat
from thinc.layers.tensorflowwrapper import TensorFlowWrapper, keras_subclass

from .contract import N_STEPS, RATES, Arrays, Case, Framework


class TensorFlow(Framework):
    name = extra = "tensorflow"
    missing = (
        "TensorFlowWrapper(None)",
        "TensorFlowShim(None)",
        "keras_subclass('a', None, None, ())",
        "maybe_handshake_model(None)",
        "xp2tensorflow(None)",
        "tensorflow2xp(None)",
    )
    updates_without_gradients = False

    def require(self) -> None:
        super().require()
        if not compat.has_tensorflow:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # those of TensorFlow and of Keras at import
                compat.enable_tensorflow()

    def gradients(
        self, case: Case, network: Any, Xs: list[Any], dYs: list[Any]
    ) -> tuple[list[Any], list[Any], Arrays]:
        import tensorflow as tf

        tensors = [tf.constant(X) for X in Xs]
        floats = [X for X in tensors if X.dtype.is_floating]
        weights = [W.value for W in network.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(floats)
            Ys = case.apply(functools.partial(network, training=True), tensors)
        found = tape.gradient(Ys, [*weights, *floats], output_gradients=[tf.constant(dY) for dY in dYs])
        d_floats = iter(found[len(weights) :])
        dXs = [next(d_floats).numpy() if X.dtype.is_floating else None for X in tensors]
        flat = [tf.convert_to_tensor(dW).numpy().ravel() for dW in found[: len(weights)]]
        return [Y.numpy() for Y in Ys], dXs, {"tensorflow-shim": numpy.concatenate(flat)}

    def train(self, case: Case, network: Any, Xs: list[Any], Ts: list[Any], optimizer: str) -> Arrays:
        import tensorflow as tf

        optimizers = tf.keras.optimizers
        if optimizer == "sgd":
            steps = optimizers.SGD(RATES["sgd"])
        else:
            steps = optimizers.Adam(RATES["adam"], epsilon=1e-8)
        for _ in range(N_STEPS):
            with tf.GradientTape() as tape:
                Ys = case.apply(functools.partial(network, training=True), [tf.constant(X) for X in Xs])
                loss = sum(tf.reduce_sum((Y - T) ** 2) for Y, T in zip(Ys, Ts, strict=True)) / 2
            weights = network.trainable_variables
            # Keras takes rows of a table that occur twice for two gradients, if it is not given a whole table.
            gradients = [tf.convert_to_tensor(dW) for dW in tape.gradient(loss, weights)]
            steps.apply_gradients(zip(gradients, weights, strict=True))
        return weights_of(network)

    def weights(self, model: Any) -> Arrays:
        return weights_of(model.shims[0]._model)


def weights_of(network: Any) -> Arrays:
    """By position: Keras numbers its names on."""
    return {str(i): W.numpy().copy() for i, W in enumerate(network.trainable_variables)}


def floats(*shape: int) -> numpy.ndarray:
    return numpy.random.default_rng(1).normal(size=shape).astype("float32")


def sequential() -> Any:
    from tensorflow import keras

    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(3)]
    )


def embedding() -> Any:
    from tensorflow import keras

    keras.utils.set_random_seed(2)
    return keras.Sequential(
        [keras.layers.Input((), dtype="int32"), keras.layers.Embedding(7, 4), keras.layers.Dense(3)]
    )


def two() -> Any:
    """Two inputs and two outputs."""
    from tensorflow import keras

    keras.utils.set_random_seed(3)
    x, y = keras.layers.Input((4,)), keras.layers.Input((3,))
    h = keras.layers.LayerNormalization()(keras.layers.Dense(3, activation="tanh")(x))
    return keras.Model([x, y], [keras.layers.Add()([h, y]), keras.layers.Dense(2)(h)])


@functools.cache
def subclass() -> Any:
    from tensorflow import keras

    @keras_subclass("contract.v1", X=floats(2, 4), Y=floats(2, 3), input_shape=(None, 4))
    class Network(keras.Model):
        def __init__(self, width: int, *, activation: str = "relu"):
            super().__init__()
            self.hidden = keras.layers.Dense(width, activation=activation)
            self.output_layer = keras.layers.Dense(3)

        def call(self, inputs: Any) -> Any:
            return self.output_layer(self.hidden(inputs))

    return Network


def of_a_class() -> Any:
    from tensorflow import keras

    keras.utils.set_random_seed(4)
    network = subclass()(5, activation="tanh")
    network(floats(2, 4))
    return network


def one_output(network: Any, tensors: list[Any]) -> list[Any]:
    return [network(*tensors)]


def two_outputs(network: Any, tensors: list[Any]) -> list[Any]:
    return list(network(tensors))


TENSORFLOW = TensorFlow()
CASES = [
    Case(
        "tensorflow-sequential", TENSORFLOW, sequential, TensorFlowWrapper, lambda: floats(6, 4), one_output
    ),
    Case(
        "tensorflow-ids",
        TENSORFLOW,
        embedding,
        TensorFlowWrapper,
        lambda: numpy.array([0, 6, 2, 2, 5], dtype="int32"),
        one_output,
    ),
    Case(
        "tensorflow-several",
        TENSORFLOW,
        two,
        TensorFlowWrapper,
        lambda: [floats(6, 4), floats(6, 3)],
        two_outputs,
    ),
    Case("tensorflow-subclass", TENSORFLOW, of_a_class, TensorFlowWrapper, lambda: floats(6, 4), one_output),
]
