"""The table in a sheet as departments really fill it (REQ-A1; guided profile): header, records, and everything else."""

from tests.support.made_sheets import all_found, corrected, detected, rows_of, sheet, skipped, titles

COLLEGES = [
    [1.0, "北京市海淀区职工大学", "4211050001", "北京市"],
    [2.0, "北京市东城区职工业余大学", "4211050002", "北京市"],
    [3.0, "天津市河西区职工大学", "4212050101", "天津市"],
]
NAMES = ["序号", "学校名称", "学校标识码", "主管部门"]


def test_title_rows_above_the_header_are_no_header():
    table = detected(
        [
            ["附件2："],
            ["全国成人高等学校名单（截至2025年6月20日）"],
            ["填报单位：某局", "", "单位：所", "2025年6月"],
            NAMES,
            *COLLEGES,
        ],
        "A2:D2",
    )
    assert (table.header_rows, titles(table)) == ((4,), NAMES)
    assert rows_of(table) == [5, 6, 7]
    assert skipped(table) == {1: "title", 2: "title", 3: "label"}
    assert [column.is_sequence for column in table.columns] == [True, False, False, False]


def test_group_rows_totals_and_repeated_headers_are_no_records():
    table = detected(
        [
            ["学校名单"],
            NAMES,
            ["北京市（2所）"],
            *COLLEGES[:2],
            ["小计", "2所"],
            ["学校名单"],
            NAMES,
            ["天津市（1所）"],
            COLLEGES[2],
            ["合计", "", "3所"],
            ["备注：本表由某处提供。"],
            ["制表人：甲", "", "审核人：乙", "日期：2025年6月20日"],
        ],
        "A1:D1",
        "A3:D3",
        "A9:D9",
    )
    assert rows_of(table) == [4, 5, 10]
    assert skipped(table) == {
        1: "title",
        3: "group",
        6: "total",
        7: "repeated-title",
        8: "repeated-header",
        9: "group",
        11: "total",
        12: "note",
        13: "note",
    }


def test_a_header_of_merged_cells_in_three_rows_is_joined_from_top_to_bottom():
    table = detected(
        [
            ["企业情况表"],
            ["序号", "企业", "", "", "备注"],
            ["", "名称", "地址", "", ""],
            ["", "", "街道", "门牌", ""],
            [1.0, "甲公司", "新泾镇", "5号", ""],
            [2.0, "乙公司", "周家桥街道", "6号", ""],
        ],
        "A1:E1",
        "A2:A4",
        "B2:D2",
        "B3:B4",
        "C3:D3",
        "E2:E4",
    )
    assert table.header_rows == (2, 3, 4)
    assert titles(table) == ["序号", "企业/名称", "企业/地址/街道", "企业/地址/门牌", "备注"]
    assert rows_of(table) == [5, 6]


def test_a_header_of_two_rows_is_found_without_merged_cells_too():
    # A csv cannot have any.
    table = detected(
        [
            ["序号", "基本情况", "", "联系方式", "", "备注"],
            ["", "姓名", "性别", "电话", "邮箱", ""],
            ["1", "张三", "男", "52000001", "a@example.org", ""],
            ["2", "李四", "女", "52000002", "b@example.org", ""],
        ]
    )
    assert table.header_rows == (1, 2)
    assert titles(table) == ["序号", "基本情况/姓名", "基本情况/性别", "联系方式/电话", "联系方式/邮箱", "备注"]
    assert rows_of(table) == [3, 4]


def test_titles_lose_their_blanks_and_line_breaks():
    table = detected(
        [["序 号", "单 位\n名 称", "金额\n（万元）", "地区\nRegion"], [1.0, "甲", 3.5, "a"], [2.0, "乙", 4.5, "b"]]
    )
    assert titles(table) == ["序号", "单位名称", "金额（万元）", "地区 Region"]


def test_blank_rows_and_a_blank_column_at_the_left_part_nothing():
    rows = [[], ["", "名单"], [], ["", *NAMES], [], *[["", *row] for row in COLLEGES[:2]], [], ["", *COLLEGES[2]]]
    table = detected(rows)
    assert table.header_row == 4
    assert rows_of(table) == [6, 7, 9]
    assert [column.column for column in table.columns] == [2, 3, 4, 5]


