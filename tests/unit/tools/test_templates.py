import pytest

from appliance.tools.templates import TemplateFailed, compile_expression, compile_template


@pytest.mark.parametrize(
    "source",
    [
        "{% for x in [1] %}{% endfor %}",
        "{% set x = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{% include 'x' %}",
        "{{ range(3) }}",
        "{{ n.upper() }}",
        "{{ n | map('upper') }}",
        "{{ n ** 99 }}",
        "{{ n is callable }}",
        "{{ n",
        "x" * 9_000,
    ],
)
def test_what_could_run_on_is_not_part_of_the_language(source: str) -> None:
    with pytest.raises(TemplateFailed):
        compile_template(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ n.__class__ }}",
        "{{ n['__class__'] }}",
        "{{ missing }}",
        "{{ 'x' * 10 }}",
        "{{ '%99999999d' % 1 }}",
        "{{ 1 / 0 }}",
        "{{ 'x' | replace('', w) | replace('', w) }}",
        "{{ w ~ w ~ w }}",
    ],
)
def test_what_would_do_harm_fails_when_it_is_filled_in(source: str) -> None:
    with pytest.raises(TemplateFailed):
        compile_template(source).render({"n": 1, "w": "x" * 30_000})


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("{{ (n * 2.54) | round | int }}", "76"),
        ('{"s": {{ w | upper | tojson }}}', '{"s": "Ä\\""}'),
        ("{{ 'a' if n > 29 else 'b' }}{% if x is defined %}x{% endif %}", "a"),
        ("{{ {'ä\"': 1}[w] }}{{ d.items }}", "15"),
    ],
)
def test_what_a_house_needs_works(source: str, made: str) -> None:
    assert compile_template(source).render({"n": 30, "w": 'ä"', "d": {"items": 5}}) == made


def test_an_expression_about_what_is_not_there_does_not_hold() -> None:
    asks = compile_expression("reported.position == 3")
    assert asks.holds({"reported": {"position": 3}})
    assert not asks.holds({"reported": {}})
    assert not asks.holds({"reported": "text"})
