import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import Config, load
from appliance.config.load import Loaded
from appliance.errors import ConfigError

NOWHERE = Path("/nonexistent/config.toml")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(path: Path, env: Mapping[str, str] | None = None) -> Loaded:
    return load(path, env=env or {}, system=NOWHERE)


def problems(path: Path, env: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(path, env)
    return [problem.replace(f"{path.parent}/", "") for problem in caught.value.problems]


def one(path: Path, text: str) -> str:
    path.write_text(text)
    (problem,) = problems(path)
    return problem


# where it is looked for


def test_without_any_file_the_defaults_count() -> None:
    assert load(env={}, system=NOWHERE) == Loaded(Config(), None, {})


def test_the_file_given_goes_before_the_variable_and_that_before_the_system(
    tmp_path: Path,
) -> None:
    given_, named, system = (tmp_path / name for name in ("given", "named", "system"))
    for path in (given_, named, system):
        path.write_text(f'device.id = "{path.name}"\n')
    env = {"VOICE_APPLIANCE_CONFIG": str(named)}

    assert load(given_, env=env, system=system).config.device.id == "given"
    assert load(env=env, system=system).path == named
    assert load(env={}, system=system).path == system


def test_a_file_that_was_named_must_exist(file: Path) -> None:
    assert problems(file) == ["config.toml: there is no such file"]
    with pytest.raises(ConfigError, match="there is no such file"):
        load(env={"VOICE_APPLIANCE_CONFIG": str(file)}, system=NOWHERE)


def test_sources_tell_file_and_line(file: Path) -> None:
    file.write_text("\n[speech]\nthreshold = 0.6\n")
    loaded = read(file, {"VOICE_APPLIANCE__TURN__REPLY_S": "3"})
    assert loaded.sources == {
        "speech.threshold": f"{file}:3",
        "turn.reply_s": "environment VOICE_APPLIANCE__TURN__REPLY_S",
    }
    assert (loaded.config.speech.threshold, loaded.config.turn.reply_s) == (0.6, 3.0)


# what is wrong with it


def test_every_problem_is_told_at_once_in_the_order_of_the_file(file: Path) -> None:
    file.write_text(
        """\
[speech]
trailing_silence = 1.0
trailing_silence_s = 99
threshold = "high"

[mqqt]
host = "x"

[wake]
words = [
    "hey_jarvis",
    "hey_jarvs",
]
sensitivity = -0.5
follow_up_s = 3.0

[[wake.custom]]
nmae = "mine"

[board]
button = 17
mute_switch = 17
"""
    )
    assert problems(file) == [
        (
            "config.toml:2: speech.trailing_silence: there is no such key"
            " (did you mean `trailing_silence_s`?)"
        ),
        "config.toml:3: speech.trailing_silence_s: 99 is more than 5.0; 0.2 to 5.0 is allowed",
        'config.toml:4: speech.threshold: must be a number, not the text "high"',
        "config.toml:6: mqqt: there is no such key (did you mean `mqtt`?)",
        (
            'config.toml:12: wake.words[1]: no ready-made word "hey_jarvs"'
            " (did you mean `hey_jarvis`?)"
        ),
        "config.toml:14: wake.sensitivity: -0.5 is less than 0.0; 0.0 to 1.0 is allowed",
        "config.toml:15: wake.follow_up_s: there is no such key here; it belongs under [turn]",
        "config.toml:17: wake.custom[0].name: is missing; it must be text in quotes",
        "config.toml:17: wake.custom[0].model: is missing; it must be a path in quotes",
        "config.toml:18: wake.custom[0].nmae: there is no such key (did you mean `name`?)",
        "config.toml:22: board.mute_switch: GPIO 17 is already used by board.button",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("audio = 5", "1: audio: must be a table, not the number 5"),
        ("audio = []", "1: audio: must be a table, not a list"),
        ("audio = 2026-11-21", "1: audio: must be a table, not a date"),
        ("audio.rate_hz = 2026-11-21", "1: audio.rate_hz: must be a whole number, not a date"),
        ("audio.rate_hz = 1.5", "1: audio.rate_hz: must be a whole number, not the number 1.5"),
        ('audio.rate_hz = "1"', '1: audio.rate_hz: must be a whole number, not the text "1"'),
        (
            'audio.chimes = "yes"',
            '1: audio.chimes: must be true or false, not the text "yes"',
        ),
        ("audio.chimes = 1", "1: audio.chimes: must be true or false, not the number 1"),
        (
            "audio.voice_gain_db = nan",
            "1: audio.voice_gain_db: nan is more than 12.0; -60.0 to 12.0 is allowed",
        ),
        (
            'wake.words = "alexa"',
            ("1: wake.words: must be a list: [text in quotes, ...], not the text "
            '"alexa"'),
        ),
        ("wake.words = [5]", "1: wake.words[0]: must be text in quotes, not the number 5"),
        (
            "mqtt.version = '4'",
            '1: mqtt.version: "4" will not do; write one of "auto", "5", "3.1.1"',
        ),
        ("mqtt.version = 5", '1: mqtt.version: 5 will not do; write one of "auto", "5", "3.1.1"'),
        (
            "turn.barge_in = 'wakeword'",
            ('1: turn.barge_in: "wakeword" will not do; write one of "auto", "wake_word",'
            ' "speech" (did you mean `wake_word`?)'),
        ),
        (
            "turn.reply_s = 0",
            "1: turn.reply_s: 0 is not more than 0.0; more than 0.0, up to 120.0 is allowed",
        ),
        (
            "device.id = 'Küche'",
            ('1: device.id: "Küche" will not do. Name on the network and in MQTT topics:'
            " lower-case letters, digits and hyphens."),
        ),
        ("realtime.mcp = 5", "1: realtime.mcp: must be a list: [a table, ...], not the number 5"),
        ("realtime.mcp = [5]", "1: realtime.mcp[0]: must be a table, not the number 5"),
        (
            "[realtime]\n\nsilence_duration_ms = 1",
            ("3: realtime.silence_duration_ms: there is no such key here; it belongs under"
            " [realtime.turn_detection]"),
        ),
        (
            "[realtime.turn_detection]\ntreshold = 1",
            ("2: realtime.turn_detection.treshold: there is no such key (did you mean"
            " `threshold`?)"),
        ),
        (
            "[realtime.turn_detection]\nkind = 'semantic'",
            ('2: realtime.turn_detection.kind: "semantic" will not do; write one of "device",'
            ' "server_vad", "semantic_vad" (did you mean `semantic_vad`?)'),
        ),
        (
            (
                "[[realtime.mcp]]\nlabel = 'a'\nurl ="
                " 'https://a'\n[[realtime.mcp]]\nlabel='b'\nlable = 'b'"
            ),
            "6: realtime.mcp[1].lable: there is no such key (did you mean `label`?)",
        ),
        (
            "[realtime.prompt]\nid = 'x'\n[realtime.prompt.variables]\nroom = 4",
            "4: realtime.prompt.variables.room: must be text in quotes, not the number 4",
        ),
        (
            "[realtime.prompt]\nvariables = 4",
            ("2: realtime.prompt.variables: must be a table: { name = text in quotes, ... }, not"
            " the number 4"),
        ),
        (
            "realtime.transcription.languages = ['en', 'english']",
            ('1: realtime.transcription.languages[1]: "english" will not do. Several, such as'
            ' "["en", "nl"]", instead of one (gpt-transcribe, gpt-live-transcribe).'),
        ),
        ("backend.order = ['x']", ('1: backend.order[0]: "x" is no backend here: write one of'
         ' "realtime", "live", "pipeline", "elevenlabs", "gemini", "local", or install the package'
         ' that brings it')),
        (
            "backend.order = []",
            "1: backend.order: is empty; it must be a list: [text in quotes, ...]",
        ),
        (
            f"realtime.instructions = '{'x' * 20_001}'",
            "1: realtime.instructions: is too long; 20000 characters are allowed",
        ),
        ("board.button = 99", "1: board.button: 99 is more than 27; 0 to 27 is allowed"),
        ("board.button = '7'", '1: board.button: must be a whole number, not the text "7"'),
        (
            "x = 1",
            ("1: x: there is no such table; there are: device, audio, echo, ducking, quiet,"
            " recorder, wake, speech, turn, backend, keys, realtime, live, pipeline,"
             " elevenlabs, gemini, extension, prompts, guardrails, money, camera, local, mqtt,"
             " tools,"
             " devices, gate, timers, household, mcp, homeassistant, board"),
        ),
        (
            "[device]\nid = 'zones'",
            '2: device.id: "zones" means something else on the broker',
        ),
        ("host = 'a'", "1: host: there is no such key here; it belongs under [mqtt]"),
        ("[speech]\nthreshold 1", ("2: column 11: not valid TOML: Expected '=' after a key in a"
         " key/value pair")),
        ("a = 1\na = 2", "2: not valid TOML: Cannot overwrite a value"),
        ("a = '''", "1: not valid TOML: Expected \"'''\""),
    ],
)  # fmt: skip
def test_one_plain_line_for(file: Path, text: str, problem: str) -> None:
    assert one(file, text) == f"config.toml:{problem}"


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder; name the file in it"):
        read(tmp_path)


