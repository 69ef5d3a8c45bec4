"""The small command that ./run uses."""

import pytest

from appliance.errors import ModelError
from appliance.store import ModelName, Progress
from appliance.store import __main__ as command
from tests.unit.store.shelf import manifest


class Store:
    """Notes what is fetched."""

    manifest = manifest()

    def __init__(self, error: ModelError | None = None) -> None:
        self.error = error
        self.fetched: list[str] = []

    def fetch(self, names: list[str], progress: Progress) -> None:
        self.fetched = list(names)
        for done in (0, 50, 100):
            progress(ModelName("ear"), done * 1_000_000, 100_000_000)
        if self.error is not None:
            raise self.error


def run(monkeypatch: pytest.MonkeyPatch, store: Store, *words: str) -> int:
    class Default:
        default = staticmethod(lambda: store)

    monkeypatch.setattr(command, "ModelStore", Default)
    return command.main(words)


@pytest.mark.parametrize(
    ("words", "fetched"),
    [
        (("fetch",), ["ear"]),
        (("fetch", "--tests"), ["ear", "mouth"]),
        (("fetch", "mouth"), ["mouth"]),
    ],
)
def test_it_fetches_what_is_asked(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], fetched: list[str]
) -> None:
    store = Store()
    assert run(monkeypatch, store, *words) == 0
    assert store.fetched == fetched


def test_where_there_is_no_terminal_progress_is_its_beginning_and_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, Store(), "fetch")
    assert capsys.readouterr().err == (
        "model ear: 0.0 of 100.0 MB (0 %)\nmodel ear: 100.0 of 100.0 MB (100 %)\n"
    )


def test_a_failure_is_one_message_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, Store(ModelError("no network")), "fetch") == 1
    assert capsys.readouterr().err.endswith("run: no network\n")


@pytest.mark.parametrize("words", [(), ("fetch", "--all"), ("list",)])
def test_a_wrong_call_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    assert run(monkeypatch, Store(), *words) == 2
