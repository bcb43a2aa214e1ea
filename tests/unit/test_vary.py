"""``--vary``: paths into configurations, values as YAML, names, products, and every mistake with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sim.cli.main import main
from sim.errors import BadInput, BadScenario, KeystormError
from sim.report.varied import rows_of, section
from sim.scenario.keys import Ladder, SpelledOut
from sim.scenario.loader import Loaded, load_text
from sim.scenario.vary import MOST, Varying, parted, read_axis
from tests.unit import report_sample as sample
from tests.unit.bad_scenarios import GOOD

pytestmark = pytest.mark.usefixtures("simpy_aside")


def varied(*texts: str, only: tuple[str, ...] = (), text: str = GOOD) -> Loaded:
    return load_text(text, Path("good.yaml"), varying=Varying.of(texts, only))


def one(text: str, base: str = "shared", given: str = GOOD) -> Any:
    """The single configuration that a single value makes."""
    configurations = varied(text, only=(base,), text=given).scenario.configurations
    (name,) = configurations
    assert name == f"{base}, {text}"
    return configurations[name]


def said(*texts: str, only: tuple[str, ...] = (), text: str = GOOD) -> str:
    with pytest.raises(KeystormError) as caught:
        varied(*texts, only=only, text=text)
    assert caught.value.exit_code == 2
    return str(caught.value)


# Values


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ["a", "b"]),
        ("{max_attempts: 5, base: 1s}, none", ["{max_attempts: 5, base: 1s}", "none"]),
        ("[a, {b: [c, d]}],e", ["[a, {b: [c, d]}]", "e"]),
        ("'x, y',z", ["'x, y'", "z"]),
        ("range(0.5, 1)", ["range(0.5, 1)"]),
        ("a", ["a"]),
    ],
)
def test_values_are_parted_outside_of_brackets(text: str, parts: list[str]) -> None:
    assert parted(text) == parts


def test_values_are_yaml_as_in_the_file() -> None:
    axis = read_axis("client.retry = none, {max_attempts: 5, base: 1s},  0.5, true, null")
    assert axis.path == "client.retry"
    assert axis.values == ("none", {"max_attempts": 5, "base": "1s"}, 0.5, True, None)


# Paths


def test_each_configuration_and_each_value_makes_one() -> None:
    found = varied("client.retry=none,stamina")
    values = ("none", "stamina")
    names = [f"{base}, client.retry={value}" for base in ("shared", "projects", "mine") for value in values]
    assert list(found.scenario.configurations) == names
    clients = [one.client for one in found.scenario.configurations.values()]
    assert [client.retry for client in clients if client is not None] == [*values] * 3
    assert found.varied is not None
    told = found.varied.json()["configurations"]["mine, client.retry=none"]
    assert told == {"from": "mine", "set": {"client.retry": "none"}}


def test_several_paths_make_their_product() -> None:
    found = varied("client.retry=none,stamina", "limits.burst=1,2,3", only=("shared", "projects"))
    assert len(found.scenario.configurations) == 2 * 2 * 3
    last = found.scenario.configurations["projects, client.retry=stamina, limits.burst=3"]
    assert last.client is not None
    assert isinstance(last, Ladder)
    assert (last.client.retry, last.limits[0].burst) == ("stamina", 3)
    assert last.split, "what is not varied stays"


def test_the_rest_of_the_client_stays_the_teams() -> None:
    assert one("client.retry=none").client.model_fields_set == {"retry"}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("limits.requests=120/min", lambda c: str(c.limits[0].requests.rate) == "120/min" and c.limits[0].burst == 60),
        ("client.timeout=5s", lambda c: c.client.timeout == 5_000_000_000),
        ("client.retry={max_attempts: 5, base: 1s}", lambda c: c.client.retry.max_attempts == 5),
        ("client.retry.max_attempts=7", lambda c: c.client.retry.max_attempts == 7),
        ("spend_cap=$10/day", lambda c: str(c.spend_cap[0].amount) == "$10/day"),
        ("spend_cap=none", lambda c: c.spend_cap == ()),
        ("spend_cap=[$1/hour, $10/day]", lambda c: len(c.spend_cap) == 2),
        ("limits=null", lambda c: c.limits == ()),
        ("isolation=keys", lambda c: c.isolation == "keys"),
    ],
)
def test_a_path_reaches_what_it_names(text: str, read: Any) -> None:
    assert read(one(text))


def test_a_short_form_opens_into_its_mapping() -> None:
    given = GOOD.replace("{isolation: shared,", "{isolation: shared, spend_cap: $5/day,")
    cap = one("spend_cap.mode=reserve", given=given).spend_cap[0]
    assert (str(cap.amount), cap.mode) == ("$5/day", "reserve")
    assert one("limits.output_tokens.rate=4k/min").limits[0].output_tokens.rate.per_minute == 4000


def test_every_cap_of_a_list_changes_and_an_entry_can_be_numbered() -> None:
    given = GOOD.replace("{isolation: shared,", "{isolation: shared, spend_cap: [$5/day, {amount: $50/month}],")
    assert {cap.mode for cap in one("spend_cap.mode=reserve", given=given).spend_cap} == {"reserve"}
    assert [cap.mode for cap in one("spend_cap.1.mode=reserve", given=given).spend_cap] == ["postpaid", "reserve"]
    assert "has no entry 2" in said("spend_cap.2.mode=reserve", only=("shared",), text=given)


def test_a_limit_changes_in_the_sets_that_have_it() -> None:
    given = GOOD.replace("limits: {requests: 60/min, burst: 60}}", "limits: [{requests: 60/min}, {tokens: 9k/min}]}", 1)
    sets = one("limits.tokens=7k/min", given=given).limits
    assert [None if each.tokens is None else each.tokens.rate.per_minute for each in sets] == [None, 7000]
    assert "none of the entries of limits has concurrency" in said("limits.concurrency=3", only=("shared",), text=given)


def test_a_configuration_that_is_spelled_out_is_reached_by_its_names() -> None:
    found = one("accounts.anthropic.projects.front.spend_cap=$7/day", "mine")
    assert isinstance(found, SpelledOut)
    assert str((found.accounts["anthropic"].projects or {})["front"].spend_cap[0].amount) == "$7/day"


def test_names_with_dots_are_found() -> None:
    given = GOOD.replace("front: {teams", "front.v2: {teams")
    found = one("accounts.anthropic.projects.front.v2.spend_cap=$7/day", "mine", given)
    assert [str(cap.amount) for cap in found.accounts["anthropic"].projects["front.v2"].spend_cap] == ["$7/day"]


def test_a_value_that_is_too_long_for_a_name_becomes_its_number_everywhere() -> None:
    long = "{max_attempts: 5, base: 1s, cap: 60s, jitter: full, obey_retry_after: false}"
    found = varied(f"client.retry=none,{long}")
    assert "mine, client.retry=#2" in found.scenario.configurations
    assert found.varied is not None
    assert found.varied.variants["mine, client.retry=#2"].texts == (("client.retry", long),)


# Mistakes


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["client.retry=none,antropic"], "--vary client.retry=antropic: unknown retry policy (found 'antropic')"),
        (
            ["client.retri=none"],
            "client.retri=none: unknown key (found 'retri')\n    hint: did you mean 'retry'?",
        ),
        (["lmits.requests=1/min"], "unknown key (found 'lmits')\n    hint: did you mean 'limits'?"),
        (["limits.requests=60"], "--vary limits.requests (in 'mine'): this configuration is spelled out"),
        (["client.timeout=5"], "--vary client.timeout=5: not a duration (found 5)"),
        (["client.retry={a"], "--vary client.retry: not valid YAML"),
        (["client.retry=!x a"], "--vary client.retry: a YAML tag has no meaning"),
        (["client.retry=none,none"], "the same value twice (found 'none')"),
        (["client.retry=none", "client.retry=stamina"], "the same path is varied twice"),
        (["nonsense"], "not a variation (found 'nonsense')"),
        (["client..retry=none"], "not a variation"),
        (["client.retry=none,"], "not a variation"),
        (["=3"], "not a variation"),
    ],
)
def test_mistakes_name_path_and_value(texts: list[str], words: str) -> None:
    assert words in said(*texts)


def test_a_value_that_does_not_fit_its_configuration_names_both() -> None:
    found = said("split=equal,by-traffic", only=("shared",))
    assert "--vary split=equal (in 'shared'): shared has nothing to split" in found
    assert found.startswith("2 problems")


def test_a_path_through_a_word_is_refused() -> None:
    given = GOOD.replace("{isolation: shared,", "{isolation: shared, client: {retry: stamina},")
    found = said("client.retry.base=1s", only=("shared",), text=given)
    assert "retry is 'stamina' here and has no base to set" in found


def test_a_mistake_of_the_file_is_told_once_with_its_line() -> None:
    spoiled = GOOD.replace("split: {web: 40%, batch: 60%}", "split: {web: 40%, bacth: 60%}")
    line = spoiled[: spoiled.index("bacth")].count("\n") + 1
    found = said("client.retry=none,stamina", only=("projects",), text=spoiled)
    assert f"good.yaml:{line}: unknown team (found 'bacth')" in found
    assert found.count("bacth") == 1


def test_unknown_configurations_and_too_many_are_refused() -> None:
    with pytest.raises(BadInput, match=r"no such configuration \(found 'shred'\)(.|\n)*'shared'"):
        varied("client.retry=none", only=("shred",))
    many = ",".join(map(str, range(1, MOST + 1)))
    with pytest.raises(BadInput, match=f"more than {MOST} configurations"):
        varied(f"limits.burst={many}", "client.retry=none,stamina", only=("shared",))


def test_a_scenario_without_configurations_is_told_as_ever() -> None:
    with pytest.raises(BadScenario, match="configurations"):
        varied("client.retry=none", text=GOOD[: GOOD.index("configurations:")])


# The command and the report


def test_the_command_varies_on_the_same_draws(tmp_path: Path) -> None:
    """The varied run equals that of a file in which the configuration stands as it was made."""
    short = GOOD.replace("duration: 1h", "duration: 10m").replace("warmup: 5m\n", "")
    short = short[: short.index("chaos:")]
    (tmp_path / "a.yaml").write_text(short)
    client = "{isolation: shared, client: {retry: none},"
    (tmp_path / "b.yaml").write_text(short.replace("{isolation: shared,", client))
    flags = ["--no-counterfactual", "--quiet", "--replications", "1", "--configuration", "shared"]
    varying = ["--vary", "client.retry=none,stamina"]
    assert main(["compare", str(tmp_path / "a.yaml"), *varying, *flags, "--out", str(tmp_path / "a")]) == 0
    assert main(["compare", str(tmp_path / "b.yaml"), *flags, "--out", str(tmp_path / "b")]) == 0
    made, wanted = (json.loads((tmp_path / name / "summary.json").read_text()) for name in "ab")
    assert list(made["configurations"]) == ["shared, client.retry=none", "shared, client.retry=stamina"]
    assert list(wanted["configurations"]) == ["shared"]
    found = made["configurations"]["shared, client.retry=none"]["teams"]
    assert found == wanted["configurations"]["shared"]["teams"]
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert manifest["varied"]["paths"] == {"client.retry": ["none", "stamina"]}
    assert "What was varied" in (tmp_path / "a" / "report.html").read_text("utf-8")
    assert "varied" not in json.loads((tmp_path / "b" / "manifest.json").read_text())


def test_the_report_groups_by_configuration_and_says_which_value_does_best() -> None:
    names = ("shared, x=1", "projects, x=1", "shared, x=2", "projects, x=2")
    found = sample.summary(configurations=names)
    made = {name: {"from": name.split(",")[0], "set": {"x": name[-1]}} for name in names}
    manifest = {"varied": {"paths": {"x": ["1", "2"]}, "configurations": made}}
    assert [name for _, _, name in rows_of(manifest, found)] == [names[0], names[2], names[1], names[3]]
    part = section(manifest, found)
    (table,) = part.blocks
    firsts = [[cell.text for cell in row[:2]] for row in table.rows]  # type: ignore[union-attr]
    assert firsts == [["shared", "1"], ["shared", "2"], ["projects", "1"], ["projects", "2"]]
    assert "“shared”: most succeed with x=2" in part.intro
