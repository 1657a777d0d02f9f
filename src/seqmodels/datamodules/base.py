"""Checks of arguments that several data sources share."""


def check_at_least(minimum: int, **values: int) -> None:
    """
    Raises:
        ValueError: names the first value that is below the minimum.
    """
    for name, value in values.items():
        if value < minimum:
            raise ValueError(f"{name}={value} is too small; give an integer of at least {minimum}")
