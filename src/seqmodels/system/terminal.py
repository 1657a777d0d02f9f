"""Text from files and names on its way to a screen or a log."""


def printable(text: object, keep: str = "") -> str:
    r"""The text with `\x1b` and the like in place of what would steer a terminal, begin a line or turn text around.

    Args:
        text: anything.
        keep: signs that stay as they are, such as the ends of lines of our own messages.
    """
    return "".join(
        sign if sign.isprintable() or sign in keep else sign.encode("unicode_escape", "backslashreplace").decode()
        for sign in str(text)
    )