def test_bytes_that_are_no_text_are_named_by_line(file: Path) -> None:
    file.write_bytes(b"[device]\nname = 'K\xfcche'\n")
    assert problems(file) == ["config.toml:2: is not UTF-8 text here; save it as UTF-8"]


def test_a_byte_order_mark_does_no_harm(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf[turn]\nreply_s = 3\n")
    assert read(file).config.turn.reply_s == 3.0


def test_a_huge_file_is_not_read(file: Path) -> None:
    file.write_bytes(b"# " + b"x" * 300_000)
    assert problems(file) == ["config.toml: is larger than 256 kB; is it the right file?"]


@pytest.mark.parametrize("text", ["a = " + "[" * 50_000, ".".join("a" * 2_000) + " = 1"])
def test_nesting_without_end_is_one_line(file: Path, text: str) -> None:
    assert len(one(file, text).splitlines()) == 1


def test_a_number_of_ten_thousand_digits_is_one_line(file: Path) -> None:
    assert len(one(file, "audio.rate_hz = " + "9" * 10_000)) < 300


def test_an_unreadable_file_is_one_line(file: Path) -> None:
    file.symlink_to(file.name)
    assert problems(file) == ["config.toml: cannot be read: too many levels of symbolic links"]


@given(st.binary(max_size=200))
def test_whatever_the_file_holds_only_a_config_error_comes_out(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.toml"
    path.write_bytes(raw)
    try:
        told = read(path).sources
    except ConfigError as error:
        told = dict.fromkeys(error.problems, "")
    assert all("\n" not in each for each in told)


# what no single key can know


def test_files_are_looked_for_beside_the_configuration(file: Path) -> None:
    text = "[mqtt]\ntls = true\nca_file = 'ca.pem'\n"
    file.write_text(text)
    assert problems(file) == ["config.toml:3: mqtt.ca_file: ca.pem: no such file or directory"]

    (file.parent / "ca.pem").write_text("x")
    assert read(file).config.mqtt.ca_file == file.parent / "ca.pem"


def test_a_certificate_needs_its_key_and_tls(file: Path) -> None:
    (file.parent / "box.pem").write_text("x")
    file.write_text("[mqtt]\ncertificate_file = 'box.pem'\n")
    assert problems(file) == [
        "config.toml:2: mqtt.certificate_file: needs its private key: set mqtt.key_file",
        (
            "config.toml:2: mqtt.certificate_file: would not be used: set mqtt.tls = true, or"
            " remove this"
        ),
    ]


def test_something_must_be_able_to_wake_the_box(file: Path) -> None:
    assert "nothing could wake the box" in one(file, "wake.words = []")
    file.write_text("wake.words = []\nboard.button = 17\n")
    assert read(file).config.wake.words == ()


def test_a_pin_of_the_rings_bus_is_taken(file: Path) -> None:
    problem = one(file, "[board]\nring_leds = 12\nbutton = 10\n")
    assert problem == (
        "config.toml:3: board.button: GPIO 10 is already used by the LED ring (MOSI)"
    )


def test_without_a_ring_the_pins_of_its_bus_are_free(file: Path) -> None:
    file.write_text("[board]\nbutton = 8\n")
    assert read(file).config.board.button == 8


@pytest.mark.parametrize("host", ["mqtt://broker", "broker/x", "broker:1883"])
def test_a_broker_is_named_by_its_name_alone(file: Path, host: str) -> None:
    assert "write the name alone" in one(file, f"mqtt.host = '{host}'")


def test_an_address_of_the_new_internet_is_a_name(file: Path) -> None:
    file.write_text("mqtt.host = 'fd00::1'")
    assert read(file).config.mqtt.host == "fd00::1"


def test_the_listened_channel_is_opened(file: Path) -> None:
    problem = one(file, "[audio]\nchannels = 2\nmicrophone_channel = 2\n")
    assert problem.startswith("config.toml:3: audio.microphone_channel: 2 is not one of the 2")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("begin = '22:00'", "2: quiet.begin: they would never end: set quiet.end, too"),
        ("end = '07:00'", "2: quiet.end: they would never begin: set quiet.begin, too"),
        (
            "begin = '07:00'\nend = '07:00'",
            (
                "3: quiet.end: they would begin and end at 07:00; for a softer box all day and"
                " night lower audio.voice_gain_db"
            ),
        ),
    ],
)
def test_quiet_hours_begin_and_end(file: Path, text: str, problem: str) -> None:
    assert one(file, f"[quiet]\n{text}\n") == f"config.toml:{problem}"


