"""A house to try things in: a private broker and a simulated kitchen, both gone when we are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from appliance.demo.broker import private_broker
from appliance.demo.kitchen import simulated_kitchen


@asynccontextmanager
async def private_house() -> AsyncIterator[int]:
    """Run both; gives the broker's port. The kitchen is there a moment later.

    Raises:
        BrokerError: mosquitto is not there, or does not start.
    """
    stack = ExitStack()

    def start() -> int:
        port = stack.enter_context(private_broker())
        stack.enter_context(simulated_kitchen(port))
        return port

    try:
        yield await asyncio.to_thread(start)
    finally:
        await asyncio.to_thread(stack.close)
