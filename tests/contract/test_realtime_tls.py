"""The realtime client over TLS, with certificates of an authority of our own."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.backend.socket.address import Address
from appliance.errors import BackendUnavailable
from appliance.events import ReplyEnded
from tests.broker import papers
from tests.realtime_client import talking
from tests.realtime_server import RealtimeServer, serving


@asynccontextmanager
async def secure(folder: Path) -> AsyncIterator[tuple[RealtimeServer, ssl.SSLContext]]:
    """Run a server with a certificate; give also what it takes to believe it."""

    def made() -> tuple[ssl.SSLContext, ssl.SSLContext]:
        found = papers(folder)
        shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        shown.load_cert_chain(found.certificate("broker"), found.key("broker"))
        return shown, ssl.create_default_context(cafile=found.ca)

    shown, trust = await asyncio.to_thread(made)
    async with serving(tls=shown) as server:
        yield server, trust


async def test_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    async with secure(tmp_path) as (server, trust):
        address = Address(server.url, server.headers)
        async with talking(address, trust=trust) as talk:
            await talk.say()
            await talk.reply()

    assert server.url.startswith("wss:")
    assert talk.of(ReplyEnded)


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    async with (
        secure(tmp_path) as (server, _),
        talking(Address(server.url, server.headers)) as talk,
    ):
        error = await talk.end()

    assert type(error) is BackendUnavailable
    assert "certificate is not trusted" in str(error)


async def test_a_server_without_tls() -> None:
    async with serving() as server:
        url = server.url.replace("ws:", "wss:")
        async with talking(Address(url, server.headers)) as talk:
            error = await talk.end()

    assert type(error) is BackendUnavailable
