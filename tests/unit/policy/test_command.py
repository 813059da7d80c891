"""`python -m policy`, and that docs/policy.md shows the table that it prints."""

from pathlib import Path

import pytest

import policy
from policy.__main__ import REFUSED, main
from policy.overview import rules_table

PAGE = Path(__file__).parents[3] / "docs" / "policy.md"
BEGIN, END = "<!-- table: python -m policy table -->\n", "<!-- end of table -->"


def test_the_page_shows_the_table_as_it_is_generated(capsys):
    assert main(["table"]) == 0
    printed = capsys.readouterr().out
    page = PAGE.read_text(encoding="utf-8")
    shown = page[page.index(BEGIN) + len(BEGIN) : page.index(END)]
    assert shown.strip() == printed.strip()
    assert printed == rules_table(policy.load_shipped())


def test_the_table_has_a_row_for_every_rule():
    rows = rules_table(policy.load_shipped()).splitlines()
    assert len(rows) == 2 + len(policy.RuleId)
    assert (
        "| `share-answer-deadline` | 授权共享的答复期限 | §17.1 10个工作日 资源提供方 | – | §1 10个工作日 资源提供方 |"
        in rows
    )


def test_due_prints_the_day_the_source_and_the_notice(capsys):
    assert main(["due", "--from", "2026-09-28", "--rule", "share-answer-deadline"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-10-16 24:00 (Asia/Shanghai)",
        "内部规则：区级内部管理规则第一条",
        "现行办法（长府规〔2021〕2号）有效期已于2025年12月31日届满，新办法录入前沿用",
    ]


def test_due_is_counted_under_the_edition_of_its_day(capsys):
    assert main(["due", "--from", "2019-03-14T16:00:00+00:00", "--rule", "share-answer-deadline"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2019-03-29 24:00 (Asia/Shanghai)",
        "本区办法：长府规〔2019〕1号第十七条第一款",
    ]


def test_due_takes_a_file_of_working_days(capsys, tmp_path):
    file = tmp_path / "2027.toml"
    days = "[2027-01-01, 2027-05-01, 2027-10-01, 2027-10-02, 2027-10-03]"
    file.write_text(f'[years.2027]\nsource = "试验"\nrest_days = {days}\n', encoding="utf-8")
    asked = ["due", "--from", "2026-12-20", "--rule", "share-answer-deadline"]
    assert main(asked) == 0
    assert capsys.readouterr().out.startswith("期限待定：缺少2027年")
    assert main([*asked, "--calendar", str(file)]) == 0
    assert capsys.readouterr().out.startswith("2027-01-04 24:00")
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().out == "2027.toml：有效，收录年份：2027\n"


def test_check_reads_a_document_beside_the_shipped_ones(capsys, tmp_path):
    text = (
        'id = "2027"\nlayer = "edition"\n[document]\nnumber = "甲"\ntitle = "乙"\nissuer = "丙"\n'
        'in_force_from = 2027-01-01\n[parties]\nunit = "各单位"\n[roles]\n'
        '[rules.training]\nname = "培训"\narticle = "3"\nquote = "丁"\nbodies.acts = ["unit"]\n'
    )
    file = tmp_path / "2021.toml"
    file.write_text(text, encoding="utf-8")
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().out == "2021.toml：有效，本区办法 甲，1条规则，自2027-01-01起\n"
    file.write_text(text.replace("2027-01-01", "2025-01-01"), encoding="utf-8")
    assert main(["check", str(file)]) == REFUSED
    refused = capsys.readouterr()
    assert refused.out == ""
    assert refused.err.startswith("2021.toml：document.in_force_from：")


@pytest.mark.parametrize(
    "asked",
    [
        ["check", "/nowhere/at/all.toml"],
        ["due", "--from", "2018-01-01", "--rule", "share-answer-deadline"],
        ["due", "--from", "2026-09-28", "--rule", "grant-papers"],
        ["due", "--from", "2026-09-28", "--rule", "nothing"],
        ["due", "--from", "2026-09-28T10:00:00", "--rule", "share-answer-deadline"],
    ],
)
def test_what_cannot_be_answered_is_refused_on_standard_error(asked, capsys):
    assert main(asked) == REFUSED
    refused = capsys.readouterr()
    assert refused.out == ""
    assert len(refused.err.splitlines()) == 1


def test_help_names_the_three_commands(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("table", "check", "due"))
