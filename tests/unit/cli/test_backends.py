"""``voice-appliance backends``, with backends of other people, good and broken."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from appliance.app import reaching
from appliance.cli import backends
from appliance.cli.words import app
from appliance.config import Config
from appliance.errors import BackendRefused, BackendUnavailable
from appliance.units import Seconds
from tests.own_backend import install_example, install_module, installed

KEY = "sk-of-the-house-1234567890"

KIND = """
import asyncio
from appliance.backend.kinds.seam import Facts
from appliance.config import Config
from appliance.errors import BackendRefused, BackendUnavailable

class Kind:
    def facts(self, config):
        {facts}
    def open(self, means, handover):
        raise RuntimeError("xyzzy")
    async def probe(self, means):
        {probe}

KIND = Kind()
"""
FACTS = 'return Facts("a stub", cloud={cloud}, leaves=("sound to the moon",), usd_minute=1.25)'


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(backends, "set_up_logging", lambda **_: None)
    for name in ("OPENAI_API_KEY", "VOICE_APPLIANCE_REALTIME_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(backends, "console", Console(width=250, highlight=False))
    return tmp_path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    with installed(tmp_path / "site") as folder:
        yield folder


def run(tmp_path: Path, config: str, *words: str) -> Result:
    file = tmp_path / "config.toml"
    file.write_text(config)
    file.chmod(0o600)
    return CliRunner().invoke(app, ["backends", *words, "--config", str(file)])


def rows(result: Result) -> dict[str, dict[str, object]]:
    found = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    return {str(row["name"]): row for row in found}


def stub(site: Path, name: str, *, probe: str = "return 'well'", cloud: bool = True) -> None:
    facts = FACTS.format(cloud=cloud)
    install_module(site, name, KIND.format(facts=facts, probe=probe))


def test_every_backend_is_listed_those_of_the_order_first(tmp_path: Path) -> None:
    config = f'[backend]\norder = ["local", "realtime"]\n[realtime]\napi_key = "{KEY}"\n'
    found = rows(run(tmp_path, config, "list", "--json"))
    assert list(found) == ["local", "realtime", "live", "pipeline", "elevenlabs", "gemini"]
    assert [row["place"] for row in found.values()] == [1, 2, None, None, None, None]
    local, realtime = found["local"], found["realtime"]
    assert (local["usd_minute"], local["cloud"], local["leaves"]) == (0.0, False, [])
    assert (realtime["missing"], realtime["state"]) == ([], "ready")
    assert realtime["leaves"] == ["sound to api.openai.com"]
    assert realtime["reachable"] is None


def test_what_is_missing_is_said_with_its_remedy(tmp_path: Path) -> None:
    realtime = rows(run(tmp_path, "", "list", "--json"))["realtime"]
    assert "realtime-api-key" in str(realtime["missing"])
    assert realtime["state"] == "not ready"
    assert "realtime: there is no key for it: give the" in run(tmp_path, "", "list").stdout


def test_a_key_is_never_shown(tmp_path: Path) -> None:
    config = f'[realtime]\napi_key = "{KEY}"\nurl = "wss://eu.api.openai.com/v1/realtime"\n'
    for words in (("list",), ("list", "--json")):
        result = run(tmp_path, config, *words)
        assert result.exit_code == 0
        assert KEY not in result.output
        assert "gpt-realtime-2.1 at eu.api.openai.com" in result.output


def test_the_table_is_what_the_bare_word_shows(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICE_APPLIANCE_CONFIG", str(file))
        bare = CliRunner().invoke(app, ["backends"])
    assert bare.exit_code == 0
    assert bare.output == run(tmp_path, "", "list").output
    assert "leaves the house" in bare.output


def test_a_backend_of_another_package_is_listed_with_its_settings(
    tmp_path: Path, site: Path
) -> None:
    install_example(site)
    config = '[backend]\norder = ["parrot", "local"]\n[extension.parrot]\nrepeats = 2\n'
    result = run(tmp_path, config, "list", "--try", "--json")
    parrot = rows(result)["parrot"]
    assert (parrot["place"], parrot["title"], parrot["built_in"]) == (1, "a parrot", False)
    assert (parrot["reachable"], parrot["tried"]) == (True, "it sits on its perch")
    assert result.exit_code == 0
    wrong = rows(run(tmp_path, config.replace("2", "9"), "list", "--json"))["parrot"]
    assert str(wrong["missing"]).startswith("['extension.parrot.repeats: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import no_such_module", "no no_such_module"),
        ("raise RuntimeError('xyzzy')", "bad_module:KIND fails: RuntimeError"),
        ("x = 1", "bad_module:KIND fails: AttributeError"),
        ("raise SystemExit(3)", "bad_module:KIND fails: SystemExit"),
        ("this is no Python", "bad_module:KIND fails: SyntaxError"),
        (KIND.format(facts="raise ValueError('xyzzy')", probe="pass"), "fails: ValueError"),
        (KIND.format(facts="return 3", probe="pass"), "its description is none"),
        ("KIND = 3", "its description fails: AttributeError"),
    ],
)
def test_a_broken_package_is_one_line(tmp_path: Path, site: Path, text: str, line: str) -> None:
    install_module(site, "bad", text)
    result = run(tmp_path, '[backend]\norder = ["bad", "local"]\n', "list", "--try")
    assert result.exit_code == 0, result.output
    assert [each for each in result.stdout.splitlines() if each.startswith("bad: ")] == [
        each for each in result.stdout.splitlines() if line in each
    ]
    assert line in result.stdout
    assert "xyzzy" not in result.output
    assert "Traceback" not in result.output


def test_those_that_can_be_tried_are_tried_side_by_side(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "LONGEST", Seconds(0.3))
    stub(site, "well")
    stub(site, "away", probe="raise BackendUnavailable('no route')")
    stub(site, "no", probe="raise BackendRefused('invalid_api_key', 'make a new one')")
    stub(site, "worse", probe="raise KeyError('xyzzy')")
    stub(site, "slow", probe="await asyncio.sleep(3600)")
    stub(site, "slower", probe="await asyncio.sleep(3600)")
    reach = reaching.reach
    monkeypatch.setattr(
        backends, "reach", lambda *given, **more: reach(*given, longest=Seconds(0.3), **more)
    )
    result = run(tmp_path, '[backend]\norder = ["well", "local"]\n', "list", "--try", "--json")
    assert result.exit_code == 0  # of the order, all can be reached
    found = rows(result)
    told = {name: (found[name]["reachable"], found[name]["tried"]) for name in found}
    assert told["well"] == (True, "well")
    assert told["away"] == (False, "no route")
    assert told["no"] == (False, "refused: invalid_api_key")
    assert told["worse"] == (False, "worse fails: KeyError")
    assert told["slow"] == told["slower"] == (False, "no answer within 0 s")
    assert told["realtime"] == (None, None)  # it has no key
    assert "xyzzy" not in result.output


def test_one_of_the_order_that_cannot_be_reached_is_an_exit_code(
    tmp_path: Path, site: Path
) -> None:
    stub(site, "away", probe="raise BackendUnavailable('no route')")
    result = run(tmp_path, '[backend]\norder = ["away", "local"]\n', "list", "--try")
    assert result.exit_code == 1
    assert "away: no route" in result.stdout


def test_in_privacy_mode_nothing_beyond_the_house_is_tried(tmp_path: Path, site: Path) -> None:
    (tmp_path / "kept.json").write_text('{"private": true}')
    stub(site, "moon", probe="raise AssertionError")
    stub(site, "cellar", cloud=False)
    result = run(tmp_path, "", "list", "--try", "--json")
    assert rows(result)["moon"]["reachable"] is None
    assert rows(result)["cellar"]["reachable"] is True
    shown = run(tmp_path, "", "list", "--try").stdout
    assert "privacy mode is on: nothing beyond the house answers" in shown


def test_who_is_not_in_the_order_cannot_be_used(tmp_path: Path) -> None:
    result = run(tmp_path, "", "use", "gemini")
    assert result.exit_code == 2
    assert "realtime, local, automatic" in " ".join(result.output.split()).replace("│ ", "")


def test_without_a_broker_it_says_what_to_do(tmp_path: Path) -> None:
    result = run(tmp_path, "", "use", "local")
    assert result.exit_code == 5
    assert 'say "switch to local"' in result.output


@pytest.mark.parametrize(
    ("answer", "code", "line"),
    [
        ({"status": "done"}, 0, "local: from the next question on"),
        ({"status": "rejected", "reason": "value"}, 1, "no such backend in its order"),
        ({"status": "rejected", "reason": "private"}, 1, "keeps it in privacy mode"),
        ({"status": "rejected", "reason": "too_many"}, 1, "refused: too_many"),
        (None, 1, "no answer from the box kitchen"),
    ],
)
def test_what_the_box_answers_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: dict[str, str] | None,
    code: int,
    line: str,
) -> None:
    async def ask_box(_: object, verb: str, value: str) -> dict[str, str] | None:
        assert (verb, value) == ("backend", "local")
        return answer

    monkeypatch.setattr(backends, "ask_box", ask_box)
    config = '[device]\nid = "kitchen"\n[mqtt]\nhost = "192.0.2.1"\n'
    result = run(tmp_path, config, "use", "local")
    assert result.exit_code == code
    assert line in result.output


def test_help_names_the_words() -> None:
    result = CliRunner().invoke(app, ["backends", "--help"])
    assert result.exit_code == 0
    assert "list" in result.output
    assert "use" in result.output


def test_a_try_is_told_as_soon_as_it_is_known() -> None:
    told: list[str] = []

    class Kind:
        def __init__(self, wait: float, error: Exception | None = None) -> None:
            self.wait, self.error = wait, error

        async def probe(self, _: object) -> str:
            await asyncio.sleep(self.wait)
            if self.error is not None:
                raise self.error
            return "well"

    kinds = {
        "later": Kind(0.05),
        "sooner": Kind(0.0, BackendRefused("no", "set it")),
        "away": Kind(0.0, BackendUnavailable("no route")),
    }
    reached = asyncio.run(
        reaching.reach(
            kinds,  # type: ignore[arg-type]  # they are only tried
            Config(),
            tell=lambda name, _: told.append(name),
        )
    )
    assert list(reached) == ["later", "sooner", "away"]
    assert told[-1] == "later"
    assert reached["sooner"].remedy == "set it"
