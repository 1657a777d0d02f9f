"""What has to be known of an image set: where it lies, how its files are checked, and what they hold."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

Images = tuple[Tensor, Tensor]
"""(N, height, width) or (N, height, width, channels) uint8, and (N,) int64."""


@dataclass(frozen=True)
class ImageSet(ABC):
    """One of them.

    Attributes:
        name: in configs and results. title: in messages.
        shape: (height, width) of an image, or (height, width, channels).
        class_names: what the labels 0, 1, ... mean.
        source: the name of torchvision's class, which downloads it; empty where nothing has to be downloaded.
    """

    name: str
    title: str
    shape: tuple[int, ...]
    class_names: list[str]
    source: str = ""

    @property
    def source_class(self) -> Any:
        """Torchvision's class; imported only where it is needed, since torchvision takes a second."""
        from torchvision import datasets

        return getattr(datasets, self.source)

    @property
    def folder(self) -> str:
        """Of its files, below the root."""
        return ""

    @property
    def files(self) -> list[str]:
        """Their names."""
        return []

    @property
    def urls(self) -> list[str]:
        """Where it can be had."""
        return []

    def check(self, folder: Path) -> None:  # noqa: B027, without files there is nothing to look into
        """Look into every file.

        Raises:
            ValueError: one is corrupt; the message names it.
        """

    @abstractmethod
    def read(self, root: Path, train: bool) -> Images:
        """The training or the test images, whole."""
