"""Rows that people put between a header and its records, among them and below them (guided profile)."""

import pytest

from tests.support.made_sheets import detected, rows_of, skipped, titles


def test_codes_written_as_numbers_head_groups_like_codes_written_as_texts():
    table = detected(
        [
            ["财务分类", "编码", "项目名称", "计价单位", "三级", "二级"],
            ["", 11.0, "（一）一般医疗服务"],
            ["", 1101.0, "1．挂号费"],
            ["A", 110100001.0, "挂号费", "次", 1.0, 0.8],
            ["A", 110100002.0, "急诊挂号费", "次", 2.0, 1.8],
            ["", 1102.0, "2．诊查费"],
            ["B", 110200001.0, "普通门诊诊查费", "次", 10.0, 8.0],
            ["B", 110200002.0, "专家门诊诊查费", "次", 20.0, 15.0],
            ["B", 110200003.0, "急诊诊查费", "次", 15.0, 12.0],
        ]
    )
    assert rows_of(table) == [4, 5, 7, 8, 9]
    assert skipped(table) == {2: "group", 3: "group", 6: "group"}


@pytest.mark.parametrize(
    "numbers",
    [
        ["栏次", "—", "—", "1", "2"],
        ["栏次", "", "", 1, 2],
        ["甲", "乙", "丙", 1, 2],
        ["甲", "乙", "丙", "①", "②"],
    ],
)
def test_the_numbers_of_the_columns_are_no_record_in_whatever_form(numbers):
    table = detected(
        [
            ["指标名称", "计量单位", "行次", "城市", "农村"],
            numbers,
            ["最低生活保障人数", "人", 1, 302, 901],
            ["最低生活保障户数", "户", 2, 200, 502],
            ["特困供养人数", "人", 3, 20, 102],
        ]
    )
    assert rows_of(table) == [3, 4, 5]
    assert skipped(table) == {2: "column-numbers"}


def test_nor_are_they_where_each_half_of_a_table_has_its_own():
    table = detected(
        [
            ["收入", "", "", "支出", "", ""],
            ["项目", "行次", "决算数", "项目", "行次", "决算数"],
            ["栏次", "", 1, "栏次", "", 2],
            ["财政拨款收入", 1, 1202.33, "公共服务支出", 32, 802.1],
            ["事业收入", 2, "", "公共安全支出", 33, 33.0],
        ],
        "A1:C1",
        "D1:F1",
    )
    assert rows_of(table) == [4, 5]
    assert skipped(table) == {3: "column-numbers"}


def test_codes_under_the_titles_are_no_record():
    table = detected(
        [
            ["单位名称", "乡镇个数", "村民小组个数", "农户数"],
            ["代码", "A101", "A102", "A103"],
            ["青山乡", 1, 88, 2301],
            ["绿水镇", 1, 102, 3022],
        ]
    )
    assert rows_of(table) == [3, 4]
    assert skipped(table) == {2: "column-numbers"}


def test_hints_on_how_to_fill_the_columns_are_no_record():
    table = detected(
        [
            ["单位名称", "统一社会信用代码", "罚款金额（万元）", "处罚决定日期"],
            ["必填，填写全称", "法人必填，18位", "选填，阿拉伯数字", "必填，格式YYYY/MM/DD"],
            ["青云建筑有限公司", "91340100MA2XXXXX51", 2.0, "2024/05/01"],
            ["远山物流有限公司", "91340100MA2XXXXX52", 0.5, "2024/05/02"],
        ]
    )
    assert rows_of(table) == [3, 4]
    assert skipped(table) == {2: "note"}


def test_a_first_record_of_words_that_tells_to_fill_something_in_is_no_hint():
    table = detected(
        [
            ["事项", "办理方式", "备注"],
            ["填写登记表", "现场办理", "必填内容见附件"],
            ["提交材料", "网上办理", ""],
            ["领取证件", "邮寄", ""],
        ]
    )
    assert rows_of(table) == [2, 3, 4]


def test_an_example_in_place_of_the_first_number_is_no_record():
    table = detected(
        [
            ["序号", "姓名", "单位", "服务时长"],
            ["示例", "张某", "某某街道", 10],
            [1, "李某", "青石街道", 12],
            [2, "王某", "白云街道", 8],
        ]
    )
    assert rows_of(table) == [3, 4]
    assert skipped(table) == {2: "note"}


def test_a_row_without_a_word_that_sums_those_above_is_a_total():
    table = detected(
        [
            ["序号", "村（社区）", "户数", "金额（元）"],
            [1, "桥头村", 12, 6000],
            [2, "河滨村", 8, 4000],
            [3, "云山村", 10, 5000],
            ["", "", 30, 15000],
        ]
    )
    assert rows_of(table) == [2, 3, 4]
    assert skipped(table) == {5: "total"}


def test_a_last_row_without_a_name_that_sums_nothing_stays_a_record():
    table = detected(
        [
            ["村（社区）", "户数", "金额（元）"],
            ["桥头村", 12, 6000],
            ["河滨村", 8, 4000],
            ["云山村", 10, 5000],
            ["", 7, 3500],
        ]
    )
    assert rows_of(table) == [2, 3, 4, 5]


