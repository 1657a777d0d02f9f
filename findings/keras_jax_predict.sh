#!/usr/bin/env bash
# keras 3.15.1: a stateful layer carries its state through predict() on torch, and not on jax.
#
# One would guess: stateful=True means the same on every backend. The state a batch ends with is the one that the next
#   begins with, in predict() as in a call of the model.
# What happens: on jax predict() and predict_on_batch() read the state and write none back, between calls and between the
#   batches of one call, without a warning. Each batch begins at the state that the last plain call of the model left; plain
#   calls do carry it, on jax too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 keras==3.15.1 jax==0.10.2 numpy
cat > "$folder/halves.py" <<'PYTHON'
import keras
import numpy as np

keras.utils.set_random_seed(0)
inputs = keras.Input(batch_shape=(2, None, 3))
layer = keras.layers.LSTM(4, return_sequences=True, stateful=True)
model = keras.Model(inputs, layer(inputs))
x = np.random.RandomState(0).randn(2, 10, 3).astype("float32")
halves = x[:, :5], x[:, 5:]


def apart(read):
    """Largest difference of two halves read one after the other from the whole."""
    layer.reset_state()
    whole = keras.ops.convert_to_numpy(model(x))
    layer.reset_state()
    return float(abs(np.concatenate(read(), 1) - whole).max())


found = {
    "call": apart(lambda: [keras.ops.convert_to_numpy(model(half)) for half in halves]),
    "call, then predict": apart(
        lambda: [keras.ops.convert_to_numpy(model(halves[0])), model.predict(halves[1], batch_size=2, verbose=0)]
    ),
    "predict, two calls": apart(lambda: [model.predict(half, batch_size=2, verbose=0) for half in halves]),
    "predict, one call of two batches": apart(
        lambda: np.split(model.predict(np.concatenate(halves), batch_size=2, verbose=0), 2)
    ),
}
print("keras", keras.__version__, "on", keras.backend.backend())
for how, difference in found.items():
    print(f"  {how}: halves differ from the whole by {difference:.0e}")
lost = {"predict, two calls", "predict, one call of two batches"} if keras.backend.backend() == "jax" else set()
for how, difference in found.items():
    assert (difference > 0.1) if how in lost else (difference < 1e-5), f"{how} is otherwise now"
PYTHON
KERAS_BACKEND=torch "$folder/venv/bin/python" "$folder/halves.py"
KERAS_BACKEND=jax "$folder/venv/bin/python" "$folder/halves.py"
echo "as described"
