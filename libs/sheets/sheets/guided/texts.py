"""Words of sheets: how a title is written plainly, and which texts are titles, totals, notes or labels.

The patterns are the vocabulary of Chinese administrative tables; each stands for a habit met in real files.
"""

import functools
import re
import unicodedata
from datetime import date, datetime
from typing import Final

from sheets.cells import Value

_BLANKS: Final = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
_WIDE: Final = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f\U00020000-\U0003ffff"
_GAP_IN_CHINESE: Final = re.compile(f"(?<=[{_WIDE}]) (?=[{_WIDE}(])|(?<=[)]) (?=[{_WIDE}])")
_BRACKETS: Final = re.compile(r"[(\[【〔{<《][^)\]】〕}>》]*[)\]】〕}>》]")
_MARKS: Final = re.compile(r"[*※#★☆△▲①-⑳\u00b9\u00b2\u00b3\u2070-\u2079:：。、,，;；]+$|^[*※★☆△▲]+")
_UNIT_TAIL: Final = re.compile(r"[,，/]?单位[:：].*$")
TITLE_CHARACTERS: Final = 60
"""A title of a column is hardly ever longer; a longer text is a sentence."""

_TITLE_WORDS_CHARACTERS: Final = 24
_SEQUENCE: Final = re.compile(
    r"(?:序号?|序列号?|顺序号?|编号|行号|项次|排序|no\.?|num\.?|number|s/?n|#|№|n[o0]\.)", re.IGNORECASE
)
_ALWAYS_SEQUENCE: Final = re.compile(r"(?:序号?|顺序号?|行号|项次|№|no\.)", re.IGNORECASE)
_TITLE_ENDINGS: Final = re.compile(
    r"(?:序号|编号|名称|全称|简称|姓名|性别|民族|籍贯|年龄|单位|地址|详址|住址|住所|地点|位置|电话|手机|号码|联系方式|联系人|邮编|邮政编码|"
    r"日期|时间|年份|年度|月份|类型|类别|种类|分类|性质|级别|等级|层次|状态|状况|情况|数量|金额|总额|余额|总计|合计|小计|总数|面积|人口|人数|"
    r"户数|次数|件数|个数|代码|编码|标识码|证号|证件|身份证|学历|学位|专业|职务|职称|备注|说明|摘要|所在地|地区|区域|经度|纬度|坐标|负责人|"
    r"代表人|法人|主管部门|部门|事项|内容|规格|型号|品牌|价格|单价|比例|比重|占比|率|指标|范围|期限|有效期|文号|依据|结果|结论|意见|来源|"
    r"网址|网站|邮箱|属性|目标|面貌|经历|简历|简介|概况|年月|资金|毕业院校|毕业学校|用途|方式|形式|标准|条件|要求|程度|批次|科目|预算|决算|收入|支出|增长|增减|同比|环比|指数|总值|产值|产量|"
    r"codes?|names?|ids?|dates?|types?|address|phone|remarks?|regions?|total|years?|units?|items?|title|status|time|number|amount|"
    r"price|category|description|value|quantity)$",
    re.IGNORECASE,
)
_WEAK_ENDINGS: Final = re.compile(r"(?:码|度|量|值|数|费|款|额|期|日|型|者|人|年|月)$")
_SURE_TITLES: Final = re.compile(
    r"(?:序号|编号|名称|姓名|性别|民族|备注|地址|联系电话|电话|日期|单位|单位名称|项目|指标|地区|代码|类型|类别|数量|金额|合计|说明|年份|"
    r"省|省份|市|城市|区|区县|县|街道|街镇|镇|乡镇|乡|社区|居委|村|机构|机关|企业|公司|学校|院校|部门|国家|产品|商品|品种|场所|人员|"
    r"name|code|id|date|type|remark|region|item|address|year|province|city|district|country|tel|phone|no\.?)",
    re.IGNORECASE,
)
_TOTAL: Final = re.compile(
    r"[^，。；]{0,14}?(?:合计|小计|总计|共计|累计|汇总|本页计|本表计|总和|总数)(?:数|额)?[:：]?(?:\(.{0,20}\))?|计|总|"
    r"(?:grand|sub)?[ -]?total:?|sum:?",
    re.IGNORECASE,
)
_TOTAL_SENTENCE: Final = re.compile(
    r"(?:合计|小计|总计|共计|以上合计|累计)[:：]?[^，。；]{0,4}\d[\d,.]*[^，。；]{0,12}"
)
_NOTE: Final = re.compile(
    r"(?:备\s*注|附\s*注|注\s*释|注|说\s*明|填表说明|填报说明|编制说明|特别说明|温馨提示|提示|声明|资料来源|数据来源|来源|notes?|source|remarks?)"
    r"\s*\d{0,2}\s*[:：.、)]|[*＊※]|注[①-⑳\d]|\(?注\)|(?:本表|上表|以上)[^，。]{0,12}(?:数据|统计|资料|由|为|仅|不含|包括|系|共|内容|情况)",
    re.IGNORECASE,
)
_NOTE_WORD: Final = re.compile(r"(?:备注|附注|注释|注|说明|填表说明|填报说明|notes?)[:：]?", re.IGNORECASE)
_LABEL: Final = re.compile(
    r"[(【]?[^:：]{0,6}?(?:填报|填表|填制|制表|制单|编制|编报|上报|报送|呈报|报表|报告|审核|审批|审定|复核|校对|核对|经办|负责人|联系人|"
    r"联系电话|联系方式|电话|传真|单位|部门|机构名称|日期|时间|期间|年月|年度|统计|截至|截止|批准|文号|表号|密级|主管|领导|签字|签名|盖章|公章|经手|"
    r"共计?页|页码|数据来源|资料来源|制定机关|有效期|金额单位|计量单位|货币单位|备案)[^:：]{0,10}[:：]",
)
_SIGNATURE: Final = re.compile(
    r"(?:\d{4}|[〇零一二三四五六七八九]{4}|\s*)年\s*(?:\d{1,2}|[一二三四五六七八九十]{1,3})?\s*月(?:\s*(?:\d{1,2}|[一二三四五六七八九十]{1,3})?\s*日)?"
    r"(?:[至到\-—~].*)?|第?\s*\d+\s*页(?:\s*[,，/]?\s*共\s*\d+\s*页)?|-\s*\d+\s*-|\d+\s*/\s*\d+|page\s*\d+.*|[(（]?续表?\d*[)）]?|"
    r"\(?(?:接上|续上|转下|接下)[页表]\)?|(?:盖章|公章|签章)|\((?:盖章|公章|签章)\)|以下空白|此页无正文|.{0,4}以下无正文",
    re.IGNORECASE,
)
_ATTACHMENT: Final = re.compile(r"附\s*[件表录][一二三四五六七八九十\d\-－—.]*\s*[:：]?")
_ORDINAL: Final = re.compile(r"\(?[一二三四五六七八九十百]+\)?[、.．]?|[ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩIVX]+[、.．]?|[甲乙丙丁戊己庚辛]、?")
_ORDINAL_START: Final = re.compile(
    r"\(?[一二三四五六七八九十]+(?:[、.．)]|部分)|第[一二三四五六七八九十\d]+[部批类章节编组]|[ⅠⅡⅢⅣⅤ]、"
)
_COUNTED: Final = re.compile(
    r".{1,30}\((?:共|计|合计)?\s*\d+\s*[^\d\s()]{1,4}\)[:：]?|.{1,30}[:：]\s*\d+\s*[所个家户人名件项]"
)
_COUNT: Final = re.compile(
    r"\(?(?:共|共计|计|合计)?\s*\d+\s*[所个家户人名件项处批种座条起宗辆台份张只例次间栋套位篇]\)?"
)
_HINT: Final = re.compile(
    r"[(【*]*(?:必填|选填|非必填|可选填|可不填|条件必填|填写|请填|请选|请输入|示例|样例|例如|例[:：]|如[:：]|格式)"
)
_EXAMPLE: Final = re.compile(r"[(【]?(?:例|示例|样例|范例|举例|填写示例|填报示例)\d?[)】]?[:：]?")
_CODE_ROW: Final = re.compile(r"(?:指标|字段|栏目|数据项|项目)?(?:代码|编码|代号)|字段名称?")
_AVERAGE: Final = re.compile(r"(?:全[国省市区县州]|总|总体|年|季|月|日)?(?:平均(?:值|数|分|水平)?|均值)")
_WEEKDAY: Final = re.compile(r"(?:星期|周)?[一二三四五六日天]")
_EXTREME: Final = re.compile(r"最[大小高低多少]|极[大小]|中位|标准差")
_WHOLE: Final = re.compile(
    r"全(?:国|省|市|区|县|州|盟|旗|乡|镇|街道|村|校|院|局|系统|域|行业|地区|自治区)|总[值量额]|全部"
)
_UNIT: Final = re.compile(
    r"\(?(?:单位[:：])?(?:[百千万亿]*(?:元|人|户|个|吨|米|公里|千米|平方米|平方公里|公顷|亩|立方米|千瓦时|度|件|台|套|辆|次|家|所|间|名|人次|张|份|条|"
    r"只|头|篇|项|岁|年|月|天|日|小时|分|斤|公斤|千克|克|升|美元|床|张床|户次)(?:/[\u4e00-\u9fff]{1,4})?|%|％|‰|度|-|—|mm|cm|m|km|kg|t|m2|m3|℃|㎡|ha|"
    r"(?:[μµnukcdm]?g|[mμ]?l|k?wh?|[km]?pa|m[23]?|t|mm|km[23]?)/(?:m[23]?|l|s|h|d|a|k?g|min|km2|t)|"
    r"yuan|persons?|units?|tons?|10 ?000 (?:yuan|persons?|tons?)|100 million (?:yuan|usd)|usd|sets?|households?)\)?",
    re.IGNORECASE,
)
_LATIN: Final = re.compile(r"(?=.*[A-Za-z]{2})[\x20-\x7e\u2018-\u201d\u2013\u2014]+")
_CONTINUED: Final = re.compile(r"[(-]*续[表页]?[一二三四五六七八九十0-9]*\)?$")
_CHINESE: Final = re.compile("[\u3400-\u9fff]")


