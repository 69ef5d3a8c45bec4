"""The templates of discovery: those of real devices run, hostile ones are refused or end."""

import sys
import tracemalloc
from types import FrameType

import pytest

from appliance.tools.discovery.homeassistant.bounds import LONGEST_OUTPUT, MOST_STEPS
from appliance.tools.discovery.homeassistant.expressions import TemplateRefused
from appliance.tools.discovery.homeassistant.jinja import compile_template
from appliance.tools.templates import TemplateFailed

DATA = {
    "a": {"b": 3, "items": [1, 2], "_x": 5},
    "color": "10,20,30,40",
    "state": "ON",
    "flag": False,
    "none": None,
    "list": [{"id": 1, "on": True}, {"id": 2, "on": False}, {"id": 3, "on": True}],
    "text": "temp=21.5 hum=40",
    "wh": 12345.678,
    "deep": [[1, [2, [3]]]],
}
VALUES = {"value": " 12.5 ", "value_json": DATA, "red": 255, "green": 128, "blue": 0}

MOST_CALLS = 15 * MOST_STEPS
"""Calls of functions, of Python and of C, that one rendering may make."""

MOST_MEMORY = 4 * 1024 * 1024
"""Bytes."""


def render(source: str) -> str:
    return compile_template(source).render(VALUES)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("{{ value }}", "12.5"),
        ("{{ value_json.a.b }}", "3"),
        ("{{value_json['a']['b']}}", "3"),
        ('{{ value_json["a"].b | int }}', "3"),
        ("{{ value_json.a.items }}", "[1, 2]"),
        ("{{ value_json.a._x }}", "5"),
        ("{{ value_json.missing }}", ""),
        ("{{ value_json.flag }}", "False"),
        ("{{ value_json.none }}", "None"),
        ("{{ value | float | round(1) }}", "12.5"),
        ("{{ value | float | round }}", "12"),
        ("{{ 12.345 | round(1, 'ceil') }} {{ 12.3 | round(0, 'floor') }}", "12.4 12"),
        ("{{ 'x' | float(7) }} {{ 'x' | int(default=8) }}", "7 8"),
        ("{{ 'ff' | int(base=16) }} {{ '0x1F' | int(0, 16) }}", "255 31"),
        ("{{ value_json.wh | multiply(0.001) | round(2) }}", "12.35"),
        ("{{ 3 | add(4) }} {{ 6 | bitwise_and(3) }} {{ 6 | bitwise_or(1) }}", "7 2 7"),
        ("{{ 'on' if value_json.state == 'ON' else 'off' }}", "on"),
        ("{{ iif(value_json.flag, 'yes', 'no') }} {{ 1 | iif('a') }}", "no a"),
        ("{% if value_json.a.b > 2 and not value_json.flag %}big{% elif 1 %}x{% endif %}", "big"),
        ("{% set m = {'ON': 'home', 'OFF': 'away'} %}{{ m[value_json.state] }}", "home"),
        ("{{ {'ON': 1}.get(value_json.state, 0) }} {{ {}.get('x') }}", "1 None"),
        ("{{ value_json.color.split(',')[0:3] | join(',') }}", "10,20,30"),
        ("{{ value_json.color.split(',')[1] | int // 2 }}", "10"),
        ("{{ value[1:3] }}", "12"),
        ("{% for one in value_json.list if one.on %}{{ one.id }}{% endfor %}", "13"),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"),
        ("{% for i in range(3) %}{{ i }}{% if not loop.last %},{% endif %}{% endfor %}", "0,1,2"),
        ("{% for i in [] %}x{% else %}none{% endfor %}", "none"),
        ("{% for i in range(9) %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}", "012"),
        ("{% for i in range(4) %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
         "023"),
        ("{% set x = 1 %}{% for i in range(3) %}{% set x = i %}{% endfor %}{{ x }}", "1"),
        ("{% set n=namespace(a=0) %}{% for i in [1, 2] %}{% set n.a=n.a+i %}{% endfor %}{{ n.a }}",
         "3"),
        ("{% set x %}a{{ 1 }}{% endset %}{{ x }}", "a1"),
        ("{{ value_json.list | map(attribute='id') | list }}", "[1, 2, 3]"),
        ("{{ value_json.list | selectattr('on') | map(attribute='id') | sum }}", "4"),
        ("{{ value_json.list | selectattr('id', 'gt', 1) | list | length }}", "2"),
        ("{{ [3, 1, 2] | sort | first }} {{ [3, 1, 2] | max }} {{ min(4, 2) }}", "1 3 2"),
        ("{{ ['b', 'a', 'b'] | unique | sort(reverse=true) | join }}", "ba"),
        ("{{ value_json.text | regex_findall_index('temp=([0-9.]+)') }}", "21.5"),
        ("{{ value_json.text | regex_replace('[^0-9.]', '') }}", "21.540"),
        ("{{ 'a-b' | regex_replace('(a)-(b)', '\\\\2\\\\1') }}", "ba"),
        ("{{ value_json.text | regex_search('hum') }} {{ 'AB' is match('ab', true) }}",
         "True True"),
        ("{{ '%02x%02x%02x' | format(red, green, blue) }}", "ff8000"),
        ("{{ '%.1f' % 3.14159 }} {{ '{:02d}:{}'.format(7, 8) }}", "3.1 07:8"),
        ("{{ 'a' ~ 1 ~ none }}{{ 'b' + 'c' }}{{ '-' * 3 }}", "a1Nonebc---"),
        ("{{ ' A b ' | trim | lower | replace('a', 'c') | upper | title }}", "C B"),
        ("{{ value_json.a | to_json }} {{ '[1,{\"a\":2}]' | from_json | last | tojson }}",
         '{"b":3,"items":[1,2],"_x":5} {"a": 2}'),
        ("{{ value_json.missing | default('x') }} {{ '' | default('y', true) }}", "x y"),
        ("{{ value_json.missing is defined }} {{ value_json.a is mapping }}", "False True"),
        ("{{ 'b' in value_json.a }} {{ 'z' not in 'abc' }} {{ 2 in [1, 2] }}", "True True True"),
        ("{{ is_number(value) }} {{ 'x' is is_number }} {{ 'on' | bool }}", "True False True"),
        ("{{ 7 % 3 }} {{ 7 / 2 }} {{ 2 ** 8 }} {{ -3 | abs }} {{ 1 < 2 <= 2 }}",
         "1 3.5 256 3 True"),
        ("{{ 'A' | ord }} {{ 'Küche 1' | slugify }}", "65 kuche_1"),
        ("{{ 'aGk=' | base64_decode }} {{ 'hi' | base64_encode }}", "hi aGk="),
        ("{{ '2026-11-21T10:00:00+00:00' | as_timestamp | int }}", "1795255200"),
        ("{{ value_json.deep[0][1][1][0] }}", "3"),
        ("{{ 'a,b'.split(',') | reverse | list }}", "['b', 'a']"),
        ("{{ 'true' if value_json.state is in ['ON', 'on'] }}", "true"),
        ("{{ value.strip().startswith('12') }} {{ '7'.zfill(3) }}", "True 007"),
        ("{%- set x = 5 -%} {{- x -}} {# nothing #}", "5"),
        ("{{ 1e3 | int }} {{ (0.1 + 0.2) | round(2) }}", "1000 0.3"),
        ("{{ log(8, 2) | round(3) }} {{ sqrt(16) }} {{ pi | round(2) }}", "3.0 4.0 3.14"),
        ("{{ zip([1, 2], [3, 4]) | map('join', '-') | join(' ') }}", "1-3 2-4"),
    ],
)  # fmt: skip
def test_templates_of_real_devices_run(source: str, text: str) -> None:
    assert render(source) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ value_json.missing.more }}",
        "{{ value_json.missing | is_defined }}",
        "{{ value_json.state | float }}",
        "{{ value_json.missing + 1 }}",
        "{{ value_json.missing | int }}",
        "{{ 1 / 0 }}",
        "{{ 'a' + 1 }}",
        "{{ 'a' < 1 }}",
        "{{ 'x' | from_json }}",
        "{{ [] | max }}",
        "{{ 5[0:1] }}",
        "{{ (1, 2).get(1) }}",
        "{{ '%d' % 'x' }}",
        "{% set a, b = [1] %}",
        "{% for x in 5 %}{% endfor %}",
        "{{ 'x' | base64_decode }}",
        "{{ 'x' | regex_findall_index('(') }}",
    ],
)
def test_templates_that_find_nothing_fail_and_do_nothing_else(source: str) -> None:
    with pytest.raises(TemplateFailed):
        render(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ states('light.x') }}", "{{ states.light.x.state }}", "{{ now() }}", "{{ utcnow() }}",
        "{{ is_state('x', 'on') }}", "{{ state_attr('x', 'y') }}", "{{ this.state }}",
        "{{ value | timestamp_local }}", "{{ value | as_local }}", "{{ today_at('07:00') }}",
        "{{ as_datetime(value) }}", "{% set x = now() %}", "{{ 'x' is is_state('on') }}",
        "{{ entity_id }}",
    ],
)  # fmt: skip
def test_what_only_home_assistant_knows_has_a_rule_of_its_own(source: str) -> None:
    with pytest.raises(TemplateRefused) as refused:
        compile_template(source)
    assert refused.value.rule == "needs_homeassistant"


