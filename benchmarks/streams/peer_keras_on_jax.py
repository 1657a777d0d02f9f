# /// script
# dependencies = ["keras==3.15.1", "jax==0.10.2", "torch==2.13.0", "numpy"]
# ///
"""keras on jax."""

import os

os.environ["KERAS_BACKEND"] = "jax"

from keras_layers import layers
from laws import report

if __name__ == "__main__":
    report(layers())