def test_quiet_hours_may_last_over_midnight(file: Path) -> None:
    file.write_text("[quiet]\nbegin = '22:00'\nend = '07:00'\n")
    assert read(file).config.quiet.end == "07:00"


def test_a_folder_of_tools_exists(file: Path) -> None:
    problem = one(file, "[tools]\nfolders = ['.',\n 'nothing']\n")
    assert problem == "config.toml:3: tools.folders[1]: there is no folder nothing"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("wake.words = ['alexa', 'alexa']", '1: wake.words[1]: "alexa" stands here twice'),
        (
            "[[wake.custom]]\nname = 'alexa'\nmodel = 'head.onnx'",
            '2: wake.custom[0].name: "alexa" is taken; choose another name',
        ),
        (
            (
                "[[wake.custom]]\nname = 'x'\nmodel = 'head.onnx'\n"
                "[[wake.custom]]\nname = 'x'\nmodel = 'head.onnx'"
            ),
            '5: wake.custom[1].name: "x" is taken; choose another name',
        ),
        (
            "[[wake.custom]]\nname = 'x'\nmodel = 'empty.onnx'",
            "3: wake.custom[0].model: empty.onnx is empty",
        ),
        (
            "wake.words = ['x']\n[[wake.custom]]\nname = 'x'\nmodel = 'head.onnx'",
            '1: wake.words[0]: no ready-made word "x"; a word of your own needs no entry here',
        ),
        (
            "mqtt.tls = true\nmqtt.key_file = 'head.onnx'",
            "2: mqtt.key_file: needs its certificate: set mqtt.certificate_file",
        ),
        (
            "mqtt.host = 'b'\nmqtt.password = 'x'",
            "1: mqtt.user: there is a password but no user name to go with it",
        ),
    ],
)
def test_settings_must_agree(file: Path, text: str, problem: str) -> None:
    (file.parent / "head.onnx").write_text("x")
    (file.parent / "empty.onnx").write_text("")
    file.touch(0o600)
    assert one(file, text) == f"config.toml:{problem}"


