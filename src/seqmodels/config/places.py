"""Where the YAMLs lie: in the repository for an editable install, inside the package for a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def conf_dir() -> Path:
    """The absolute path of `conf/`.

    Raises:
        FileNotFoundError: neither place holds it, so the installation is broken.
    """
    places = (_PACKAGE / "conf", _PACKAGE.parents[1] / "conf")
    for place in places:
        if (place / "train.yaml").is_file():
            return place
    raise FileNotFoundError(
        f"conf/train.yaml is in neither of {[str(p) for p in places]}; install it again: pip install -e ."
    )
