"""Sheets as ministries and departments publish them, read as a person reads them (guided profile)."""

from datetime import date

import pytest

from tests.support.made_sheets import all_found, detected, rows_of, sheet, skipped, titles

NAMES = ["序号", "学校名称", "学校标识码", "主管部门", "所在地", "办学层次", "备注"]


def school(number, name, code):
    return [number, name, code, "北京市", "北京市", "本科", ""]


def test_a_group_row_that_fills_two_of_seven_cells_is_no_record():
    table = detected(
        [
            NAMES,
            ["北京市", "", "2所"],
            school(1.0, "甲校", "4111010001"),
            school(2.0, "乙校", "4111010002"),
            ["天津市", "", "1所"],
            school(3.0, "丙校", "4112010055"),
        ]
    )
    assert rows_of(table) == [3, 4, 6]
    assert skipped(table) == {2: "group", 5: "group"}


def test_so_is_one_in_a_list_without_numbers():
    table = detected(
        [
            ["机构名称", "机构代码", "等级", "地址", "联系电话", "备注"],
            ["浦东新区", "共2家"],
            ["浦东医院", "H31011500123", "三级", "拱为路2800号", "021-68030812"],
            ["周浦医院", "H31011500124", "二级", "周园路1500号", "021-68135590"],
            ["长宁区", "共1家"],
            ["同仁医院", "H31010500125", "三级", "仙霞路1111号", "021-52039999"],
        ]
    )
    assert rows_of(table) == [3, 4, 6]
    assert skipped(table) == {2: "group", 5: "group"}


def test_a_code_that_the_codes_below_begin_with_heads_a_group():
    table = detected(
        [
            ["分类代码", "分类", "编号", "药品名称", "剂型"],
            ["XA", "消化道和代谢方面的药物"],
            ["XA01", "口腔科制剂"],
            ["XA01A", "口腔科制剂", "乙1", "地喹氯铵", "口含片"],
            ["XA01A", "口腔科制剂", "乙2", "克霉唑", "口腔药膜"],
            ["XA02", "治疗胃酸相关类疾病的药物"],
            ["XA02A", "抗酸药", "甲1", "复方氢氧化铝", "口服常释剂型"],
            ["XA02A", "抗酸药", "乙3", "铝碳酸镁", "口服常释剂型"],
            ["XA02B", "治疗消化性溃疡病的药物", "甲2", "雷尼替丁", "口服常释剂型"],
        ]
    )
    assert rows_of(table) == [4, 5, 7, 8, 9]


def test_words_where_no_record_has_any_head_a_group():
    drugs = [[None, None, None, f"★({number})", f"药品{number}", "注射剂"] for number in range(8)]
    head = ["药品分类代码", "药品分类", None, "编号", "药品名称", "剂型"]
    kinds = ["XA00", "消化道和代谢方面的药物"], ["XA00A", None, "口腔科制剂"]
    table = detected(
        [head, *kinds, *drugs[:4], ["XB01", "血液和造血器官药"], ["XB01A", None, "抗血栓形成药"], *drugs[4:]]
    )
    assert rows_of(table) == [4, 5, 6, 7, 10, 11, 12, 13]


def test_a_code_with_a_name_and_nothing_else_is_a_record_where_no_code_below_begins_with_it():
    rows = [["编码", "名称", "街镇", "居委", "面积"]]
    rows += [[f"A10{number}", f"甲{number}", "新泾镇", "淞虹", 1.5] for number in range(6)]
    table = detected([*rows, ["A200", "乙"], ["A301", "丙", "新泾镇", "淞虹", 2.5]])
    assert 8 in rows_of(table)


def test_signatures_in_as_many_cells_as_there_are_columns_are_no_record():
    table = detected(
        [
            ["街镇", "户数", "人数", "面积"],
            ["新泾镇", 1.0, 2.0, 3.5],
            ["虹桥街道", 2.0, 3.0, 4.5],
            ["单位负责人：", "统计负责人：", "填表人：", "报出日期：20  年  月  日"],
        ]
    )
    assert skipped(table) == {4: "note"}


def test_an_amount_in_words_under_a_short_numbered_list_is_no_record():
    table = detected(
        [
            ["序号", "品名", "数量", "单价", "总价"],
            [1.0, "电脑", 2.0, 5000.0, 10000.0],
            [2.0, "打印机", 1.0, 2000.0, 2000.0],
            [3.0],
            ["总价（大写）：壹万贰仟元整", "", "", "", 12000.0],
            ["单位负责人（签字）：", "", "", "经办人（签字）："],
            ["", "", "", "年   月   日"],
        ]
    )
    assert rows_of(table) == [2, 3]