BIG = "x" * 9_000
LOOP = "{% for i in range(1000) %}"
END = "{% endfor %}"

REFUSED = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ value_json.__init__.__globals__ }}",
    "{{ self.__init__ }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ joiner() }}",
    "{{ cycler('a') }}",
    "{{ lipsum(1000) }}",
    "{{ value | attr('__class__') }}",
    "{{ value.format_map({}) }}",
    "{{ value.encode('utf-8') }}",
    "{{ value.translate({}) }}",
    "{{ value_json.list.append(1) }}",
    "{{ value_json.a.update({'x': 1}) }}",
    "{{ value_json.a.pop('b') }}",
    "{{ value_json.a.clear() }}",
    "{{ value_json['a'].setdefault('x', []) }}",
    "{{ value_json.a['get']('b') }}",
    "{{ (value_json.a.get)('b') ()}}",
    "{% macro bomb() %}{{ bomb() }}{% endmacro %}{{ bomb() }}",
    "{% call bomb() %}{% endcall %}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% from 'os' import system %}",
    "{% extends 'base' %}",
    "{% block x %}{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% with a = 1 %}{{ a }}{% endwith %}",
    "{% autoescape true %}x{% endautoescape %}",
    "{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}",
    "{{ loop(1) }}",
    "{{ range(*[1]) }}",
    "{{ dict(**value_json) }}",
    "{{ eval('1') }}",
    "{{ open('/etc/passwd') }}",
    "{{ value | unknown }}",
    "{{ value is unknown }}",
    "{{ value | random }}",
    "{{ value | pprint }}",
    "{{ value | wordwrap }}",
    "{{ value | indent(100000000) }}",
    "{{ value | center(100000000) }}",
    "{{ value | xmlattr }}",
    "{{ value | batch(2) }}",
    "{% raw %}x",
    "{{ 1",
    "{% if %}",
    "{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}",
    "{{ " + "-" * 3_000 + "1 }}",
    "{{ " + "not " * 1_500 + "1 }}",
    "{{ 1" + "+1" * 1_500 + " }}",
    "{{ value_json" + ".a" * 1_500 + " }}",
    "{{ value" + "|upper" * 1_200 + " }}",
    "{% if 1 %}" * 400 + "{% endif %}" * 400,
    "{{ 1 }}" * 1_100,
    "{{ " + "9" * 5_000 + " }}",
    "{{ 'a' * 1 }}" + BIG,
    "{% for __x in [1] %}{% endfor %}",
    "{% set __x = 1 %}",
    "\ud800{{ '" + "{" * 5_000,
]

