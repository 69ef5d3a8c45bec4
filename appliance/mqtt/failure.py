"""Why a broker cannot be used, in plain words. Pure."""

import errno
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum

from appliance.config.model import Mqtt


class Cause(StrEnum):
    """What kind of trouble it is; named in ``voice-appliance doctor``."""

    UNKNOWN_HOST = "unknown host"
    NOT_LISTENING = "not listening"
    NO_ANSWER = "no answer"
    TLS = "TLS"
    FILE = "file"
    PASSWORD = "password"  # noqa: S105 - the name of a cause
    REFUSED = "refused"
    OLD = "old protocol"
    CLOSED = "closed"
    """The broker hung up before it accepted us: some old ones do when they hear of MQTT 5."""

    LOST = "lost"
    TAKEN = "taken over"
    """Another client came with our name, and the broker hung up on us."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no connection."""

    cause: Cause
    text: str
    """One line for the operator, with what to look at; never a password."""


# CONNACK reason codes of MQTT 5 (3.2.2.2); paho gives the codes of 3.1.1 the same numbers.
_UNSUPPORTED_VERSION = 0x84
_BAD_PASSWORD = (0x86, 0x87)
_TAKEN_OVER = 0x8E  # of DISCONNECT, 3.14.2.1


def port_of(settings: Mqtt) -> int:
    """Return the port: the one set, or the protocol's own."""
    return settings.port or (8883 if settings.tls else 1883)


def of_exception(error: Exception, settings: Mqtt) -> Failure:
    """Say why a connection could not be made."""
    where = f"{settings.host}:{port_of(settings)}"
    match error:
        case socket.gaierror():
            return Failure(Cause.UNKNOWN_HOST, f"there is no host `{settings.host}`")
        case ssl.SSLCertVerificationError():
            why = f"the certificate of {where} is not trusted: {error.verify_message}"
            return Failure(Cause.TLS, f"{why}; is mqtt.ca_file right?")
        case ssl.SSLError():
            why = error.reason or str(error)
            return Failure(Cause.TLS, f"no TLS with {where}: {why}; does this port speak TLS?")
        case TimeoutError():
            return Failure(Cause.NO_ANSWER, f"{where} does not answer")
        case ConnectionResetError() if settings.tls:
            return Failure(Cause.TLS, f"{where} hangs up on TLS; does this port speak it?")
        case ConnectionRefusedError():
            return Failure(Cause.NOT_LISTENING, f"nothing listens at {where}")
        case OSError(errno=errno.EHOSTUNREACH | errno.ENETUNREACH):
            return Failure(Cause.NO_ANSWER, f"there is no way to {where}")
        case OSError():
            return Failure(Cause.NO_ANSWER, f"{where}: {error.strerror or error}")
        case _:
            return Failure(Cause.REFUSED, f"{where} does not speak MQTT: {type(error).__name__}")


def of_file(error: Exception, what: str, path: object) -> Failure:
    """Say which file of the TLS settings cannot be used."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Failure(Cause.FILE, f"mqtt.{what}: {path}: {why}")


def of_refusal(code: int, name: str, settings: Mqtt) -> Failure:
    """Say why the broker did not accept us, by its CONNACK."""
    where = f"{settings.host}:{port_of(settings)}"
    if code == _UNSUPPORTED_VERSION:
        return Failure(Cause.OLD, f"{where} does not speak this version of MQTT")
    if code in _BAD_PASSWORD:
        who = f"user `{settings.user}`" if settings.user else "a user without a name"
        return Failure(Cause.PASSWORD, f"{where} refuses {who}: {name.lower()}")
    return Failure(Cause.REFUSED, f"{where} refuses us: {name.lower()}")


def of_loss(code: int, name: str, settings: Mqtt, client_id: str) -> Failure:
    """Say why the broker let go of us, by its DISCONNECT or the lack of one."""
    if code != _TAKEN_OVER:
        return Failure(Cause.LOST, f"the connection was lost: {name}")
    where = f"{settings.host}:{port_of(settings)}"
    why = f"another client came to {where} as `{client_id}`"
    return Failure(Cause.TAKEN, f"{why}: is there a second box? Give each its own device.id")


def of_silence(settings: Mqtt) -> Failure:
    """Say that the broker hung up before it accepted us."""
    where = f"{settings.host}:{port_of(settings)}"
    wants = "; it may want a client certificate" if settings.tls else "; it may want TLS"
    return Failure(Cause.CLOSED, f"{where} closed the connection without a word{wants}")
