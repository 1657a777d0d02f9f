"""Drawing as the guest of a run: it can fail none, and it draws names as they are."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial, wraps
from typing import Any
from weakref import WeakKeyDictionary

import lightning.pytorch as pl
import matplotlib as mpl

from seqmodels.exceptions import reason

log = logging.getLogger(__name__)


def harmless(hook: Callable[..., None]) -> Callable[..., None]:
    """Decorates a hook of a callback that draws: an error in it is a warning, and the callback rests from then on.

    No figure is worth a training. Signals go through.
    """

    @wraps(hook)
    def hooked(callback: pl.Callback, *args: Any, **kwargs: Any) -> None:
        if getattr(callback, "has_failed", False):
            return
        with failing_softly(type(callback).__name__):
            hook(callback, *args, **kwargs)
            return
        callback.has_failed = True

    return hooked


def draws(hook: Callable[..., None]) -> Callable[..., None]:
    """As `harmless`, for a hook that makes figures: names in them are drawn as they are, and they can wait."""

    @harmless
    def drawn(*args: Any) -> None:
        with plain_text():
            hook(*args)

    @wraps(hook)
    def hooked(callback: pl.Callback, trainer: pl.Trainer, *args: Any) -> None:
        draw = partial(drawn, copy(callback), trainer, *args)  # a copy, since a test begins after the fit's figures
        if trainer in _waiting:
            _waiting[trainer].append(draw)
        else:
            draw()

    return hooked


_waiting: WeakKeyDictionary[pl.Trainer, list[Callable[[], None]]] = WeakKeyDictionary()


@contextmanager
def figures_wait(trainer: pl.Trainer) -> Iterator[Callable[[], None]]:
    """Figures are not drawn before what this yields is called: when all that was measured is written."""
    figures = _waiting[trainer] = []

    def draw() -> None:
        for figure in figures:
            figure()

    try:
        yield draw
    finally:
        del _waiting[trainer]


@contextmanager
def failing_softly(who: str) -> Iterator[None]:
    """An error inside is a warning that names `who`."""
    try:
        yield
    except Exception as error:
        log.warning("%s cannot draw, which changes nothing else: %s", who, reason(error))


@contextmanager
def plain_text() -> Iterator[None]:
    """Figures made and saved inside take a `$` in a name for a `$`, and leave a box for a sign without a glyph."""
    with mpl.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing")
        yield


def in_legend(name: str) -> str:
    """The name, which matplotlib 3.9 leaves out of a legend if it begins with an underscore."""
    return f" {name}" if name.startswith("_") else name
