"""Checks of arguments that several cores take."""

from seqmodels.config.ranges import WIDEST


def expanded(input_size: int, expand: float) -> int:
    """H, as a multiple of D.

    Raises:
        ValueError: no unit is left, or too many are.
    """
    units = int(expand * input_size)
    if units < 1:
        raise ValueError(f"expand={expand} leaves no unit of {input_size}; give a larger number")
    if units > WIDEST:
        raise ValueError(f"expand={expand} makes {units} units of {input_size}; give at most {WIDEST / input_size:g}")
    return units


def check_dt(dt_min: float, dt_max: float) -> None:
    """
    Raises:
        ValueError: there is no positive step size between them.
    """
    if not 0 < dt_min <= dt_max:
        raise ValueError(f"dt_min={dt_min} and dt_max={dt_max} are no range; give 0 < dt_min <= dt_max")


def check_heads(num_heads: int, width: int) -> None:
    """
    Raises:
        ValueError: the heads do not divide the width.
    """
    if width % num_heads:
        raise ValueError(
            f"num_heads={num_heads} does not divide a width of {width}; give a width (hidden_size, or expand) that is "
            f"a multiple of {num_heads}, or another number of heads"
        )


def check_fractions(**bounds: float) -> None:
    """
    Args:
        bounds: two of them, the lower first.

    Raises:
        ValueError: they are no range inside (0, 1).
    """
    (lower, low), (upper, high) = bounds.items()
    if not 0 < low <= high < 1:
        raise ValueError(f"{lower}={low} and {upper}={high} are no range; give 0 < {lower} <= {upper} < 1")
