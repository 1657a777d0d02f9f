"""MNIST's files: found, downloaded, corrupt, missing. The server is a real one on this machine."""

import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torchvision.datasets import MNIST

from seqmodels.datamodules.mnist import MNISTSequence, default_root
from seqmodels.datamodules.mnist_files import CHECKSUMS, Unavailable, ensure_files

CLOSED = "http://127.0.0.1:9/"  # nobody listens there


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MNIST, "mirrors", [CLOSED])


@pytest.fixture
def copy(mnist_root: Path, tmp_path: Path) -> Path:
    """A folder with links to the real files, to spoil."""
    raw = tmp_path / "copy" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in CHECKSUMS:
        (raw / name).symlink_to((mnist_root / "MNIST" / "raw" / name).absolute())
    return tmp_path / "copy"


@pytest.fixture
def mirror(mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A mirror that serves the archives; yields the paths that were asked for."""
    archives = tmp_path / "mirror"
    archives.mkdir()
    resources = []
    for name in CHECKSUMS:
        packed = gzip.compress((mnist_root / "MNIST" / "raw" / name).read_bytes(), compresslevel=0, mtime=0)
        (archives / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(archives))

        def log_request(self, *args: object) -> None:
            if self.command == "GET":
                asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None  # torchvision hangs up on its first request for each file
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(MNIST, "resources", resources)
    yield asked
    server.shutdown()
    server.server_close()


def test_root_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQMODELS_DATA", "/somewhere")
    assert default_root() == Path("/somewhere")
    monkeypatch.delenv("SEQMODELS_DATA")
    assert default_root().name == "seqmodels"


def test_without_files_and_network_nothing_is_made(tmp_path: Path, offline: None) -> None:
    with pytest.raises(Unavailable, match="Connection refused"):
        ensure_files(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_fallback_says_so(tmp_path: Path, offline: None) -> None:
    data = MNISTSequence(root=str(tmp_path), val_size=5000)
    data.prepare_data()
    data.setup()
    assert data.name == "digits (instead of mnist)"
    assert data.summary().startswith("digits (instead of mnist): ")
    for part in ("NOT MNIST", str(tmp_path), "SEQMODELS_DATA", "Connection refused"):
        assert part in data.notice
    assert {name: len(part) for name, part in data._parts.items()} == {"train": 1317, "val": 120, "test": 360}
    x, y = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert x.shape == (64, 28, 28)
    assert x.dtype == torch.float32
    assert len(set(y.tolist())) == 10


def test_without_fallback_it_stops(tmp_path: Path, offline: None) -> None:
    with pytest.raises(ConnectionError, match="SEQMODELS_DATA=FOLDER"):
        MNISTSequence(root=str(tmp_path), fallback=None).prepare_data()


@pytest.mark.mnist
def test_files_that_are_there_are_used(copy: Path, offline: None) -> None:
    ensure_files(copy)
    assert sorted(path.name for path in (copy / "MNIST" / "raw").iterdir()) == sorted(CHECKSUMS)


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
        MNISTSequence(root=str(copy)).prepare_data()
    assert path.read_bytes() == content


@pytest.mark.mnist
def test_a_missing_file_is_named(copy: Path, offline: None) -> None:
    (copy / "MNIST" / "raw" / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(ValueError, match="train-labels-idx1-ubyte is missing beside others"):
        MNISTSequence(root=str(copy)).prepare_data()


@pytest.mark.mnist
def test_download_once_for_all(tmp_path: Path, mirror: list[str]) -> None:
    root = tmp_path / "new"
    failures = []

    def fetch() -> None:
        try:
            ensure_files(root)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    archives = [f"/{name}.gz" for name in CHECKSUMS]
    assert [mirror.count(archive) for archive in archives] == [2] * 4  # torchvision asks for redirects, then loads
    assert sorted(path.name for path in (root / "MNIST" / "raw").iterdir()) == sorted(CHECKSUMS)
    assert not list(root.glob(".mnist-*"))


@pytest.mark.mnist
def test_a_broken_download_leaves_nothing(tmp_path: Path, mirror: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "mirror" / "t10k-labels-idx1-ubyte.gz"
    broken.write_bytes(broken.read_bytes()[:-100])
    with pytest.raises(Unavailable, match="download failed"):
        ensure_files(tmp_path / "new")
    assert not list((tmp_path / "new").rglob("*ubyte*"))
