"""keras: recurrent layers given a state, and stateful ones, on the backend that the importing file has chosen."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import torch
from laws import BATCH, Layer, layer
from torch import Tensor

BACKEND = keras.backend.backend()
KINDS = (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN)
GIVEN = "initial_state takes what return_state gives."
KEPT = "The state is neither in the .keras file nor in its weights."
PREDICTED = "predict() begins at the state that calls left, and carries none itself. " + KEPT


def tensor(array: Any) -> Tensor:
    return torch.from_numpy(np.array(keras.ops.convert_to_numpy(array)))


def given(net: Any, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """`return_state` and `initial_state`."""
    start = None if state is None else [keras.ops.convert_to_tensor(part.numpy()) for part in state]
    y, *state = net(keras.ops.convert_to_tensor(x.numpy()), initial_state=start)
    return tensor(y), tuple(tensor(part) for part in state)


def model(kind: Any) -> Any:
    keras.utils.set_random_seed(0)
    inputs = keras.Input(batch_shape=(BATCH, None, 4))
    return keras.Model(inputs, kind(8, return_sequences=True, stateful=True)(inputs))


def called(kind: Any, x: Tensor, net: Any) -> tuple[Tensor, Any]:
    """The state stays in the layer."""
    net = model(kind) if net is None else net
    return tensor(net(keras.ops.convert_to_tensor(x.numpy()))), net


def predicted(kind: Any, x: Tensor, net: Any) -> tuple[Tensor, Any]:
    net = model(kind) if net is None else net
    return tensor(net.predict(x.numpy(), batch_size=BATCH, verbose=0)), net


def save(net: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        net.save(Path(folder) / "net.keras")
        return (Path(folder) / "net.keras").read_bytes()


def load(saved: bytes) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "net.keras").write_bytes(saved)
        return keras.saving.load_model(Path(folder) / "net.keras")


def layers() -> Iterator[Layer]:
    for kind in KINDS:
        keras.utils.set_random_seed(0)
        net = kind(8, return_sequences=True, return_state=True)
        name = kind.__name__
        yield layer(name, 4, partial(given, net), dtype=torch.float32, remark=GIVEN)
        more: dict[str, Any] = {"dtype": torch.float32, "save": save, "load": load}
        yield layer(f"{name}, stateful, by call", 4, partial(called, kind), remark=KEPT, **more)
        remark = PREDICTED if BACKEND == "jax" else KEPT
        yield layer(f"{name}, stateful, by predict", 4, partial(predicted, kind), remark=remark, **more)
