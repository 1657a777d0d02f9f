"""The files of image sets: found, downloaded, corrupt, missing. The server is a real one on this machine."""

import gzip
import hashlib
import http.server
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR10, KMNIST, MNIST, FashionMNIST

from seqmodels.datamodules.images.datamodule import ImageSequences
from seqmodels.datamodules.images.files import Unavailable, default_root, ensure_files
from seqmodels.datamodules.images.idx import read_idx
from seqmodels.datamodules.images.sets import SETS
from tests.support.image_sets import idx, write_cifar10, write_idx

CLOSED = "http://127.0.0.1:9/"  # nobody listens there
MNIST_SET, FASHION, CIFAR = (SETS[name] for name in ("mnist", "fashion_mnist", "cifar10"))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    for source in (MNIST, FashionMNIST, KMNIST):
        monkeypatch.setattr(source, "mirrors", [CLOSED])
    monkeypatch.setattr(CIFAR10, "url", f"{CLOSED}cifar-10-python.tar.gz")


@pytest.fixture
def copy(mnist_root: Path, tmp_path: Path) -> Path:
    """A folder with links to the real MNIST, to spoil."""
    raw = tmp_path / "copy" / MNIST_SET.folder
    raw.mkdir(parents=True)
    for name in MNIST_SET.files:
        (raw / name).symlink_to((mnist_root / MNIST_SET.folder / name).absolute())
    return tmp_path / "copy"


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """A server of a folder's files: its address, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))

        def log_request(self, *args: object) -> None:
            if self.command == "GET":
                asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None  # torchvision hangs up on its first request for each file
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", asked
    server.shutdown()
    server.server_close()


@contextmanager
def mirror(raw: Path, archives: Path, source: type, patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A mirror that serves a set's archives; yields the paths that were asked for."""
    archives.mkdir()
    resources = []
    for path in raw.iterdir():
        packed = gzip.compress(path.read_bytes(), compresslevel=0, mtime=0)
        (archives / f"{path.name}.gz").write_bytes(packed)
        resources.append((f"{path.name}.gz", hashlib.md5(packed).hexdigest()))
    with served(archives) as (address, asked):
        patch.setattr(source, "mirrors", [address])
        patch.setattr(source, "resources", resources)
        yield asked


