"""``voice-appliance client-secret``: a key that lasts minutes, for a page or a program."""

import json
from typing import Annotated

import typer

from appliance.app.assistant import check_key, check_privacy
from appliance.app.backends import was_private
from appliance.backend.realtime import address, client_secrets
from appliance.backend.realtime.session import session_object
from appliance.cli.terminal import AsJson, ConfigFile, console
from appliance.config import load
from appliance.host.journal import set_up_logging
from appliance.units import Seconds


def client_secret(
    *,
    config: ConfigFile = None,
    seconds: Annotated[
        int, typer.Option(min=10, max=7200, help="How long sessions can be opened with it.")
    ] = 600,
    as_json: AsJson = False,
) -> None:
    """Have the realtime service make a short-lived key, so that the box's own never leaves it.

    For a page that opens a session of its own: with the box's voice and instructions, without its
    tools. Prints the key: whoever reads it can talk at your expense until it expires. Not in
    privacy mode; and not every server that speaks the protocol can make such keys.

    Example: voice-appliance client-secret --seconds 60
    """
    set_up_logging(quiet=True)
    settings = load(config).config
    check_key(settings)
    check_privacy(private=was_private())
    secret = client_secrets.mint(
        address.client_secrets(settings.realtime),
        session_object(settings, ()),
        lifetime=Seconds(float(seconds)),
    )
    value = secret.value.get_secret_value()
    if as_json:
        told = {"value": value, "expires_at": secret.expires_at}
        console.print(json.dumps(told), markup=False, soft_wrap=True)
    else:
        console.print(value, markup=False, soft_wrap=True)