BOUNDED = [
    f"{LOOP}{LOOP}{LOOP}{{{{ i }}}}{END}{END}{END}",
    f"{LOOP}{LOOP}{END}{END}",
    f"{LOOP}{{{{ value_json }}}}{END}",
    f"{LOOP}{{% set x = value_json | tojson | upper | lower %}}{END}",
    f"{LOOP}{{% if value_json == value_json.a %}}{{% endif %}}{END}",
    f"{LOOP}{{% set x = range(1000) | map('string') | join %}}{END}",
    f"{{% set ns = namespace(a='x') %}}{LOOP}{{% set ns.a = ns.a + ns.a %}}{END}",
    f"{{% set ns = namespace(a='x') %}}{LOOP}{{% set ns.a = ns.a ~ ns.a %}}{END}",
    f"{{% set ns = namespace(a='x') %}}{LOOP}{{% set ns.a = ns.a | replace('x', 'xx') %}}{END}",
    f"{{% set n = namespace(a='x') %}}{LOOP}{{% set n.a = n.a | regex_replace('x', 'xx') %}}{END}",
    f"{{% set ns = namespace(a=[1]) %}}{LOOP}{{% set ns.a = [ns.a, ns.a] %}}{END}{{{{ ns.a }}}}",
    f"{{% set ns = namespace(a=[1]) %}}{LOOP}{{% set ns.a = ns.a + ns.a %}}{END}",
    f"{{% set ns = namespace(a={{}}) %}}{LOOP}{{% set ns.a = {{'a': ns.a, 'b': ns.a}} %}}{END}",
    f"{{% set ns = namespace(a=2) %}}{LOOP}{{% set ns.a = ns.a * ns.a %}}{END}",
    f"{{% set ns = namespace(a=2) %}}{LOOP}{{% set ns.a = ns.a ** 2 %}}{END}",
    "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}{{ ns | tojson }}{{ ns == ns.a }}",
    "{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns.a | length }}{{ ns }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 2 ** 100000 }}",
    "{{ 2 ** 100000000 }}",
    "{{ (-2) ** 0.5 }}",
    "{{ 10.0 ** 400 }}",
    "{{ 1e308 * 10 }}",
    "{{ 'x' * 100000000 }}",
    "{{ 100000000 * 'x' }}",
    "{{ [1] * 100000000 }}",
    "{{ range(100000000) }}",
    "{{ range(0, 10 ** 18, 1) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%*d' % (1000000000, 1) }}",
    "{{ '%.1000000000f' % 1 }}",
    "{{ '%s' * 30000 % value }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ '{:>999}'.format(1) }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ '{0[0]}'.format([1]) }}",
    "{{ '{:{}}'.format(1, 1000000000) }}",
    "{{ ('{0:99}' * 400).format(1) }}",
    "{{ 'x'.ljust(100000000) }}",
    "{{ 'x'.zfill(100000000) }}",
    "{{ 'x' | truncate(100000000) }}",
    "{{ ','.join(range(1000)) }}",
    "{{ ('x' * 60000).split('') }}",
    "{{ ('x,' * 30000).split(',') | unique }}",
    "{{ ('x,' * 30000).split(',') | sort }}",
    "{{ ('ab' * 30000) | list | map('upper') | list }}",
    "{{ ('x' * 60000) | replace('x', 'x' * 60000) }}",
    "{{ ('x' * 60000) | replace('', 'x' * 60000) }}",
    "{{ ('x' * 60000) | list | join('y' * 60000) }}",
    "{{ ('x' * 60000) | regex_replace('', 'y' * 60000) }}",
    "{{ ('a' * 5000) | regex_match('(a+)+$') }}",
    "{{ ('a' * 5000 + 'b') | regex_match('(a|aa)+$') }}",
    "{{ ('a' * 5000) | regex_search('(.*)(.*)(.*)(.*)(.*)x') }}",
    "{{ ('a' * 5000) | regex_search('(x+x+)+y') }}",
    "{{ ('a' * 50000) | regex_findall('a*?a*?a*?b') }}",
    "{{ ('a' * 50) | regex_match('((((a?)*)*)*)*b') }}",
    "{{ 'a' | regex_match('(' * 300 + ')' * 300) }}",
    "{{ 'a' | regex_match('a{1000000}') }}",
    "{{ 'a' | regex_match('(?<=a)b') }}",
    "{{ 'a' | regex_match('(a)\\\\1') }}",
    "{{ 'a' | regex_match('(?P<n' ) }}",
    "{{ ('[' * 60000) | from_json }}",
    "{{ ('[' * 20000 + ']' * 20000) | from_json }}",
    "{{ ('9' * 60000) | int }}",
    "{{ ('9' * 60000) | from_json }}",
    "{{ '1' * 4000 | int }}",
    "{{ value_json.list | map('map', 'map') | list }}",
    "{{ value_json.list | map('int', base=99) | list }}",
    "{{ 5 | round(100000000) }}",
    "{{ '9' | int(base=0) }}",
    "{{ value_json | map(attribute='__class__') | list }}",
    "{{ value_json.a.get('__class__') }}",
    "{{ namespace(x=1).x.y.z }}",
]  # fmt: skip