@functools.lru_cache(maxsize=50_000)
def visible_text(text: str) -> str:
    """A text on one line, blanks at its ends and within Chinese left out, other blanks single."""
    return _GAP_IN_CHINESE.sub("", _BLANKS.sub(" ", text).strip())


def title_text(value: Value) -> str:
    """A header cell as a title: `单 位 名 称` is 单位名称, the number 2019.0 is 2019."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, date):
        is_day = not isinstance(value, datetime) or (value.hour, value.minute, value.second) == (0, 0, 0)
        return f"{value:%Y/%m/%d}" if is_day else f"{value:%Y/%m/%d %H:%M:%S}"
    return visible_text(str(value))


@functools.lru_cache(maxsize=50_000)
def folded(text: str) -> str:
    """For comparing: without blanks, width and case."""
    return _BLANKS.sub("", unicodedata.normalize("NFKC", text)).casefold()


@functools.lru_cache(maxsize=50_000)
def bare(text: str) -> str:
    """For matching titles: folded, without units and remarks in brackets and without marks of footnotes."""
    plain = folded(text)
    cut = _UNIT_TAIL.sub("", _BRACKETS.sub("", plain))
    return _MARKS.sub("", cut) or plain


def without_continued(text: str) -> str:
    """A title for comparing, without the （续） of a further page."""
    return _CONTINUED.sub("", folded(text))


def is_sequence_title(text: str) -> bool:
    """Whether a column of this title may be one that only counts rows."""
    return _SEQUENCE.fullmatch(folded(text)) is not None


def is_sure_sequence_title(text: str) -> bool:
    """Whether a column of this title counts rows, whatever its cells look like."""
    return _ALWAYS_SEQUENCE.fullmatch(folded(text)) is not None


def title_weight(text: str) -> float:
    """How much a text looks like a column's title by its words: 0 to 1."""
    plain = bare(text)
    if not plain or len(plain) > TITLE_CHARACTERS:
        return 0.0
    if _SURE_TITLES.fullmatch(plain) or _SEQUENCE.fullmatch(plain):
        return 1.0
    if len(plain) > _TITLE_WORDS_CHARACTERS:
        return 0.0
    if _TITLE_ENDINGS.search(plain):
        return 0.8
    return 0.35 if _WEAK_ENDINGS.search(plain) else 0.0


