import pytest

from appliance.config.vendors import is_own_network, reasons


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-realtime-2", True),
        ("gpt-realtime-2.1", True),
        ("gpt-realtime-2.1-mini", True),
        ("gpt-realtime-3", True),
        ("gpt-realtime", False),
        ("gpt-realtime-1.5", False),
        ("gpt-realtime-mini", False),
        ("gpt-realtime-2025-08-28", False),
        ("gpt-realtime-mini-2025-12-15", False),
        ("gpt-4o-realtime-preview", False),
        ("my-deployment", None),
        ("gpt-realtimer", None),
    ],
)
def test_models_from_the_second_generation_on_reason(model: str, *, expected: bool | None) -> None:
    assert reasons(model) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("gpu", True),
        ("gpu.local", True),
        ("gpu.lan", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("192.168.0.9", True),
        ("fe80::1", True),
        ("fd00::1", True),
        ("8.8.8.8", False),
        ("example.com", False),
        ("local.example.com", False),
        ("2606:4700::1", False),
    ],
)
def test_the_own_network_is_known_by_name_or_address(host: str, *, expected: bool) -> None:
    assert is_own_network(host) is expected
