"""Train a Keras model between layers of ours.

pip install thinc[tensorflow]
python examples/frameworks/keras_model.py
"""

import warnings

from spirals import N_CLASSES, run

from thinc.api import Linear, Model, Softmax, TensorFlowWrapper, chain, enable_tensorflow

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    enable_tensorflow()  # TensorFlow is only imported when it is asked for

from tensorflow import keras

WIDTH = 32


def build() -> Model:
    block = keras.Sequential(
        [
            keras.layers.Input((WIDTH,)),
            keras.layers.Dense(WIDTH, activation="gelu"),
            keras.layers.LayerNormalization(),
            keras.layers.Dense(WIDTH, activation="gelu"),
            keras.layers.Dropout(0.1),
        ]
    )
    return chain(Linear(WIDTH, 2), TensorFlowWrapper(block), Softmax(N_CLASSES, WIDTH))


if __name__ == "__main__":
    run(build)
