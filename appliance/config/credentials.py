"""Puts the secrets into the settings: from where they are kept to where they are used."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, SecretStr

from appliance.config import secrets, vendors
from appliance.config.cloud import McpServer, Realtime
from appliance.config.keys import OWN, VARIABLES, Keys
from appliance.config.locate import Key
from appliance.config.mcp import Mcp, ToolServer
from appliance.config.model import Config, Mqtt
from appliance.config.problems import Problem

PASSWORD: Key = ("mqtt", "password")
API_KEY: Key = ("realtime", "api_key")


@dataclass(frozen=True, slots=True)
class Added:
    """The settings with their secrets."""

    config: Config
    problems: list[Problem]
    sources: dict[Key, str]
    """Where each secret came from that does not stand in the settings themselves."""


def add(
    config: Config, *, env: Mapping[str, str], path: Path | None, variables: Collection[Key]
) -> Added:
    """Look for every secret that the settings could need.

    Args:
        config: What the file and the environment's overrides say.
        env: The environment.
        path: The file; it must not hold secrets if others can read it.
        variables: What was set by overrides, not by the file.
    """
    added = _Adding(env, used=set(config.backend.order) != {"local"})
    if path is not None and (open_to := secrets.may_hold_secrets(path)):
        for key in _written(config):
            if not any(key[: len(each)] == each for each in variables):
                what = "a password" if key == PASSWORD else "a key"
                added.problems.append(Problem(key, f"the file holds {what}, but {open_to}"))
    realtime = added.realtime(config.realtime)
    keys = added.keys(config.keys, realtime)
    update = {
        "mqtt": added.mqtt(config.mqtt),
        "realtime": _with_key(realtime, keys),
        "keys": keys,
        "mcp": added.mcp(config.mcp),
    }
    return Added(config.model_copy(update=update), added.problems, added.sources)


class _Adding:
    """What was found so far."""

    def __init__(self, env: Mapping[str, str], *, used: bool) -> None:
        self._env = env
        self._used = used
        self.problems: list[Problem] = []
        self.sources: dict[Key, str] = {}

    def mqtt(self, mqtt: Mqtt) -> Mqtt:
        """Add the broker's password."""
        found = secrets.find("mqtt-password", env=self._env, file=mqtt.password_file)
        password = self._take(PASSWORD, found, mqtt.password)
        return mqtt.model_copy(update={"password": password})

    def realtime(self, realtime: Realtime) -> Realtime:
        """Add the key of the service and the tokens of its tool servers."""
        # a key of OpenAI's goes to OpenAI and to nobody else
        ours = vendors.is_openai(realtime.url, realtime.provider)
        also = "OPENAI_API_KEY" if ours else ""
        file = realtime.api_key_file
        found = secrets.find("realtime-api-key", env=self._env, file=file, also=also)
        key = self._take(API_KEY, found, realtime.api_key)
        self._judge(API_KEY, key)
        mcp = tuple(self._server(number, each) for number, each in enumerate(realtime.mcp))
        return realtime.model_copy(update={"api_key": key, "mcp": mcp})

    def keys(self, keys: Keys, realtime: Realtime) -> Keys:
        """Add the key of each vendor; OpenAI's may be that of the realtime service."""
        ours = vendors.is_openai(realtime.url, realtime.provider)
        found_keys: dict[str, SecretStr | None] = {}
        for name in (*VARIABLES, *OWN):
            file = getattr(keys, f"{name}_file")
            also = "" if ours and name == "openai" else VARIABLES.get(name, "")  # it has been read
            found = secrets.find(f"{name}-api-key", env=self._env, file=file, also=also)
            place: Key = ("keys", name)
            found_keys[name] = self._take(place, found, keys.of(name))
            self._judge(place, found_keys[name])
        if found_keys["openai"] is None and ours:
            found_keys["openai"] = realtime.api_key
        return keys.model_copy(update=found_keys)

    def mcp(self, mcp: Mcp) -> Mcp:
        """Add the tokens of tool servers, and ours as one."""
        servers: list[ToolServer] = []
        for number, server in enumerate(mcp.servers):
            found = secrets.find(f"mcp-server-{server.label}", env=self._env)
            place: Key = ("mcp", "servers", number, "authorization")
            token = self._take(place, found, server.authorization)
            servers.append(server.model_copy(update={"authorization": token}))
        found = secrets.find("mcp-token", env=self._env)
        token = self._take(("mcp", "token"), found, mcp.token)
        return mcp.model_copy(update={"servers": tuple(servers), "token": token})

    def _server(self, number: int, server: McpServer) -> McpServer:
        place: Key = ("realtime", "mcp", number, "authorization")
        found = secrets.find(f"mcp-{server.label}", env=self._env)
        token = self._take(place, found, server.authorization)
        self._judge(place, token)
        return server.model_copy(update={"authorization": token})

    def _take(
        self, key: Key, found: secrets.Found | secrets.Refused | None, written: SecretStr | None
    ) -> SecretStr | None:
        match found:
            case secrets.Found(value, source):
                self.sources[key] = source
                return value
            case secrets.Refused(reason):
                place = (*key[:-1], f"{key[-1]}_file")
                self.problems.append(Problem(place, reason))
                return written
            case None:
                return written if written is None or written.get_secret_value() else None

    def _judge(self, key: Key, value: SecretStr | None) -> None:
        """Say what is wrong with a key that is used, never what the key is."""
        if value is None or not self._used:
            return
        if misfit := secrets.misfit(value.get_secret_value()):
            source = self.sources.get(key)
            subject = f"the key of the {source}" if source else "the key"
            self.problems.append(Problem(key, f"{subject} {misfit}"))


def _with_key(realtime: Realtime, keys: Keys) -> Realtime:
    """Have OpenAI's realtime service use OpenAI's key, where it was given none of its own."""
    if realtime.api_key is not None or not vendors.is_openai(realtime.url, realtime.provider):
        return realtime
    return realtime.model_copy(update={"api_key": keys.openai})


def _written(settings: BaseModel, place: Key = ()) -> Iterator[Key]:
    """Yield every secret that stands in the settings."""
    for name in type(settings).model_fields:
        yield from _within(getattr(settings, name), (*place, name))


def _within(value: object, place: Key) -> Iterator[Key]:
    match value:
        case SecretStr():
            yield place
        case BaseModel():
            yield from _written(value, place)
        case tuple():
            for number, each in enumerate(value):
                yield from _within(each, (*place, number))
        case dict():
            for name, each in value.items():
                yield from _within(each, (*place, name))
        case _:
            pass