@pytest.fixture
def mnist_mirror(mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    with mirror(mnist_root / MNIST_SET.folder, tmp_path / "mirror", MNIST, monkeypatch) as asked:
        yield asked


@pytest.fixture
def fashion_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    with mirror(write_idx(tmp_path / "theirs"), tmp_path / "mirror", FashionMNIST, monkeypatch) as asked:
        yield asked


def test_root_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQMODELS_DATA", "/somewhere")
    assert default_root() == Path("/somewhere")
    monkeypatch.delenv("SEQMODELS_DATA")
    assert default_root().name == "seqmodels"


@pytest.mark.parametrize("name", [name for name, images in SETS.items() if images.files])
def test_without_files_and_network_it_stops_and_nothing_is_made(tmp_path: Path, offline: None, name: str) -> None:
    images, root = SETS[name], tmp_path / "nowhere"
    with pytest.raises(ConnectionError) as stopped:
        ImageSequences(name, root=str(root)).prepare_data()
    for part in (
        f"{images.title} is not in {root} and could not be downloaded: http://127.0.0.1:9/",
        "Connection refused",
        f"put its files {', '.join(images.files)} into FOLDER/{images.folder}",
        "set SEQMODELS_DATA=FOLDER or datamodule.root=FOLDER",
    ):
        assert part in str(stopped.value)
    assert not root.exists()


def test_a_set_that_is_not_known() -> None:
    with pytest.raises(
        ValueError, match="dataset=cifar is not known; choose mnist, fashion_mnist, kmnist, cifar10 or digits"
    ):
        ImageSequences("cifar")


def test_fallback_says_so(tmp_path: Path, offline: None) -> None:
    data = ImageSequences(root=str(tmp_path), val_size=5000, fallback="digits")
    data.prepare_data()
    data.prepare_data()
    data.setup()
    assert data.name == "digits (instead of mnist)"
    assert data.summary().startswith("digits (instead of mnist): ")
    for part in ("NOT MNIST", str(tmp_path), "SEQMODELS_DATA", "Connection refused", "datamodule.fallback=null"):
        assert part in data.notice
    assert {name: len(part) for name, part in data.splits.items()} == {"train": 1317, "val": 120, "test": 360}
    x, y = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert x.shape == (64, 28, 28)
    assert x.dtype == torch.float32
    assert len(set(y.tolist())) == 10


def test_digits_stand_in_for_digits_alone() -> None:
    with pytest.raises(ValueError, match=r"^fallback=digits can stand in for mnist alone, not for kmnist; give data"):
        ImageSequences("kmnist", fallback="digits")


def test_without_fallback_it_stops(tmp_path: Path, offline: None) -> None:
    with pytest.raises(ConnectionError, match="SEQMODELS_DATA=FOLDER"):
        ImageSequences(root=str(tmp_path), fallback=None).prepare_data()


@pytest.mark.mnist
def test_files_that_are_there_are_used(copy: Path, offline: None) -> None:
    ensure_files(MNIST_SET, copy)
    assert sorted(path.name for path in (copy / "MNIST" / "raw").iterdir()) == sorted(MNIST_SET.files)


@pytest.mark.mnist
@pytest.mark.parametrize("train", [True, False])
def test_mnist_is_read_as_torchvision_reads_it(mnist_root: Path, train: bool) -> None:
    theirs = MNIST(mnist_root, train=train)
    images, labels = MNIST_SET.read(mnist_root, train)
    assert torch.equal(images, theirs.data)
    assert torch.equal(labels, theirs.targets)
    assert labels.dtype == theirs.targets.dtype


@pytest.mark.mnist
@pytest.mark.parametrize("spoil", ["truncate", "flip"])
def test_a_corrupt_file_is_named_and_kept(copy: Path, offline: None, spoil: str) -> None:
    path = copy / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    if spoil == "truncate":
        del content[-1]
    else:
        content[5000] ^= 1
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte is corrupt or truncated: .* delete it"):
        ImageSequences(root=str(copy)).prepare_data()
    assert path.read_bytes() == content


@pytest.mark.mnist
def test_a_missing_file_is_named(copy: Path, offline: None) -> None:
    (copy / "MNIST" / "raw" / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(ValueError, match="train-labels-idx1-ubyte is missing beside others"):
        ImageSequences(root=str(copy)).prepare_data()


@pytest.mark.parametrize("name", ["fashion_mnist", "kmnist"])
def test_files_in_the_format_of_mnist(tmp_path: Path, offline: None, name: str) -> None:
    folder = write_idx(tmp_path, name)
    data = ImageSequences(name, root=str(tmp_path), val_size=10)
    data.prepare_data()
    data.setup()
    expected = np.frombuffer((folder / "t10k-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    np.testing.assert_array_equal(data.splits["test"].x.numpy(), expected.reshape(20, 28, 28))
    assert data.splits["test"].y.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] * 2
    assert data.name == name
    assert data.class_names == {"fashion_mnist": FashionMNIST, "kmnist": KMNIST}[name].classes


@pytest.mark.parametrize("sizes", [(0,), (7,), (2, 3), (3, 5, 4)])
def test_idx(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, sizes, dtype=np.uint8)
    (tmp_path / "file").write_bytes(idx(array))
    np.testing.assert_array_equal(read_idx(tmp_path / "file", len(sizes)).numpy(), array)


IMAGES, LABELS = np.zeros((60, 28, 28), np.uint8), np.zeros(60, np.uint8)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", lambda old: old[:-1], "is corrupt or truncated: 47,055 bytes, expected 47,056"),
        ("train-images-idx3-ubyte", lambda old: old + b"0", "is corrupt or truncated: 47,057 bytes, expected 47,056"),
        (
            "train-images-idx3-ubyte",
            lambda old: b"",
            "is not an idx file .* it begins with nothing, expected 00 00 08 03",
        ),
        ("train-images-idx3-ubyte", lambda old: gzip.compress(old), "is not an idx file .* it begins with 1f 8b 08"),
        ("train-labels-idx1-ubyte", lambda old: idx(IMAGES), "begins with 00 00 08 03, expected 00 00 08 01"),
        ("train-images-idx3-ubyte", lambda old: idx(IMAGES[:, 1:]), "holds images of 27x28, Fashion-MNIST's are 28x28"),
        ("train-labels-idx1-ubyte", lambda old: idx(LABELS[1:]), "holds 59 labels for the 60 images beside it"),
        ("t10k-labels-idx1-ubyte", lambda old: idx(LABELS[:20] + 10), "holds labels above 9"),
    ],
)
def test_a_spoilt_file_is_named(
    tmp_path: Path, offline: None, name: str, content: Callable[[bytes], bytes], message: str
) -> None:
    path = write_idx(tmp_path) / name
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"{name} .*{message}.*; delete it to download it again"):
        ensure_files(FASHION, tmp_path)