@pytest.mark.parametrize("source", REFUSED, ids=lambda source: source[:50])
def test_hostile_templates_are_refused_before_they_run(source: str) -> None:
    with pytest.raises(TemplateRefused) as refused:
        compile_template(source)
    assert refused.value.rule == "template_refused"


class Counter:
    """Counts every call of a function, of Python's and of C's."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, _frame: FrameType, event: str, _argument: object) -> None:
        self.calls += event in ("call", "c_call")


@pytest.mark.parametrize("source", BOUNDED, ids=lambda source: source[:60])
def test_hostile_templates_end_after_a_bounded_number_of_steps(source: str) -> None:
    """Counted twice: by the template's own steps, and by the interpreter's calls and memory."""
    template = compile_template(source)
    counter = Counter()
    profiler = sys.getprofile()
    tracemalloc.start()
    try:
        sys.setprofile(counter)
        try:
            text = template.render(VALUES)
        except TemplateFailed:
            text = ""
    finally:
        sys.setprofile(profiler)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert counter.calls <= MOST_CALLS
    assert peak <= MOST_MEMORY
    assert len(text) <= LONGEST_OUTPUT
    assert "class" not in text


def test_a_template_gets_as_many_steps_as_it_is_given() -> None:
    template = compile_template("{% for i in range(10) %}{{ i }}{% endfor %}")
    assert template.render({}) == "0123456789"
    with pytest.raises(TemplateFailed, match="steps"):
        template.render({}, steps=20)


def test_a_turn_of_a_loop_costs_what_its_body_holds() -> None:
    short = compile_template("{% for i in range(10) %}{{ i }}{% endfor %}")
    long = compile_template("{% for i in range(10) %}" + "{{ i }}" * 100 + "{% endfor %}")
    assert short.render({}, steps=500)
    with pytest.raises(TemplateFailed, match="steps"):
        long.render({}, steps=500)


def test_a_template_cannot_change_what_others_read() -> None:
    before = repr(DATA)
    render("{% set value_json = 1 %}{% set value = 2 %}{{ value_json }}")
    assert repr(DATA) == before
    assert render("{{ value_json.a.b }}") == "3"
