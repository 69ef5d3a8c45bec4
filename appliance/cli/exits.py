"""What the command's exit codes mean; ``docs/command.md`` tells them to people."""

from enum import IntEnum

from appliance.errors import (
    ApplianceError,
    BrokerError,
    ConfigError,
    DeviceError,
    ManifestError,
    ModelError,
)


class Exit(IntEnum):
    """How the command ended."""

    DONE = 0
    WRONG = 1
    """It ran, and something is wrong."""

    USAGE = 2
    """The command line or the configuration."""

    DEVICE = 3
    MODEL = 4
    BROKER = 5


def exit_code(error: ApplianceError) -> Exit:
    """Return the code for an error that ended the command."""
    match error:
        case ConfigError() | ManifestError():
            return Exit.USAGE
        case DeviceError():
            return Exit.DEVICE
        case ModelError():
            return Exit.MODEL
        case BrokerError():
            return Exit.BROKER
        case _:
            return Exit.WRONG
