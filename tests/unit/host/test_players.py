"""Other players, on machines that have no way to them."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.host import players
from appliance.host.players import Players


def test_without_the_library_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(players, "pulsectl", None)
    ours = Players(tmp_path / "players.json", by_db=20.0)
    ours.start()
    ours.soften()
    ours.restore()
    ours.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text", ["", "[]", "7", '{"music": 1}', '{"music": [{"before": ["x"], "by_db": 1}]}']
)
def test_debts_that_cannot_be_read_count_as_none(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    memory = tmp_path / "players.json"
    memory.write_text(text)
    ours = Players(memory, by_db=20.0, server=f"unix:{tmp_path}/none")
    ours.start()
    ours.close()
    assert "cannot be read" in caplog.text


@dataclass
class FakeServer:
    """Takes the place of the library: one player, and what is set of it."""

    memory: Path
    connected: bool = True
    set_to: list[float] = field(default_factory=list)
    was_written: list[bool] = field(default_factory=list)
    soft: threading.Event = field(default_factory=threading.Event)

    def connect(self, *, autospawn: bool) -> None:
        assert not autospawn

    def close(self) -> None:
        pass

    def sink_input_list(self) -> list[SimpleNamespace]:
        volume = SimpleNamespace(values=[self.set_to[-1] if self.set_to else 1.0])
        told = {"application.process.id": "1", "application.name": "music"}
        return [SimpleNamespace(index=4, proplist=told, volume=volume, corked=False)]

    def sink_input_volume_set(self, index: int, volumes: list[float]) -> None:
        assert index == 4
        self.set_to.append(volumes[0])
        self.was_written.append(self.memory.exists())
        self.soft.set()


def test_what_a_player_is_owed_is_written_before_it_is_made_softer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FakeServer(tmp_path / "players.json")
    library = SimpleNamespace(
        Pulse=lambda *_, **__: server,
        PulseVolumeInfo=lambda values: values,
        PulseError=OSError,
        PulseDisconnected=OSError,
        PulseOperationFailed=OSError,
    )
    monkeypatch.setattr(players, "pulsectl", library)
    ours = Players(server.memory, by_db=20.0)
    ours.start()
    ours.soften()
    assert server.soft.wait(5)
    ours.close()
    assert all(server.was_written)
    assert server.set_to[0] < 1.0
    assert server.set_to[-1] == 1.0
    assert not server.memory.exists()