def test_a_yearbook_table_has_years_for_titles_units_and_english_in_its_header():
    table = detected(
        [
            ["3-1 主要指标"],
            ["Main Indicators"],
            ["", "", "", "", "单位：亿元"],
            ["指标", 2019.0, 2020.0, 2021.0, 2022.0],
            ["Item"],
            ["生产总值", 100.5, 110.25, 120.75, 130.5],
            ["  第一产业", 1.5, 1.25, 1.0, 0.75],
            ["按行业分"],
            ["  工业", 50.5, 60.25, 61.75, 70.25],
            ["* 2022年为初步数。"],
        ]
    )
    assert titles(table)[1:] == ["2019", "2020", "2021", "2022"]
    assert rows_of(table) == [6, 7, 9]
    assert skipped(table)[8] == "group"
    assert skipped(table)[10] == "note"


def test_a_row_of_units_and_a_row_of_translations_belong_to_the_header():
    table = detected(
        [
            ["地区", "户数", "人口", "面积"],
            ["Region", "Households", "Population", "Area"],
            ["", "（户）", "（人）", "（平方公里）"],
            ["新泾镇", 100.0, 250.0, 1.5],
            ["北新泾街道", 200.0, 450.0, 2.5],
        ]
    )
    assert table.header_rows == (1, 2, 3)
    assert titles(table) == [
        "地区/Region",
        "户数/Households/（户）",
        "人口/Population/（人）",
        "面积/Area/（平方公里）",
    ]


def test_a_row_that_numbers_the_columns_is_no_record():
    table = detected(
        [
            ["项目", "单位", "本年", "上年"],
            ["甲", "乙", 1.0, 2.0],
            ["收入", "万元", 12.0, 11.0],
            ["支出", "万元", 9.0, 8.0],
        ]
    )
    assert rows_of(table) == [3, 4]
    assert skipped(table) == {2: "column-numbers"}


def test_a_row_with_nothing_but_its_number_is_no_record():
    table = detected([NAMES, *COLLEGES, [4.0], [5.0]])
    assert rows_of(table) == [2, 3, 4]
    assert skipped(table) == {5: "only-sequence", 6: "only-sequence"}


def test_the_groups_own_numbers_are_no_records():
    table = detected(
        [
            ["序号", "项目名称", "金额（万元）", "负责人"],
            ["一", "市级项目"],
            [1.0, "道路维修", 10.5, "甲"],
            [2.0, "桥梁维修", 20.5, "乙"],
            ["二", "区级项目"],
            [1.0, "绿化", 1.5, "丙"],
            [2.0, "照明", 2.5, "丁"],
        ]
    )
    assert rows_of(table) == [3, 4, 6, 7]
    assert skipped(table) == {2: "group", 5: "group"}


def test_a_value_of_cells_merged_downwards_is_carried_and_said():
    table = detected(
        [
            ["街道", "居委", "户数"],
            ["新泾镇", "一居", 10.0],
            ["", "二居", 20.0],
            ["", "三居", 30.0],
            ["北新泾", "四居", 40.0],
        ],
        "A2:A4",
    )
    assert [record.values[0] for record in table.records] == ["新泾镇", "新泾镇", "新泾镇", "北新泾"]
    assert [(remark.row, remark.column, remark.kind.value) for remark in table.remarks] == [(2, 1, "carried")]


def test_an_empty_cell_that_is_not_merged_stays_empty():
    table = detected([["街道", "居委", "户数"], ["新泾镇", "一居", 10.0], ["", "二居", 20.0], ["北新泾", "四居", 40.0]])
    assert [record.values[0] for record in table.records] == ["新泾镇", None, "北新泾"]
    assert table.remarks == ()


def test_a_sparse_record_is_still_a_record():
    table = detected([[*NAMES, "备注"], *COLLEGES, [4.0, "", "", "", "停办"], [5.0, "某校"]])
    assert rows_of(table) == [2, 3, 4, 5, 6]


def test_a_list_of_one_column_has_records():
    table = detected([["街道名单"], ["街道名称"], ["新泾镇"], ["北新泾街道"], ["程家桥街道"]])
    assert (titles(table), rows_of(table)) == (["街道名称"], [3, 4, 5])


def test_a_table_of_words_alone_has_its_first_full_row_for_a_header():
    table = detected(
        [
            ["人员名单"],
            ["姓名", "民族", "学历", "籍贯"],
            ["张三", "汉族", "本科", "上海"],
            ["李四", "回族", "专科", "江苏"],
        ],
        "A1:D1",
    )
    assert table.header_rows == (2,)
    assert rows_of(table) == [3, 4]


def test_one_record_is_enough():
    table = detected([["名单"], NAMES, COLLEGES[0]], "A1:D1")
    assert rows_of(table) == [3]