def test_a_header_of_three_rows_has_a_group_of_one_column_at_its_end():
    table = detected(
        [
            ["单位：万人"],
            ["年 份", "就业人员", "", "", "", "构成(合计=100)"],
            ["", "合 计", "第一产业", "第二产业", "第三产业", "第一产业"],
            ["Year", "Total", "Primary", "Secondary", "Tertiary", "Primary"],
            ["1978", 40152.0, 28318.0, 6945.0, 4890.0, 70.5],
            ["1980", 42361.0, 29122.0, 7707.0, 5532.0, 68.7],
            ["1985", 49873.0, 31130.0, 10384.0, 8359.0, 62.4],
        ],
        "B2:E2",
    )
    assert table.header_rows == (2, 3, 4)
    assert titles(table)[1] == "就业人员/合计/Total"
    assert titles(table)[5] == "构成(合计=100)/第一产业/Primary"


@pytest.mark.parametrize(
    ("months", "told"),
    [
        ([2023.01, 2023.02, 2023.03], ["2023.01", "2023.02", "2023.03"]),
        (["2023.08", "2023.09", "2023.10"], ["2023.08", "2023.09", "2023.10"]),
        ([date(2023, 1, 1), date(2023, 2, 1), date(2023, 3, 1)], ["2023/01/01", "2023/02/01", "2023/03/01"]),
    ],
)
def test_months_may_name_columns_of_numbers(months, told):
    table = detected(
        [
            ["货币供应量"],
            ["", "", "", "单位：亿元人民币"],
            ["项目 Item", *months],
            ["货币和准货币（M2）", 2738072.06, 2755249.23, 2814566.31],
            ["货币（M1）", 655214.16, 657938.74, 678059.63],
            ["流通中货币（M0）", 114601.3, 107602.58, 105591.3],
        ]
    )
    assert table.header_rows == (3,)
    assert titles(table) == ["项目 Item", *told]
    assert rows_of(table) == [4, 5, 6]


def test_a_row_of_dates_over_dates_is_a_record():
    row = ["甲", date(2023, 1, 1), date(2023, 2, 1), date(2023, 3, 1)]
    table = detected([["名称", "受理日期", "办结日期", "公示日期"], row, ["乙", *row[1:]], ["丙", *row[1:]]])
    assert (table.header_rows, rows_of(table)) == ((1,), [2, 3, 4])


FORMS = {
    "of an enterprise": [
        ["事业单位法人登记申请表"],
        ["单位名称", "某区图书馆", "统一社会信用代码", "12310105425012345X"],
        ["法定代表人", "张三", "联系电话", "021-62510000"],
        ["开办资金", "500万元", "经费来源", "财政补助"],
        ["住所", "天山路356号"],
        ["宗旨和业务范围", "收集、整理图书资料，提供借阅服务。"],
        ["举办单位", "某区文化局", "登记日期", "2019年5月6日"],
        ["审核意见"],
        ["填表人：李四", "", "填表日期：2023年6月1日"],
    ],
    "of a person": [
        ["报名登记表"],
        ["姓名", "张三", "性别", "女", "出生年月", "1990.05"],
        ["民族", "汉族", "籍贯", "上海", "政治面貌", "党员"],
        ["学历", "本科", "学位", "学士", "毕业院校", "某大学"],
        ["身份证号", "310105199005050022", "", "", "联系电话", "13800000000"],
        ["家庭住址", "长宁区某路1号", "", "", "邮编", "200050"],
        ["工作经历", "2012年至今 某公司 职员"],
        ["本人签名：", "", "年  月  日"],
    ],
    "of two columns": [
        ["企业基本信息表"],
        ["企业名称", "某某科技有限公司"],
        ["统一社会信用代码", "91310105MA1FW00X1A"],
        ["法定代表人", "李四"],
        ["注册资本", "1000万元"],
        ["成立日期", "2015-03-01"],
    ],
    "that nobody has filled": [
        ["专项资金申报表"],
        ["项目名称"],
        ["申报单位", "", "法定代表人"],
        ["联系人", "", "联系电话"],
        ["项目总投资（万元）", "", "申请资金（万元）"],
        ["项目简介"],
        ["单位意见", "（盖章）\n年  月  日"],
    ],
}


@pytest.mark.parametrize("rows", FORMS.values(), ids=FORMS.keys())
def test_a_form_of_labels_and_values_has_no_records(rows):
    found = all_found(sheet(rows))
    assert found.tables == ()
    assert [one.reason.value for one in found.unread] == ["no-table"]


@pytest.mark.parametrize(
    "rows",
    [
        [["指标名称", "数值"], ["生产总值", 1000.5], ["常住人口数", 70.0], ["财政收入总额", 200.5]],
        [["项目", "内容"], ["单位名称", "某图书馆"], ["地址", "某路1号"], ["联系电话", "62510000"]],
        [
            ["数据项名称", "字段类型", "长度"],
            ["企业名称", "字符型", 200.0],
            ["成立日期", "日期型", 10.0],
            ["备注", "字符型", 500.0],
        ],
    ],
)
def test_a_list_of_names_under_titles_of_its_columns_is_no_form(rows):
    assert rows_of(detected(rows)) == [2, 3, 4]
