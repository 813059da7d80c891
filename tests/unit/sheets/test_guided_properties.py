"""Any table, dressed with any oddities of office work, gives exactly its own records back (guided profile)."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sheets.cells import column_letters
from tests.support.made_sheets import detected, rows_of

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅建国志"
PLACES = ["新泾镇", "北新泾街道", "周家桥街道", "程家桥街道", "天山路街道", "虹桥街道", "华阳路街道", "江苏路街道"]
COLUMNS = {
    "姓名": lambda draw: draw(st.sampled_from(SURNAMES)) + draw(st.text(GIVEN, min_size=1, max_size=2)),
    "单位名称": lambda draw: draw(st.sampled_from(PLACES)) + draw(st.text(GIVEN, min_size=2, max_size=4)) + "有限公司",
    "所在街镇": lambda draw: draw(st.sampled_from(PLACES)),
    "性别": lambda draw: draw(st.sampled_from(["男", "女"])),
    "联系电话": lambda draw: str(draw(st.integers(13_000_000_000, 18_999_999_999))),
    "机构标识码": lambda draw: float(draw(st.integers(4_000_000_000, 4_999_999_999))),
    "统一社会信用代码": lambda draw: "91310105MA1F" + draw(st.text("ABCDEFGH0123456789", min_size=6, max_size=6)),
    "金额（万元）": lambda draw: draw(st.integers(1, 10**7)) / 100,
    "人数": lambda draw: float(draw(st.integers(0, 5_000))),
    "成立日期": lambda draw: date(2000, 1, 1) + timedelta(days=draw(st.integers(0, 9_000))),
    "登记时间": lambda draw: (
        f"20{draw(st.integers(10, 24))}-{draw(st.integers(1, 12)):02}-{draw(st.integers(1, 28)):02}"
    ),
    "经营地址": lambda draw: draw(st.sampled_from(PLACES)) + f"{draw(st.integers(1, 999))}号",
    "备注": lambda draw: draw(st.sampled_from(["", "", "", "民办", "停业"])),
}
MOSTLY_FILLED = [name for name in COLUMNS if name != "备注"]
TITLES = ["附件2：", "2025年度单位情况统计表", "某区单位名单\n（截至2025年6月20日）", "Statistics of Units", "表3-1"]
LABELS = [
    ["填报单位：某局", "", "单位：万元"],
    ["单位：万元"],
    ["制表日期：2025年6月"],
    ["填报单位：某局 单位：万元 2023年6月"],
]
GROUPS = ["北京市（92所）", "一、市直部门", "（二）街道", "第二部分 街道", "新泾片区"]
TOTALS = ["合计", "小 计", "总计：", "本页小计", "天山片区小计"]
NOTES = [
    "备注：本表由某处提供。",
    "注：数据不含分支机构。",
    "说明",
    "* 为初步数",
    "制表人：甲      审核人：乙",
    "2025年6月20日",
]


@dataclass
class Dressed:
    """A sheet with the rows that are its records."""

    rows: list[list[Any]] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    records: list[int] = field(default_factory=list)
    header: int = 0

    def add(self, cells: list[Any], *, left: int) -> int:
        self.rows.append([None] * left + cells)
        return len(self.rows)


@st.composite
def dressed(draw) -> Dressed:  # noqa: C901  one oddity after the other
    names = draw(st.lists(st.sampled_from(MOSTLY_FILLED), min_size=3, max_size=8, unique=True))
    if draw(st.booleans()):
        names.append("备注")
    numbered = draw(st.sampled_from([None, "序号", "编号", "序 号", "No.", "№"]))
    titles = ([numbered] if numbered else []) + names
    count = draw(st.integers(2, 25))
    left = draw(st.sampled_from([0, 0, 0, 1, 2]))
    width = len(titles)
    made = Dressed()

    def wide(cells: list[Any]) -> None:
        row = made.add(cells, left=left)
        if draw(st.booleans()):
            made.merged.append(f"{column_letters(left + 1)}{row}:{column_letters(left + width)}{row}")

    for title in draw(st.lists(st.sampled_from(TITLES), max_size=2, unique=True)):
        wide([title])
        if draw(st.booleans()):
            made.rows.append([])
    if draw(st.booleans()):
        made.add(draw(st.sampled_from(LABELS)), left=left)

    shown = [draw(st.sampled_from([title, " ".join(title), f"{title}\n", f" {title} "])) for title in titles]
    grouped = draw(st.booleans()) and width >= 4
    if grouped:
        at = draw(st.integers(1, width - 2))
        above = [None if at <= place < at + 2 else title for place, title in enumerate(shown)]
        above[at] = "基本情况"
        beneath = [title if at <= place < at + 2 else None for place, title in enumerate(shown)]
        first = made.add(above, left=left)
        second = made.add(beneath, left=left)
        if draw(st.booleans()):
            group = f"{column_letters(left + at + 1)}{first}:{column_letters(left + at + 2)}{first}"
            made.merged.append(group)
            made.merged += [
                f"{column_letters(left + place + 1)}{first}:{column_letters(left + place + 1)}{second}"
                for place in range(width)
                if not at <= place < at + 2
            ]
        header = [above, beneath]
    else:
        made.add(shown, left=left)
        header = [shown]
    made.header = len(made.rows)

    body_start = True
    for number in range(1, count + 1):
        match draw(st.integers(0, 24)):
            case 0:
                wide([draw(st.sampled_from(GROUPS))])
            case 1:
                made.rows.append([])
            case 2 if not body_start:
                for row in header:
                    made.add(list(row), left=left)
            case 3 if not body_start:
                label = draw(st.sampled_from(TOTALS))
                made.add([label, *[None] * (width - 2), float(draw(st.integers(1, 999)))], left=left)
            case _:
                pass
        values = [COLUMNS[name](draw) for name in names]
        cells = (
            ([draw(st.sampled_from([float(number), number])) if numbered else None][: 1 if numbered else 0]) + values
        )
        made.records.append(made.add(cells, left=left))
        body_start = False
    if numbered and draw(st.booleans()):
        made.add([float(count + 1)], left=left)
    for note in draw(st.lists(st.sampled_from(NOTES), max_size=3, unique=True)):
        if draw(st.booleans()):
            made.rows.append([])
        wide([note])
    return made


@given(dressed())
@settings(max_examples=300, deadline=None)
def test_a_dressed_table_gives_exactly_its_records_back(made):
    table = detected(made.rows, *made.merged)
    assert rows_of(table) == made.records
    assert table.header_row == made.header
    told = [*table.header_rows, *rows_of(table), *(one.row for one in table.skipped)]
    filled = [number for number, row in enumerate(made.rows, 1) if any(value not in {None, ""} for value in row)]
    assert sorted(told) == filled
