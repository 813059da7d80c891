"""What a file can turn out to be, and the sentence that helps the person who sent it."""

from enum import StrEnum


class Kind(StrEnum):
    """What a file's bytes say it is; its name is never asked."""

    XLS = "xls"
    """OLE2 compound file with a workbook stream: Excel 5.0 to 2003, and .et of WPS."""
    XLSX = "xlsx"
    ODS = "ods"
    CSV = "csv"

    ENCRYPTED = "encrypted"
    XLSB = "xlsb"
    BARE_BIFF = "bare-biff"
    XML_SPREADSHEET = "xml-spreadsheet"
    FLAT_ODS = "flat-ods"
    SYLK = "sylk"
    HTML = "html"
    MHTML = "mhtml"
    XML = "xml"
    JSON = "json"
    RTF = "rtf"
    PDF = "pdf"
    WORD = "word"
    SLIDES = "slides"
    OFD = "ofd"
    ZIP = "zip"
    ARCHIVE = "archive"
    OLE = "ole"
    IMAGE = "image"
    PROGRAM = "program"
    UTF16_TEXT = "utf16-text"
    EMPTY = "empty"
    UNKNOWN = "unknown"


READABLE = frozenset({Kind.XLS, Kind.XLSX, Kind.ODS, Kind.CSV})
"""The kinds that `reading.read` turns into rows."""

_SAVE_AS_XLS = "请在 Excel/WPS 中打开后另存为 .xls"

_TEXTS = {
    Kind.ENCRYPTED: "文件设有打开密码（已加密），无法读取；请去除密码后重新保存",
    Kind.XLSB: f"文件是 Excel 二进制工作簿（xlsb），不能读取；{_SAVE_AS_XLS}",
    Kind.BARE_BIFF: f"文件是 Excel 4.0 或更早版本的工作表，不能读取；{_SAVE_AS_XLS}",
    Kind.XML_SPREADSHEET: f"文件是“XML 表格 2003”格式，不能读取；{_SAVE_AS_XLS}",
    Kind.FLAT_ODS: "文件是单一 XML 形式的 OpenDocument（fods），不能读取；请另存为 .xls 或 .ods",
    Kind.SYLK: f"文件是 SYLK（slk）格式，不能读取；{_SAVE_AS_XLS}",
    Kind.HTML: "文件内容是网页（HTML），不是电子表格；请在 Excel/WPS 中另存为 .xls",
    Kind.MHTML: "文件内容是单个文件网页（MHTML），不是电子表格；请在 Excel/WPS 中另存为 .xls",
    Kind.XML: "文件内容是 XML，不是电子表格；请导出为 .xls",
    Kind.JSON: "文件内容是 JSON，不是电子表格；请导出为 .xls",
    Kind.RTF: "文件内容是 RTF 文档，不是电子表格；请把其中的表格存为 .xls",
    Kind.PDF: "文件内容是 PDF，不是电子表格；请提供原始的电子表格",
    Kind.WORD: "文件内容是文字处理文档（Word/WPS 文字），不是电子表格；请把其中的表格存为 .xls",
    Kind.SLIDES: "文件内容是演示文稿，不是电子表格；请提供原始的电子表格",
    Kind.OFD: "文件内容是 OFD 版式文档，不是电子表格；请提供原始的电子表格",
    Kind.ZIP: "文件内容是压缩包（zip），不是电子表格；请解压后逐个提交其中的电子表格",
    Kind.ARCHIVE: "文件内容是压缩包，不是电子表格；请解压后逐个提交其中的电子表格",
    Kind.OLE: "文件是 OLE 复合文档，但其中没有工作簿，不是电子表格",
    Kind.IMAGE: "文件内容是图片，不是电子表格；请提供原始的电子表格",
    Kind.PROGRAM: "文件内容是可执行程序，不是电子表格",
    Kind.UTF16_TEXT: f"文件内容是 UTF-16 文本，不是电子表格；{_SAVE_AS_XLS}，或另存为“CSV UTF-8”",
    Kind.EMPTY: "文件为空（0 字节）",
    Kind.UNKNOWN: "无法识别文件内容，不是电子表格",
}


def refusal_text(kind: Kind) -> str:
    """Why a file of this kind is refused and what to do about it; only for kinds outside `READABLE`."""
    return _TEXTS[kind]
