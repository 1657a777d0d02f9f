"""Around every call of an exporter: no gradients, no chatter, and one kind of error."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import torch

from seqmodels.exceptions import first_line, is_full


class CannotExport(Exception):
    """A format cannot take the graph; the message says what stood against it."""


@contextmanager
def capturing(what: str) -> Iterator[None]:
    """
    Raises:
        CannotExport: in place of whatever the exporter raised.
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        unheard = io.StringIO()
        with warnings.catch_warnings(), redirect_stdout(unheard), redirect_stderr(unheard), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    except CannotExport:
        raise
    except Exception as error:  # exporters raise errors of dozens of classes
        torch._dynamo.reset()  # what it remembers of a failure makes the next export fail too
        cause: BaseException = error
        while cause.__cause__ is not None:  # what matters is said by the first of the chain
            cause = cause.__cause__
        if is_full(cause):
            raise cause from error  # no fault of the exporter
        raise CannotExport(f"{what}: {first_line(cause)}") from error
    finally:
        logging.disable(disabled)