# the environment


def test_the_environment_goes_over_the_file(file: Path) -> None:
    file.write_text("[device]\nname = 'file'\n")
    env = {
        "VOICE_APPLIANCE__DEVICE__NAME": "42",
        "VOICE_APPLIANCE__WAKE__WORDS": '["alexa"]',
        "VOICE_APPLIANCE__MQTT__VERSION": "5",
        "VOICE_APPLIANCE__BOARD__BUTTON": "5",
        "PATH": "/bin",
    }
    config = read(file, env).config
    assert config.device.name == "42"
    assert config.wake.words == ("alexa",)
    assert config.mqtt.version == "5"
    assert config.board.button == 5


def test_what_is_wrong_in_the_environment_is_named_by_variable(file: Path) -> None:
    file.write_text("")
    env = {
        "VOICE_APPLIANCE__MQTT__PORT": "many",
        "VOICE_APPLIANCE__NOTHING__HERE": "1",
        "VOICE_APPLIANCE__ODD": "1",
    }
    assert problems(file, env) == [
        "environment VOICE_APPLIANCE__ODD: odd: write VOICE_APPLIANCE__TABLE__KEY",
        (
            "environment VOICE_APPLIANCE__MQTT__PORT: mqtt.port: must be a whole number, not the"
            ' text "many"'
        ),
        (
            "environment VOICE_APPLIANCE__NOTHING__HERE: nothing: there is no such table; there"
            " are: device, audio, echo, ducking, quiet, recorder, wake, speech, turn, backend,"
            " keys, realtime, live, pipeline, elevenlabs, gemini, extension, prompts, guardrails,"
            " money, camera,"
            " local, mqtt,"
            " tools, devices, gate, timers, household, mcp, homeassistant, board"
        ),
    ]


