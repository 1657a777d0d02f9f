"""The laws of a stream, asked of a layer of somebody else's: the same few lines for every package.

`peer_*.py` beside this file describe one package each and end with `report(layers())`; `../peers_streams.py` gives each
its own environment and makes the table of docs/peers.md of what they print. Ours are in `tests/test_core_laws.py`.
"""

import io
import json
import math
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

BATCH, LENGTH = 3, 60
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}  # of the largest output, as in tests/test_core_laws.py
Read = Callable[[Tensor, Any], tuple[Tensor, Any]]


def save(state: Any) -> bytes:
    """As a checkpoint would hold it."""
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def load(saved: bytes) -> Any:
    """Without code of strangers."""
    return torch.load(io.BytesIO(saved), weights_only=True)


def save_weights(net: Any) -> bytes:
    """For a state that stays in the net: what a checkpoint of the net holds."""
    return save(net.state_dict())


def tokens(x: Tensor) -> Tensor:
    """Noise (B, T, 1) as numbers (B, T) from 0 to 31."""
    return (x[..., 0] * 100).long() % 32


@dataclass(frozen=True)
class Layer:
    """A layer of a package in eval mode as `y, state = read(x, state)`.

    x (B, T, D), y (B, T, K); a state of None is a stream that begins. `whole` reads a window as training does. What the
    package has no way for is None: `read` (pieces of several steps), `step` (one step), `save`.
    """

    name: str
    width: int
    read: Read | None
    step: Read | None
    whole: Callable[[Tensor], Tensor]
    dtype: torch.dtype = torch.float64
    batch: int = BATCH
    pieces: tuple[int, ...] = (17, 1, 30, 12)
    delay: int = 0  # answers of a stream before that of the window's first step
    ahead: int = 0  # steps behind it that an answer of a window needs, as the package says
    signal: Callable[[Tensor], Tensor] = torch.clone  # x of normal noise (B, T, D), for layers that want another
    save: Callable[[Any], bytes] | None = save
    load: Callable[[bytes], Any] = load
    remark: str = ""


def layer(name: str, width: int, read: Read, step: Read | None = None, **more: Any) -> Layer:
    """One that reads pieces and, unless these are said, single steps and whole windows by the same call."""
    more.setdefault("whole", lambda x: read(x, None)[0])
    return Layer(name, width, read, step or read, **more)


def noise(one: Layer, seed: int, batch: int | None = None) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch or one.batch, LENGTH, one.width, generator=generator, dtype=torch.float64)
    return one.signal(x.to(one.dtype))


def stream(read: Read, x: Tensor, pieces: Iterable[int], state: Any = None) -> tuple[Tensor, Any]:
    """All pieces one after the other, the state carried."""
    parts = []
    for piece in x.split(list(pieces), dim=1):
        y, state = read(piece, state)
        parts.append(y.clone())
    return torch.cat(parts, 1), state


def apart(a: Tensor, b: Tensor, delay: int = 0) -> float:
    """Largest difference between a stream's answers (B, T, K) and a window's, as a part of the window's largest."""
    found = a[:, delay:]
    return ((found - b[:, : found.shape[1]]).abs().max() / b.abs().max()).item()


def pieces_are_the_whole(one: Layer) -> float | None:
    if one.read is None:
        return None
    x = noise(one, 1)
    return apart(stream(one.read, x, one.pieces)[0], one.whole(x), one.delay)


def steps_are_the_window(one: Layer) -> float | None:
    if one.step is None:
        return None
    x = noise(one, 1)
    return apart(stream(one.step, x, [1] * LENGTH)[0], one.whole(x), one.delay)


def rows_stay_apart(one: Layer) -> float | None:
    """The first row among others that are then exchanged, in windows and, where they are had, in streams."""
    x, other = noise(one, 1, BATCH), noise(one, 2, BATCH)
    other[:1] = x[:1]
    found = [apart(one.whole(other)[:1], one.whole(x)[:1])]
    for read, pieces in ((one.read, one.pieces), (one.step, [1] * LENGTH)):
        if read is not None and one.batch > 1:
            found.append(apart(stream(read, other, pieces)[0][:1], stream(read, x, pieces)[0][:1]))
    return max(found)


def the_future_has_no_influence(one: Layer) -> float:
    x, other = noise(one, 1), noise(one, 2)
    half = LENGTH // 2
    other[:, :half] = x[:, :half]
    whole = one.whole(x)
    return ((one.whole(other) - whole)[:, : half - one.ahead].abs().max() / whole.abs().max()).item()


def the_state_can_be_saved(one: Layer) -> float | str | None:
    """In the middle of a stream, then go on with it, and with what was loaded; "pickle" where only that loads it."""
    read, pieces = (one.read, one.pieces) if one.read is not None else (one.step, (1,) * LENGTH)
    if read is None or one.save is None:
        return None
    x, half = noise(one, 1), len(pieces) // 2
    first, second = x.split([sum(pieces[:half]), sum(pieces[half:])], dim=1)
    _, state = stream(read, first, pieces[:half])
    saved = one.save(state)
    rest, _ = stream(read, second, pieces[half:], state)
    anew, _ = stream(read, second, pieces[half:])
    if anew.shape == rest.shape and torch.equal(anew, rest):
        return None  # nothing was carried
    try:
        loaded, pickled = one.load(saved), False
    except pickle.UnpicklingError:
        loaded, pickled = torch.load(io.BytesIO(saved), weights_only=False), True
    found = apart(stream(read, second, pieces[half:], loaded)[0], rest)
    return "pickle" if pickled and found <= TOLERANCE[one.dtype] else found


def the_past_has_an_influence(one: Layer) -> float:
    """How much the answers of the second half of a window depend on the first half."""
    x, other = noise(one, 1), noise(one, 2)
    half = LENGTH // 2
    other[:, half:] = x[:, half:]
    whole = one.whole(x)
    return ((one.whole(other) - whole)[:, half - one.ahead :].abs().max() / whole.abs().max()).item()


Law = Callable[[Layer], float | str | None]
LAWS: dict[str, Law] = {
    "pieces": pieces_are_the_whole,
    "steps": steps_are_the_window,
    "rows": rows_stay_apart,
    "future": the_future_has_no_influence,
    "saved": the_state_can_be_saved,
    "memory": the_past_has_an_influence,
}


def seen(law: Law, one: Layer) -> float | str | None:
    """A difference, None for what there is no way to do, or the name of the exception."""
    try:
        found = law(one)
    except Exception as error:
        print(f"{one.name}, {law.__name__}: {type(error).__name__}: {error}".splitlines()[0], file=sys.stderr)
        return type(error).__name__
    return "nan" if isinstance(found, float) and math.isnan(found) else found


def seeded(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Each made from the same seed."""
    iterator = iter(layers)
    while True:
        torch.manual_seed(0)
        try:
            yield next(iterator)
        except StopIteration:
            return


def report(layers: Iterable[Layer]) -> None:
    """A line of JSON for each layer; `layers` builds them one by one."""
    torch.set_num_threads(1)
    with torch.no_grad():
        for one in seeded(layers):
            found = {name: seen(law, one) for name, law in LAWS.items()}
            facts = {"layer": one.name, "dtype": str(one.dtype).removeprefix("torch."), "remark": one.remark}
            print(json.dumps(facts | found | {"tolerance": TOLERANCE[one.dtype]}), flush=True)
