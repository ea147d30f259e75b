"""The row-by-row SimpleRNN for MNIST digits, reproduced."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"  # the user's may be JAX, by a variable or keras.json
