"""`shuqiao call`: what it sends, what it shows, and with which code it ends."""

import json
import sys

import httpx2
import pytest
from typer.testing import CliRunner

from shuqiao import Profile, calls, cli
from shuqiao import profile as profiles
from tests.support.scripted_gateway import METHOD_KEY, TRACE, UNIT_KEY, answer, away, failure, scripted, success

ROWS = (
    b'{"SUCCESS":"1","DATA":[{"code":"1","amount":10.50,"note":null},{"code":"2","amount":-3,"note":"[red]x\\u001b"}]}'
)


@pytest.fixture
def ask(monkeypatch, tmp_path, capsys):
    """Runs the command against a scripted gateway; its exit code, standard output and standard error."""
    path = tmp_path / "profile.json"
    profiles.save(Profile(gateway="http://gateway", services=dict.fromkeys(profiles.SERVICES, "http://x")), path)
    monkeypatch.setenv("SHUQIAO_PROFILE", str(path))
    monkeypatch.setenv("SHUQIAO_UNIT_KEY", UNIT_KEY)
    monkeypatch.setenv("SHUQIAO_METHOD_KEY", METHOD_KEY)
    monkeypatch.setenv("COLUMNS", "100")

    def run(told, *words):
        monkeypatch.setattr(calls, "Gateway", lambda _url, _key, **_proofs: told.gateway())
        monkeypatch.setattr(sys, "argv", ["shuqiao", "call", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run


def test_parameters_and_options_are_sent(ask):
    told = scripted(success([]))
    words = ["a=b=c", "n__ge=3", "--page-size", "7", "--order-by", "-n", "--structure", "MA"]
    notes = ["--operator", "S-01", "--matter", "M 1", "--using-system", "X"]
    assert ask(told, "streets", *words, *notes)[0] == 0
    assert told.form() == {"a": "b=c", "n__ge": "3", "pageSize": "7", "orderBy": "-n", "rsStructure": "MA"}
    headers = told.seen[0].headers
    assert [headers[f"x-{name}"] for name in ("operator", "matter", "using-system")] == ["S-01", "M 1", "X"]


def test_elsewhere_than_on_a_terminal_it_is_json_with_all_digits(ask):
    code, out, err = ask(scripted(answer(ROWS)), "streets")
    assert code == 0
    assert "10.50" in out
    assert json.loads(out)[1]["note"] == "[red]x\x1b"
    assert TRACE in err


def test_as_a_table_nothing_of_the_data_commands_the_terminal(ask):
    code, out, _ = ask(scripted(answer(ROWS)), "streets", "--table")
    assert code == 0
    assert all(text in out for text in ("code", "amount", "10.50", "[red]x"))
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("data", "shown"),
    [({"code": "1"}, "code"), ("文", "文"), (None, "值"), ({"code": ["1", "2"]}, "code"), ([], "")],
)
def test_every_structure_has_a_table(ask, data, shown):
    code, out, _ = ask(scripted(success(data)), "streets", "--table")
    assert code == 0
    assert shown in out


def test_everything_is_one_list_over_all_pages(ask):
    told = scripted(success([{"n": 1}, {"n": 2}], X_Next_Cursor="c"), success([{"n": 3}]))
    code, out, _ = ask(told, "streets", "--all", "--page-size", "2")
    assert (code, json.loads(out)) == (0, [{"n": 1}, {"n": 2}, {"n": 3}])
    assert told.form()["cursor"] == "c"


def test_everything_as_columns_and_as_a_table(ask):
    def pages():
        return scripted(success({"n": [1, 2]}, X_Next_Cursor="c"), success({"n": [3]}))

    assert json.loads(ask(pages(), "streets", "--all", "--structure", "MA")[1]) == {"n": [1, 2, 3]}
    rows = scripted(success([{"n": 71}], X_Next_Cursor="c"), success([{"n": 72}]))
    _, out, _ = ask(rows, "streets", "--all", "--table")
    assert out.index("71") < out.index("72")


def test_everything_that_is_nothing_is_an_empty_list(ask):
    assert json.loads(ask(scripted(success([])), "streets", "--all")[1]) == []


def test_json_that_breaks_off_cannot_be_taken_for_everything(ask):
    told = scripted(success([{"n": 1}], X_Next_Cursor="c"), failure("203", "授权状态异常"))
    code, out, err = ask(told, "streets", "--all")
    assert code == 1
    assert "203" in err
    with pytest.raises(ValueError, match="delimiter"):
        json.loads(out)


def test_that_there_is_more_is_said(ask):
    _, _, err = ask(scripted(success([{"n": 1}], X_Next_Cursor="c")), "streets")
    assert "--all" in err


def test_a_refusal_ends_with_1_and_says_code_and_memo(ask):
    code, out, err = ask(scripted(failure("206", "参数值异常")), "streets")
    assert (code, out) == (1, "")
    assert "206 参数值异常" in err
    assert TRACE in err


def test_a_refusal_of_the_transport_ends_with_1(ask):
    assert ask(scripted(answer(b"", 429)), "streets")[0] == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["streets", "a"],
        ["streets", "=b"],
        ["streets", "a=1", "a=2"],
        ["streets", "--page-size", "1001"],
        ["streets", "--structure", "XX"],
        ["streets", "--all", "--structure", "KV"],
        ["streets", "--operator", "张三"],
        ["streets", "--traceparent", "x"],
        ["streets", "format=xml"],
        ["streets", "--nothing"],
    ],
)
def test_a_mistake_in_use_ends_with_2_and_sends_nothing(ask, words):
    told = scripted(success([]))
    code, out, _ = ask(told, *words)
    assert (code, out, told.seen) == (2, "", [])


def test_without_keys_and_nobody_to_ask_it_ends_with_2(ask, monkeypatch):
    monkeypatch.delenv("SHUQIAO_METHOD_KEY")
    code, _, err = ask(scripted(success([])), "streets")
    assert code == 2
    assert "methodKey" in err


def test_without_a_profile_it_ends_with_2(ask, monkeypatch):
    monkeypatch.setenv("SHUQIAO_PROFILE", "/nowhere/profile.json")
    assert ask(scripted(success([])), "streets")[0] == 2


@pytest.mark.parametrize("told", [httpx2.ReadTimeout("x"), away(X_Reason="store"), answer(b"x")])
def test_no_answer_and_none_that_can_be_believed_end_with_3(ask, told):
    code, out, err = ask(scripted(told), "streets")
    assert (code, out) == (3, "")
    assert err


def test_keys_are_never_shown(ask):
    for told in (answer(ROWS), failure("201"), away(), answer(b"", 429), answer(b"x")):
        code, out, err = ask(scripted(told), "streets")
        assert code in range(4)
        assert UNIT_KEY not in out + err
        assert METHOD_KEY not in out + err


def test_its_help_is_chinese_and_names_the_exit_codes():
    shown = CliRunner().invoke(cli.app, ["call", "--help"]).output
    assert "退出码" in shown
    assert all(option in shown for option in ("--all", "--operator", "--matter", "--using-system", "--table"))
