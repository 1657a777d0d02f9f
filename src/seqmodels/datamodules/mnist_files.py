"""MNIST's four files on disk: found, downloaded, and never trusted unread."""

import hashlib
import shutil
import socket
import tempfile
import urllib.request
from pathlib import Path
from urllib.error import HTTPError, URLError

from filelock import FileLock
from torchvision.datasets import MNIST

# SHA-256 of the unpacked files; torchvision knows the MD5 of the archives.
CHECKSUMS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
PROBE_SECONDS = 4  # to find out that there is no network
STALL_SECONDS = 20  # a download that gives nothing for so long has failed


class Unavailable(Exception):
    """MNIST is not on disk and cannot be downloaded; the message says why."""


def ensure_files(root: Path) -> None:
    """Leave the four checked files in root/MNIST/raw, downloading what is missing.

    Processes that come at the same time wait for one of them to download. A file that is there is never replaced.

    Raises:
        Unavailable: there is none and there is no way to get them.
        ValueError: a file is corrupt, or is missing beside others and cannot be downloaded.
    """
    raw = root / "MNIST" / "raw"
    if _missing(raw):
        try:
            _check_reachable()
            root.mkdir(parents=True, exist_ok=True)
            with FileLock(root / ".mnist.lock"):
                if _missing(raw):  # else another process has just brought them
                    _download(root, raw)
        except (Unavailable, OSError) as error:
            missing = _missing(raw)
            if len(missing) == len(CHECKSUMS):
                raise Unavailable(str(error)) from error
            raise ValueError(
                f"{raw / missing[0]} is missing beside others of MNIST's four files and cannot be downloaded "
                f"({error}); add it, or point SEQMODELS_DATA at a complete copy"
            ) from error
    _check(raw)


def _missing(raw: Path) -> list[str]:
    return [name for name in CHECKSUMS if not (raw / name).exists()]


def _check(raw: Path) -> None:
    for name, expected in CHECKSUMS.items():
        path = raw / name
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise ValueError(
                f"{path} is corrupt or truncated: {path.stat().st_size:,} bytes with SHA-256 {found[:16]}…, "
                f"expected {expected[:16]}…; delete it to download it again, or point SEQMODELS_DATA at an intact copy"
            )


def _check_reachable() -> None:
    """A quick look whether any mirror answers, so that a machine without network does not wait."""
    reasons = []
    for mirror in MNIST.mirrors:
        request = urllib.request.Request(mirror, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
            return
        except HTTPError:
            return  # it answers, if only to say no to the folder
        except (URLError, OSError) as error:
            reasons.append(f"{mirror}: {getattr(error, 'reason', error)}")
    raise Unavailable("; ".join(reasons))


def _download(root: Path, raw: Path) -> None:
    """Into a folder beside the final one; a file gets its final place only when all have been checked."""
    workplace = Path(tempfile.mkdtemp(prefix=".mnist-", dir=root))
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)
    try:
        dataset = MNIST(workplace, download=True)
        _check(Path(dataset.raw_folder))
        raw.mkdir(parents=True, exist_ok=True)
        for name in _missing(raw):
            (Path(dataset.raw_folder) / name).replace(raw / name)
    except (RuntimeError, OSError, ValueError) as error:
        raise Unavailable(f"the download failed: {error}") from error
    finally:
        socket.setdefaulttimeout(timeout)
        shutil.rmtree(workplace, ignore_errors=True)