def test_the_environment_reaches_tables_within_tables(file: Path) -> None:
    file.write_text("[realtime.turn_detection]\nthreshold = 0.2\n")
    env = {
        "VOICE_APPLIANCE__REALTIME__TURN_DETECTION__KIND": "server_vad",
        "VOICE_APPLIANCE__REALTIME__TRANSCRIPTION__LANGUAGES": '["en", "nl"]',
        "VOICE_APPLIANCE__REALTIME__PROMPT": "{ id = 'p', variables = { Room = 'kitchen' } }",
        "VOICE_APPLIANCE__REALTIME__MCP": "[{ label = 'a', url = 'https://a.example' }]",
    }
    loaded = read(file, env)
    realtime = loaded.config.realtime
    assert (realtime.turn_detection.kind, realtime.turn_detection.threshold) == ("server_vad", 0.2)
    assert realtime.transcription.languages == ("en", "nl")
    assert realtime.prompt.variables == {"Room": "kitchen"}
    assert [server.label for server in realtime.mcp] == ["a"]
    assert loaded.sources["realtime.mcp[0].label"] == "environment VOICE_APPLIANCE__REALTIME__MCP"


def test_the_environment_gives_a_list_as_a_whole(file: Path) -> None:
    file.write_text("[[realtime.mcp]]\nlabel = 'a'\nurl = 'https://a.example'\n")
    env = {"VOICE_APPLIANCE__REALTIME__MCP__0__LABEL": "b"}
    (problem,) = problems(file, env)
    assert problem.endswith("a list is given as a whole: [{ ... }, ...]")


# secrets


def test_the_credential_goes_before_all_else(file: Path) -> None:
    (file.parent / "mqtt-password").write_text("from systemd\n")
    file.write_text("mqtt.password = 'in the file'\n")
    file.chmod(0o640)
    env = {
        "CREDENTIALS_DIRECTORY": str(file.parent),
        "VOICE_APPLIANCE_MQTT_PASSWORD": "in the environment",
    }
    loaded = read(file, env)
    assert loaded.config.mqtt.password is not None
    assert loaded.config.mqtt.password.get_secret_value() == "from systemd"
    assert loaded.sources["mqtt.password"] == "credential mqtt-password"


def test_an_empty_credential_counts_as_none(file: Path) -> None:
    (file.parent / "mqtt-password").write_text("")
    file.write_text("")
    env = {"CREDENTIALS_DIRECTORY": str(file.parent), "VOICE_APPLIANCE_MQTT_PASSWORD": "second"}
    password = read(file, env).config.mqtt.password
    assert password is not None
    assert password.get_secret_value() == "second"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_password_file_is_private(file: Path, mode: int) -> None:
    secret = file.parent / "secret"
    secret.write_text("hush\n")
    secret.chmod(mode)
    problem = one(file, "mqtt.password_file = 'secret'\n")
    assert problem == (
        f"config.toml:1: mqtt.password_file: secret can be read by others (mode {mode:04o});"
        " run: chmod 600 secret"
    )

    secret.chmod(0o600)
    password = read(file).config.mqtt.password
    assert password is not None
    assert password.get_secret_value() == "hush"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is empty"), (b"a\nb\n", "more than one line"), (b"\xff", "is not text"),
     (b"x" * 5000, "more than one line"), (None, "no such file")],
)  # fmt: skip
def test_a_password_file_holds_one_line(file: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        secret = file.parent / "secret"
        secret.write_bytes(content)
        secret.chmod(0o600)
    assert reason in one(file, "mqtt.password_file = 'secret'\n")


def test_a_password_in_a_file_for_all_to_read_is_refused(file: Path) -> None:
    file.write_text("[mqtt]\npassword = 'hush'\n")
    file.chmod(0o644)
    (problem,) = problems(file)
    assert problem.startswith("config.toml:2: mqtt.password: the file holds a password, but")
    file.chmod(0o640)
    assert read(file).config.mqtt.password is not None


def test_no_message_and_no_repr_tells_a_secret(file: Path) -> None:
    file.write_text("[mqtt]\npassword = ['hush-hush']\nhost = 'b'\n")
    assert "hush" not in " ".join(problems(file))
    assert one(file, "mqtt.password = 4711") == (
        "config.toml:1: mqtt.password: must be text in quotes, not a number"
    )

    file.write_text("[mqtt]\npassword = 'hush-hush'\nuser = 'u'\nhost = 'b'\n")
    os.chmod(file, 0o600)  # noqa: PTH101
    loaded = read(file)
    assert "hush" not in repr(loaded) + str(loaded.config.model_dump())