def is_total(text: str) -> bool:
    """合计, 小计, 全区总计, Total."""
    plain = folded(text)
    return bool(_TOTAL.fullmatch(plain) or _TOTAL_SENTENCE.fullmatch(plain))


def is_note(text: str) -> bool:
    """注：…, 备注：…, 说明：…, *…: a sentence below a table."""
    plain = visible_text(unicodedata.normalize("NFKC", text))
    return bool(_NOTE.match(plain) or _NOTE_WORD.fullmatch(plain))


def opens_notes(text: str) -> bool:
    """Whether what follows this row are notes too."""
    plain = folded(text)
    return bool(re.match(r"(?:备注|附注|注释|注|说明|填表说明|填报说明|notes?)\d{0,2}(?:[:：.、]|$)", plain))


def is_label(text: str) -> bool:
    """填报单位：…, 制表人：…, 单位：万元: what is said about the whole table."""
    plain = unicodedata.normalize("NFKC", visible_text(text))
    return bool(_LABEL.match(plain) or _SIGNATURE.fullmatch(plain))


def is_signature(text: str) -> bool:
    """2024年3月, 第2页, （公章）: said about the whole table where it stands alone, else a value."""
    return _SIGNATURE.fullmatch(unicodedata.normalize("NFKC", visible_text(text))) is not None