@pytest.mark.parametrize("place", [1, 4])
def test_the_whole_district_is_a_total_where_its_figures_are_the_sum(place):
    rows = [
        ["地区", "户数", "金额（元）"],
        ["桥头村", 12, 6000],
        ["河滨村", 8, 4000],
        ["云山村", 10, 5000],
    ]
    rows.insert(place, ["全 区", 30, 15000])
    assert skipped(detected(rows)) == {place + 1: "total"}


def test_but_not_where_they_are_none():
    table = detected(
        [
            ["地区", "指数", "增速"],
            ["全国", 102.1, 1.1],
            ["桥头村", 101.2, 0.5],
            ["河滨村", 103.8, 2.2],
        ]
    )
    assert rows_of(table) == [2, 3, 4]


def test_an_average_of_the_records_is_no_record():
    rows = [["学校", "参测人数", "优良率"], ["一小", 302, 0.55], ["二小", 280, 0.49], ["三小", 410, 0.61]]
    assert skipped(detected([*rows, ["全区平均", 330.7, 0.55]])) == {5: "total"}


def test_one_figure_among_extremes_is_a_record():
    rows = [["统计量", "水温", "流量"], ["最大值", 30.2, 110.0], ["最小值", 8.1, 20.0], ["平均值", 18.0, 61.0]]
    assert rows_of(detected(rows)) == [2, 3, 4]


def test_a_count_alone_below_a_list_is_a_total():
    table = detected([["企业名称"], ["云川商贸有限公司"], ["远山物流有限公司"], ["青云建筑有限公司"], ["共3户"]])
    assert rows_of(table) == [2, 3, 4]
    assert skipped(table) == {5: "total"}


def test_a_group_may_tell_its_subtotal():
    table = detected(
        [
            ["项目名称", "项目类型", "债券期限", "发行利率", "金额"],
            ["一、一般债券", "", "", "", 3.0],
            ["快速路", "市政", "10年", "2.3%", 1.0],
            ["中学新建", "教育", "10年", "2.3%", 2.0],
            ["二、专项债券", "", "", "", 5.0],
            ["产业园", "园区", "15年", "2.5%", 3.0],
            ["污水管网", "环保", "20年", "2.6%", 2.0],
        ]
    )
    assert rows_of(table) == [3, 4, 6, 7]
    assert skipped(table) == {2: "group", 5: "group"}


def test_a_chronicle_is_no_form_and_its_months_are_no_signatures():
    table = detected(
        [
            ["时间", "事件"],
            ["2024年1月3日", "召开全区经济工作会议。"],
            ["2024年2月", "开展调研。"],
            ["3月", "开展学雷锋活动。"],
            ["2024年4月", "召开招商大会。"],
            ["2024年5月6日"],
        ]
    )
    assert rows_of(table) == [2, 3, 4, 5]
    assert skipped(table) == {6: "note"}


def test_days_of_a_month_head_a_table_with_their_weekdays():
    header = [["姓名", *range(1, 8), "合计"], ["", "日", "一", "二", "三", "四", "五", "六", ""]]
    rows = [[name, "", "√", "√", "√", "√", "√", "", 5] for name in ("甲某", "乙某", "丙某")]
    table = detected([["考勤登记表"], *header, *rows])
    assert table.header_rows == (2, 3)
    assert titles(table) == ["姓名", "1/日", "2/一", "3/二", "4/三", "5/四", "6/五", "7/六", "合计"]
    assert titles(detected([["考勤表"], header[0], *rows])) == ["姓名", *"1234567", "合计"]


def test_units_of_two_parts_belong_to_the_header():
    table = detected(
        [
            ["测站", "日期", "水位", "流量", "雨量"],
            ["", "", "m", "m³/s", "mm"],
            ["临江站", "2024-07-01", 12.31, 230, 10.5],
            ["龙口站", "2024-07-01", 8.22, 110, 0],
        ]
    )
    assert titles(table) == ["测站", "日期", "水位/m", "流量/m³/s", "雨量/mm"]
    assert rows_of(table) == [3, 4]


def test_a_record_that_looks_like_all_others_heads_no_table():
    rows = [["110101", "东城区", "北京市"], ["110102", "西城区", "北京市"], ["110105", "朝阳区", "北京市"]]
    table = detected(rows)
    assert table.header_row is None
    assert rows_of(table) == [1, 2, 3]


def test_a_cell_merged_over_two_columns_names_one():
    table = detected(
        [
            ["项目代码", "", "项目名称", "批复日期"],
            ["2404-340102-04-01-100001", "", "道路工程", "2024-04-01"],
            ["2404-340102-04-01-100002", "", "学校新建", "2024-04-08"],
        ],
        "A1:B1",
        "A2:B2",
        "A3:B3",
    )
    assert titles(table) == ["项目代码", "项目名称", "批复日期"]


def test_rows_of_a_form_above_a_table_do_not_name_its_columns():
    table = detected(
        [
            ["项目支出绩效目标表"],
            ["项目名称", "校舍维修", "主管部门", "区教育局"],
            ["实施期限", "2024年", "预算金额", "120万元"],
            ["总体目标", "完成10所学校校舍维修", "", ""],
            ["一级指标", "二级指标", "三级指标", "指标值"],
            ["产出指标", "数量指标", "维修学校数", "10所"],
            ["产出指标", "质量指标", "验收合格率", "100%"],
            ["效益指标", "社会效益", "受益学生", "≥5000人"],
        ],
        "B4:D4",
    )
    assert table.header_rows == (5,)
    assert rows_of(table) == [6, 7, 8]
