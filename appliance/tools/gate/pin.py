"""A PIN that can be told from others, but not read again. Pure, but slow on purpose.

4 to 10 digits are few: whoever has the file can try them all. The hash is salted and costs a tenth
of a second a try, which only keeps somebody who has seen the file for a moment from reading it;
what keeps a guesser out is the lockout (``machine``), and the file's mode.
"""

import hashlib
import hmac
import secrets

SHORTEST = 4
LONGEST = 10

_COST = {"n": 2**14, "r": 8, "p": 1}
"""scrypt: 16 MB and about 50 ms on x86-64; a slow board takes some tenths of a second."""

_SCHEME = "scrypt-16384-8-1"


def fits(pin: str) -> bool:
    """Say whether this may be a PIN: 4 to 10 of the digits 0 to 9."""
    return SHORTEST <= len(pin) <= LONGEST and pin.isascii() and pin.isdecimal()


def hashed(pin: str) -> str:
    """Return what is kept of a PIN: scheme, salt and hash, in one line.

    Raises:
        ValueError: It is no PIN.
    """
    if not fits(pin):
        raise ValueError(f"a PIN has {SHORTEST} to {LONGEST} digits")
    salt = secrets.token_bytes(16)
    return f"{_SCHEME}${salt.hex()}${_digest(pin, salt).hex()}"


def same(pin: str, kept: str) -> bool:
    """Say whether this is the PIN of which ``kept`` was made; ``False`` for whatever is no hash.

    Takes the same time for every PIN. Never raises.
    """
    if not fits(pin):
        return False
    try:
        scheme, salt, digest = kept.strip().split("$")
        if scheme != _SCHEME:
            return False
        return hmac.compare_digest(_digest(pin, bytes.fromhex(salt)), bytes.fromhex(digest))
    except ValueError:
        return False


def _digest(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, **_COST)