def test_a_pipe_in_place_of_a_file_is_refused(tmp_path: Path, offline: None) -> None:
    path = write_idx(tmp_path) / "train-images-idx3-ubyte"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match=r"train-images-idx3-ubyte is no regular file"):
        ensure_files(FASHION, tmp_path)


@pytest.mark.parametrize("name", CIFAR.files)
def test_a_spoilt_file_of_cifar10_is_named_and_not_unpickled(
    tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = write_cifar10(tmp_path, monkeypatch) / name
    ensure_files(CIFAR, tmp_path)
    path.write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(ValueError, match=rf"{name} is corrupt or truncated: 30 bytes, whose MD5 is not .* delete it"):
        ensure_files(CIFAR, tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match=rf"{name} is missing beside others of CIFAR-10's files"):
        ensure_files(CIFAR, tmp_path)
    assert not Path("owned").exists()


@pytest.mark.mnist
def test_download_once_for_all(tmp_path: Path, mnist_mirror: list[str]) -> None:
    root = tmp_path / "new"
    failures = []

    def fetch() -> None:
        try:
            ensure_files(MNIST_SET, root)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    archives = [f"/{name}.gz" for name in MNIST_SET.files]
    assert [mnist_mirror.count(archive) for archive in archives] == [2] * 4  # for redirects, then for the file
    assert sorted(path.name for path in (root / "MNIST" / "raw").iterdir()) == sorted(MNIST_SET.files)
    assert not list(root.glob(".mnist-*"))


def test_other_sets_are_downloaded_too(tmp_path: Path, fashion_mirror: list[str]) -> None:
    data = ImageSequences("fashion_mnist", root=str(tmp_path / "new"), val_size=10)
    data.prepare_data()
    data.setup()
    assert {part: len(rows) for part, rows in data.splits.items()} == {"train": 50, "val": 10, "test": 20}
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [".fashion_mnist.lock", "FashionMNIST"]
    assert len(fashion_mirror) == 8


def test_cifar10_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = write_cifar10(tmp_path / "theirs", monkeypatch)
    (tmp_path / "mirror").mkdir()
    archive = tmp_path / "mirror" / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(theirs, theirs.name)
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    with served(tmp_path / "mirror") as (address, _):
        monkeypatch.setattr(CIFAR10, "url", f"{address}{archive.name}")
        ensure_files(CIFAR, tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [".cifar10.lock", theirs.name]
    for name in CIFAR.files:
        assert (tmp_path / "new" / theirs.name / name).read_bytes() == (theirs / name).read_bytes()


def test_files_that_another_process_brings_while_this_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BringsThem(http.server.BaseHTTPRequestHandler):
        def handle(self) -> None:
            write_idx(tmp_path)  # and hangs up without an answer

    server = http.server.HTTPServer(("127.0.0.1", 0), BringsThem)
    monkeypatch.setattr(FashionMNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    once = threading.Thread(target=server.handle_request)
    once.start()
    ensure_files(FASHION, tmp_path)
    once.join()
    server.server_close()
    assert sorted(path.name for path in (tmp_path / FASHION.folder).iterdir()) == sorted(FASHION.files)


def test_a_broken_download_leaves_nothing(tmp_path: Path, fashion_mirror: list[str]) -> None:
    broken = tmp_path / "mirror" / "t10k-labels-idx1-ubyte.gz"
    broken.write_bytes(broken.read_bytes()[:-1])
    with pytest.raises(Unavailable, match="download failed"):
        ensure_files(FASHION, tmp_path / "new")
    assert not list((tmp_path / "new").rglob("*ubyte*"))


def test_one_missing_file_is_brought_and_the_others_are_left(tmp_path: Path, fashion_mirror: list[str]) -> None:
    raw = write_idx(tmp_path / "mine")
    (raw / "t10k-images-idx3-ubyte").unlink()
    before = {path.name: path.stat().st_ino for path in raw.iterdir()}
    ensure_files(FASHION, tmp_path / "mine")
    assert {path.name: path.stat().st_ino for path in raw.iterdir()}.items() > before.items()
    assert sorted(path.name for path in raw.iterdir()) == sorted(FASHION.files)