def is_weekday(text: str) -> bool:
    """一, 周日, 星期三."""
    return _WEEKDAY.fullmatch(folded(text)) is not None


def is_attachment(text: str) -> bool:
    """附件2：, 附表1."""
    return _ATTACHMENT.fullmatch(unicodedata.normalize("NFKC", visible_text(text))) is not None


def is_ordinal(text: str) -> bool:
    """一, （二）, 三、, IV: the number of a group."""
    return _ORDINAL.fullmatch(folded(text).upper()) is not None


def is_group(text: str) -> bool:
    """一、市直部门; 北京市（92所）."""
    plain = folded(text)
    return bool(_ORDINAL_START.match(plain) or _COUNTED.fullmatch(plain))


def is_count(text: str) -> bool:
    """共2家, 3所: how many a group has."""
    return _COUNT.fullmatch(folded(text)) is not None


def is_unit(text: str) -> bool:
    """（万元）, 人, %."""
    return _UNIT.fullmatch(unicodedata.normalize("NFKC", visible_text(text))) is not None


def is_latin(text: str) -> bool:
    """Words in Latin letters and nothing Chinese."""
    return _LATIN.fullmatch(visible_text(text)) is not None


def has_chinese(text: str) -> bool:
    """Whether a Chinese character is in it."""
    return _CHINESE.search(text) is not None


def is_hint(text: str) -> bool:
    """必填，18位; 格式：YYYY/MM/DD: how a cell of the column is to be filled."""
    return _HINT.match(folded(text)) is not None


def is_example(text: str) -> bool:
    """例, 示例1: in place of a number, before a row that shows how to fill the table."""
    return _EXAMPLE.fullmatch(folded(text)) is not None


def names_codes(text: str) -> bool:
    """代码, 指标代码, 字段名: before the codes of the columns."""
    return _CODE_ROW.fullmatch(folded(text)) is not None


def is_average(text: str) -> bool:
    """平均, 全市平均值."""
    return _AVERAGE.fullmatch(folded(text)) is not None


def is_extreme(text: str) -> bool:
    """最大值, 中位数: beside these an average is one figure of several."""
    return _EXTREME.match(folded(text)) is not None


def is_whole(text: str) -> bool:
    """全市, 全区, 总值: may be the sum of what is listed."""
    return _WHOLE.fullmatch(folded(text)) is not None
