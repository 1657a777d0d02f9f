"""The files of an image set on disk: found, downloaded, and never trusted unread."""

import os
import shutil
import socket
import tempfile
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import platformdirs
from filelock import FileLock

from seqmodels.datamodules.images.image_set import ImageSet
from seqmodels.system.untrusted import open_regular

PROBE_SECONDS = 4  # to find out that there is no network

STALL_SECONDS = 20  # a download that gives nothing for so long has failed


class Unavailable(ConnectionError):
    """An image set is not on disk and cannot be downloaded; the message says why, and how to supply it."""


def default_root() -> Path:
    """SEQMODELS_DATA, else the user's cache folder."""
    return Path(os.environ.get("SEQMODELS_DATA") or platformdirs.user_cache_path("seqmodels"))


def ensure_files(images: ImageSet, root: Path) -> None:
    """Leave the checked files of an image set under `root`, downloading what is missing.

    Processes that come at the same time wait for one of them to download. A file that is there is never replaced.

    Raises:
        Unavailable: there is none and there is no way to get them.
        ValueError: a file is corrupt, or is missing beside others and cannot be downloaded.
        OSError: one is a pipe or a device, whose end could not be found.
    """
    folder = root / images.folder
    if _missing(images, folder):
        try:
            _check_reachable(images.urls)
            root.mkdir(parents=True, exist_ok=True)
            with FileLock(root / f".{images.name}.lock"):
                if _missing(images, folder):  # else another process has just brought them
                    _download(images, root)
        except OSError as error:
            missing = _missing(images, folder)
            if missing:  # else another process, perhaps on another machine, has just brought them
                raise _explained(images, root, missing, error) from error
    for name in images.files:
        open_regular(folder / name).close()
    images.check(folder)


def _missing(images: ImageSet, folder: Path) -> list[str]:
    return [name for name in images.files if not (folder / name).exists()]


def _explained(images: ImageSet, root: Path, missing: list[str], error: OSError) -> Exception:
    if len(missing) < len(images.files):
        return ValueError(
            f"{root / images.folder / missing[0]} is missing beside others of {images.title}'s files and cannot be "
            f"downloaded ({error}); add it, or point SEQMODELS_DATA at a complete copy"
        )
    return Unavailable(
        f"{images.title} is not in {root} and could not be downloaded: {error}. To supply it, put its files "
        f"{', '.join(images.files)} into FOLDER/{images.folder} and set SEQMODELS_DATA=FOLDER or datamodule.root=FOLDER"
    )


def _check_reachable(urls: list[str]) -> None:
    """A quick look whether any server answers, so that a machine without network does not wait."""
    reasons = []
    for url in urls:
        request = urllib.request.Request(url, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
            return
        except HTTPError:
            return  # it answers, if only to say no to the folder
        except OSError as error:
            reasons.append(f"{url}: {getattr(error, 'reason', error)}")
    raise ConnectionError("; ".join(reasons))


def _download(images: ImageSet, root: Path) -> None:
    """Into a folder beside the final one; a file gets its final place only when all have been checked."""
    workplace = Path(tempfile.mkdtemp(prefix=f".{images.name}-", dir=root))
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        images.source_class(workplace, download=True)
        brought, folder = workplace / images.folder, root / images.folder
        images.check(brought)
        folder.mkdir(parents=True, exist_ok=True)
        for name in _missing(images, folder):
            (brought / name).replace(folder / name)
    except (RuntimeError, OSError, ValueError) as error:
        raise ConnectionError(f"the download failed: {error}") from error
    finally:
        socket.setdefaulttimeout(timeout)
        shutil.rmtree(workplace, ignore_errors=True)
