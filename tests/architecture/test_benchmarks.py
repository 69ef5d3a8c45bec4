"""What is measured can be found and asked for; running it is ``./run bench``."""

from types import SimpleNamespace

import pytest

from tests.benchmarks import Row, __main__


def test_every_benchmark_keeps_to_the_protocol() -> None:
    for name, benchmark in __main__._discover().items():
        assert name.replace("-", "_").isidentifier(), name
        assert benchmark.SUMMARY.strip(), name
        assert callable(benchmark.run), name


def test_the_options_of_all_benchmarks_live_side_by_side() -> None:
    options = __main__._parse([], __main__._discover())
    assert options.names == []


def test_what_several_benchmarks_share_is_no_benchmark() -> None:
    assert "audio" not in __main__._discover()


def test_an_unknown_benchmark_is_refused_with_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        __main__.main(["nonsense"])
    assert "wake" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "exceeded"),
    [
        (Row("what", 1.4, limit=1.5), False),
        (Row("what", 1.6, limit=1.5), True),
        (Row("what", float("nan"), limit=1.5), True),
        (Row("what", 1.6, least=1.5), False),
        (Row("what", 1.4, least=1.5), True),
        (Row("what", float("nan"), least=1.5), True),
        (Row("what", 1.6, limit=2.0, least=1.5), False),
        (Row("what", 9.9), False),
        (Row("what", "text", limit=1.5), False),
    ],
)
def test_a_limit_is_kept_or_exceeded(row: Row, *, exceeded: bool) -> None:
    assert row.exceeded == exceeded


def test_an_exceeded_limit_makes_the_command_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, status in ((1.0, 0), (2.0, 1)):
        rows = [Row("what", value, limit=1.5)]
        found = {"odd": SimpleNamespace(NAME="odd", SUMMARY="Odd.", run=lambda _, rows=rows: rows)}
        monkeypatch.setattr(__main__, "_discover", lambda found=found: found)
        assert __main__.main(["odd"]) == status
