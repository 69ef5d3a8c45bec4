"""Who serves, case by case."""

from dataclasses import replace

from appliance.backend import choice as choosing
from appliance.backend.choice import FIRST_WAIT, LONGEST_WAIT, Choice, Standing
from appliance.units import Seconds

BOTH = Choice(("realtime", "local"), frozenset({"realtime"}))
NOW = Seconds(100.0)


def lost(choice: Choice, name: str = "realtime", *, fatal: bool = False) -> Choice:
    code = "backend.refused" if fatal else "backend.unavailable"
    return choosing.lost(choice, name, code, fatal=fatal, now=NOW, jitter=0.0)


def test_best_serves() -> None:
    assert choosing.serve(BOTH) == "realtime"
    assert choosing.obstacle(BOTH, "realtime") is None


def test_lost_one_is_out_until_it_is_known_to_be_back() -> None:
    once = lost(BOTH)
    assert choosing.serve(once) == "local"
    assert choosing.obstacle(once, "realtime") == "backend.unavailable"
    assert choosing.probe_due(once) == ("realtime", NOW + FIRST_WAIT)
    back = choosing.recovered(once, "realtime")
    assert choosing.serve(back) == "realtime"
    assert choosing.probe_due(back) is None


def test_only_a_whole_reply_brings_the_first_wait_back() -> None:
    tried = lost(choosing.recovered(lost(BOTH), "realtime"))
    assert choosing.probe_due(tried) == ("realtime", NOW + 2 * FIRST_WAIT)
    replied = lost(choosing.worked(tried, "realtime"))
    assert choosing.probe_due(replied) == ("realtime", NOW + FIRST_WAIT)


def test_jitter_spreads_the_waits_but_not_beyond_the_longest() -> None:
    late = choosing.lost(BOTH, "realtime", "x", fatal=False, now=NOW, jitter=1.0)
    assert choosing.probe_due(late) == ("realtime", NOW + 2 * FIRST_WAIT)
    for _ in range(2000):
        late = choosing.lost(late, "realtime", "x", fatal=False, now=NOW, jitter=1.0)
    assert choosing.probe_due(late) == ("realtime", NOW + LONGEST_WAIT)


def test_refused_one_is_held_until_the_configuration_changes() -> None:
    held = lost(BOTH, fatal=True)
    assert choosing.serve(held) == "local"
    assert choosing.obstacle(held, "realtime") == "backend.refused"
    assert choosing.probe_due(held) is None
    assert choosing.serve(choosing.worked(held, "realtime")) == "local"
    assert choosing.configured(held) == BOTH


def test_last_one_serves_however_ill_when_nobody_else_can() -> None:
    assert choosing.serve(lost(lost(BOTH), "local")) == "local"
    alone = Choice(("realtime",), frozenset({"realtime"}))
    assert choosing.serve(lost(alone)) == "realtime"
    assert choosing.serve(lost(alone, fatal=True)) is None


def test_privacy_and_money_keep_the_cloud_out() -> None:
    private = choosing.with_private(BOTH, private=True)
    assert choosing.serve(private) == "local"
    assert choosing.obstacle(private, "realtime") == "privacy"
    broke = choosing.with_budget(BOTH, broke=True)
    assert choosing.serve(broke) == "local"
    assert choosing.obstacle(broke, "realtime") == "budget"
    assert choosing.serve(replace(private, order=("realtime",))) is None


def test_cloud_is_not_tried_while_it_may_not_serve() -> None:
    assert choosing.probe_due(choosing.with_private(lost(BOTH), private=True)) is None


def test_only_who_would_serve_is_tried() -> None:
    three = Choice(("a", "b", "c"))
    assert choosing.probe_due(lost(three, "b")) is None
    both = lost(lost(three, "b"), "a")
    assert choosing.serve(both) == "c"
    assert choosing.probe_due(both) == ("a", NOW + FIRST_WAIT)


def test_standing_of_a_stranger_is_well() -> None:
    assert BOTH.standing("local") == Standing()


def test_who_was_chosen_serves_before_the_order() -> None:
    chosen = choosing.with_preferred(BOTH, "local")
    assert choosing.serve(chosen) == "local"
    assert chosen.best == "local"
    assert choosing.serve(choosing.with_preferred(chosen, None)) == "realtime"


def test_a_choice_that_is_not_in_the_order_is_none() -> None:
    assert choosing.with_preferred(BOTH, "gemini") == BOTH
    assert replace(BOTH, preferred="gemini").ranked == BOTH.order


def test_privacy_and_money_go_over_what_was_chosen() -> None:
    three = Choice(("local", "realtime"), frozenset({"realtime"}), preferred="realtime")
    assert choosing.serve(three) == "realtime"
    assert choosing.serve(choosing.with_private(three, private=True)) == "local"
    assert choosing.serve(choosing.with_budget(three, broke=True)) == "local"


def test_where_all_are_lost_the_last_of_the_order_serves_whoever_was_chosen() -> None:
    lost_all = lost(lost(choosing.with_preferred(BOTH, "local"), "local"))
    assert choosing.serve(lost_all) == "local"
    due = choosing.probe_due(lost_all)
    assert due is not None  # both: each would serve if it were back
    first = replace(
        lost_all,
        standings={
            **lost_all.standings,
            "local": Standing(failures=9, retry_at=Seconds(1e9), out="x"),
        },
    )
    assert choosing.probe_due(first) == ("realtime", NOW + FIRST_WAIT)


def test_a_change_is_told_with_its_reason() -> None:
    chosen = choosing.with_preferred(BOTH, "local")
    assert choosing.why(chosen, "local", "realtime", chosen=True) == "chosen"
    assert choosing.why(chosen, "local", "realtime", chosen=False) == "recovered"
    gone = lost(choosing.with_preferred(BOTH, "realtime"))
    assert choosing.why(gone, "local", "realtime", chosen=True) == "backend.unavailable"
