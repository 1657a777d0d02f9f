# /// script
# dependencies = ["keras==3.15.1", "torch==2.13.0", "numpy"]
# ///
"""keras on torch."""

import os

os.environ["KERAS_BACKEND"] = "torch"

from keras_layers import layers
from laws import report

if __name__ == "__main__":
    report(layers())
