"""Settings of MCP: servers whose tools the box uses, and the box as a server for others."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from appliance.config.section import Section

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class ToolServer(Section):
    """A server of tools that the box itself calls, for every backend."""

    label: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$", examples=["shopping"])]
    """Its name, and the beginning of its tools' names: lower-case letters, digits, underscores."""

    command: Annotated[str, Field(examples=["/usr/local/bin/shopping-mcp"])] = ""
    """A program that is started and talked with on its standard input; this or ``url``."""

    args: Annotated[tuple[str, ...], Field(examples=[["--list", "home"]])] = ()
    """What it is started with."""

    env: Annotated[dict[Name, SecretStr], Field(examples=[{"SHOP": "home"}])] = Field(
        default_factory=dict
    )
    """Added to the few variables of the environment that it is given."""

    url: Annotated[
        str, Field(pattern=r"^(https?://\S+)?$", examples=["http://192.0.2.20/mcp"])
    ] = ""
    """A server on the network (streamable HTTP)."""

    authorization: Annotated[
        SecretStr | None, Field(examples=["only if nobody else can read this"])
    ] = None
    """Sent to it as a bearer token; better as the credential ``mcp-server-<label>``."""

    allowed_tools: Annotated[tuple[str, ...], Field(examples=[["add_item", "list_items"]])] = ()
    """The only tools of it that there are; empty: all."""

    risk: Literal["confirm", "pin", "never"] = "confirm"
    """What its tools take."""

    free_tools: Annotated[tuple[str, ...], Field(examples=[["list_items"]])] = ()
    """Tools that are called without being asked about."""

    timeout_s: Annotated[float, Field(ge=1.0, le=120.0)] = 20.0
    """How long a call may take."""


class Mcp(Section):
    """Tools over MCP (docs/mcp.md); needs the extra ``mcp``."""

    servers: tuple[ToolServer, ...] = ()
    """Servers of tools."""

    serve: bool = False
    """Whether the box is a server itself, so that other agents can use the house through it."""

    host: str = "127.0.0.1"
    """Address it listens on; ``0.0.0.0``: the whole network."""

    port: Annotated[int, Field(ge=1, le=65_535)] = 8765
    """Port it listens on."""

    token: Annotated[SecretStr | None, Field(examples=["only if nobody else can read this"])] = (
        None
    )
    """What clients must send as a bearer token; better as the credential ``mcp-token``."""