def test_a_second_table_below_is_not_read_and_said():
    table = detected(
        [
            NAMES,
            *COLLEGES,
            [],
            ["联系人名单"],
            ["序号", "姓名", "联系电话"],
            [1.0, "张三", "52000001"],
            [2.0, "李四", "52000002"],
        ]
    )
    assert rows_of(table) == [2, 3, 4]
    assert {row: reason for row, reason in skipped(table).items() if row > 6} == dict.fromkeys((7, 8, 9), "other-table")
    assert [remark.kind.value for remark in table.remarks] == ["below"]


def test_the_larger_of_two_tables_is_the_one_that_was_meant():
    small = [["项目", "数量"], ["甲", 1.0], ["乙", 2.0]]
    table = detected([*small, [], ["明细"], NAMES, *COLLEGES, *COLLEGES])
    assert table.header_rows == (6,)
    assert len(table.records) == 6
    assert {skipped(table)[row] for row in (1, 2, 3)} == {"other-table"}


def test_a_second_table_is_the_main_one_only_if_it_has_twice_the_records():
    first = [["序号", "名称", "备注"], [1.0, "甲", ""], [2.0, "乙", ""]]
    second = [["序号", "姓名", "电话"], *([float(n), f"张{n}", f"5200000{n}"] for n in range(1, 9))]
    assert detected([*first, [], *second]).header_rows == (5,)
    assert detected([*first, [], *second[:3]]).header_rows == (1,)


def test_words_below_the_last_record_are_a_note_whatever_they_say():
    table = detected([NAMES, *COLLEGES, ["以上各校均已备案"], ["某区教育局"]])
    assert skipped(table) == {5: "note", 6: "note"}


def test_a_list_folded_into_two_halves_is_read_at_the_left_and_said():
    table = detected(
        [
            ["序号", "姓名", "电话", "", "序号", "姓名", "电话"],
            [1.0, "张三", "52000001", "", 3.0, "王五", "52000003"],
            [2.0, "李四", "52000002", "", 4.0, "赵六", "52000004"],
        ]
    )
    assert titles(table) == ["序号", "姓名", "电话"]
    assert [remark.kind.value for remark in table.remarks] == ["beside"]


def test_a_sheet_that_is_a_cover_or_an_explanation_gives_no_table():
    cover = sheet([[], ["", "某区统计报表"], [], ["", "填报单位：某局"], ["", "2025年6月"]], name="封面")
    words = sheet([["填表说明"], ["一、本表由各单位填写。"], ["二、请于每月5日前报送。"]], name="说明")
    found = all_found(cover, words, sheet([NAMES, *COLLEGES], name="数据"), hidden=["底稿"])
    assert [table.sheet for table in found.tables] == ["数据"]
    assert {one.sheet: one.reason.value for one in found.unread} == {
        "封面": "no-table",
        "说明": "no-table",
        "底稿": "hidden",
    }


def test_a_sheet_without_a_header_goes_on_with_the_columns_of_the_one_before():
    found = all_found(
        sheet([["名单"], NAMES, *COLLEGES], name="一"),
        sheet([[4.0, "丁校", "4213050101", "河北省"], [5.0, "戊校", "4213050102", "河北省"]], name="二"),
    )
    first, second = found.tables
    assert second.header_row is None
    assert titles(second) == titles(first)
    assert rows_of(second) == [1, 2]


def test_each_sheet_has_a_header_of_its_own():
    found = all_found(
        sheet([NAMES, *COLLEGES], name="一"),
        sheet([["姓名", "电话"], ["张三", "52000001"], ["李四", "52000002"]], name="二"),
    )
    assert [titles(table) for table in found.tables] == [NAMES, ["姓名", "电话"]]


def test_rows_under_no_header_are_told_as_having_none():
    table = detected([["张三", "52000001", 1.5], ["李四", "52000002", 2.5], ["王五", "52000003", 3.5]])
    assert table.header_row is None
    assert rows_of(table) == [1, 2, 3]
    assert [remark.kind.value for remark in table.remarks] == ["no-header"]


def test_a_header_that_a_person_named_is_taken():
    table = corrected([["甲", "乙"], ["丙", "丁"], ["戊", "己"]], header=[2])
    assert (table.header_rows, rows_of(table)) == ((2,), [3])


def test_every_row_with_content_is_header_record_or_skipped_once():
    table = detected([["名单"], [], NAMES, ["北京市（2所）"], *COLLEGES, ["注：完"], ["", "", "", "", "", "", "旁注"]])
    told = [*table.header_rows, *rows_of(table), *skipped(table)]
    assert sorted(told) == [1, 3, 4, 5, 6, 7, 8, 9]
