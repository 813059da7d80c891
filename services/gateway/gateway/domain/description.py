"""The OpenAPI document of the interface protocol: one call, whatever the service (Annex 3 §5).

What a particular service takes and gives is described by the catalogue; this is what all of them have in common.
"""

from typing import Any, Final

from gateway.domain import edge
from gateway.domain.decisions import MAX_PAGE, Format, Structure, Style
from gateway.domain.requests import MAX_BODY, MAX_NOTE
from gateway.errors import MEMOS, Code, Trouble

_KEY_FORM: Final = "^cn[um]_[0-9A-Za-z]{49}$"
_TRANSPORT: Final = {
    "400": "不是合格的 HTTP 请求",
    "405": "只接受 POST",
    "408": "请求头或请求体未按时到达",
    "413": f"请求体超过 {MAX_BODY} 字节",
    "414": f"请求行超过 {edge.MAX_LINE} 字节",
    "415": "请求体的类型不支持，或经过压缩",
    "429": "该来源一分钟内错误密钥过多",
    "431": f"请求头超过 {edge.MAX_HEADERS} 个或 {edge.MAX_HEADER_BYTES} 字节",
    "505": "只支持 HTTP/1.0 和 HTTP/1.1",
}
_ANSWERED: Final = {
    "X-Trace-Id": "本次调用的标识，留痕中可查",
    "Content-Digest": "应答内容的 SHA-256（RFC 9530）",
    "X-Data-As-Of": "最新一批数据的时间（ISO 8601，+08:00）；尚无数据时没有",
    "X-Next-Cursor": "还有更多行时，取下一页的游标",
    "X-Total-Count": "已取到末尾时，符合条件的总行数",
    "Signature-Input": "请求带有 Accept-Signature 时，应答签名所覆盖的内容（RFC 9421）",
    "Signature": "请求带有 Accept-Signature 时，对状态、Content-Digest 和 X-Trace-Id 的 Ed25519 签名",
}


def openapi() -> dict[str, Any]:
    """The document as OpenAPI 3.1."""
    success = {"type": "object", "required": ["SUCCESS", "DATA"], "properties": {"SUCCESS": {"const": "1"}, "DATA": {}}}
    codes = {code.value: MEMOS[code] for code in Code if code in MEMOS and code is not Code.PLATFORM}
    error = {
        "type": "object",
        "required": ["ERROR_CODE", "ERROR_MEMO"],
        "properties": {
            "ERROR_CODE": {"enum": list(codes), "description": "；".join(f"{c} {memo}" for c, memo in codes.items())},
            "ERROR_MEMO": {"type": "string"},
        },
    }
    failure = {
        "type": "object",
        "required": ["SUCCESS", "ERROR"],
        "properties": {"SUCCESS": {"const": "0"}, "ERROR": error},
    }
    answered = {
        "description": "附件有代码的一切结果，成功与否都是 200",
        "headers": {name: {"schema": {"type": "string"}, "description": text} for name, text in _ANSWERED.items()},
        "content": {
            "application/json": {"schema": {"oneOf": [success, failure]}},
            "application/xml": {"schema": {"type": "string"}},
        },
    }
    unavailable = {
        "description": (
            f"平台暂不可用（ERROR_CODE 500）；X-Reason 为 {'、'.join(Trouble)} 之一；"
            "过载（overload）时没有 Content-Digest"
        ),
        "headers": _headers("X-Trace-Id", "Content-Digest", "X-Reason", "Retry-After"),
        "content": {"application/json": {"schema": failure}},
    }
    refused = {status: {"description": text, "headers": _headers("X-Trace-Id")} for status, text in _TRANSPORT.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "数桥 · 网关",
            "version": "1",
            "description": (
                "《数据对接技术规范》（长府规〔2019〕1号附件3）第五章的接口协议。"
                "传入参数可在查询串、表单或 JSON 请求体中。"
            ),
        },
        "paths": {
            "/{service}": {
                "post": {
                    "summary": "调用一个服务",
                    "operationId": "call",
                    "parameters": _parameters(),
                    "requestBody": _body(),
                    "responses": {"200": answered, "503": unavailable, **refused},
                }
            }
        },
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"schema": {"type": "string"}} for name in names}


def _parameters() -> list[dict[str, Any]]:
    def query(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
        return {"name": name, "in": "query", "schema": schema, "description": text}

    def header(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
        return {"name": name, "in": "header", "schema": schema, "description": text}

    key = {"type": "string", "pattern": _KEY_FORM}
    note = {"type": "string", "maxLength": MAX_NOTE, "pattern": "^[ -~]*$"}
    return [
        {
            "name": "service",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": "^[a-z0-9-]{1,64}$"},
        },
        query("unitKey", key, "服务 key（登记后发放）；也可用请求头 X-Unit-Key"),
        query("methodKey", key, "服务接口访问 key（授权后领取）；也可用请求头 X-Method-Key"),
        query("format", {"enum": [*Format], "default": Format.JSON}, "返回数据格式"),
        query("rsStyle", {"enum": [*Style], "default": Style.COMPLEX}, "返回数据格式风格"),
        query("rsStructure", {"enum": [*Structure], "default": Structure.LM}, "返回数据格式结构"),
        query("page", {"type": "integer", "minimum": 1}, "页码，从1起"),
        query("pageSize", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 100}, "每页行数"),
        query("cursor", {"type": "string"}, "上一页的 X-Next-Cursor，与 page 不可同时使用"),
        query("orderBy", {"type": "string"}, "按服务声明的信息项排序，前加 - 为降序"),
        header("X-Unit-Key", key, "unitKey，使密钥不出现在地址中"),
        header("X-Method-Key", key, "methodKey，使密钥不出现在地址中"),
        header("X-Operator", note, "经办人代号"),
        header("X-Using-System", note, "使用的系统"),
        header("X-Matter", note, "事项或案件编号"),
        header("Content-Digest", {"type": "string"}, "请求体的摘要（RFC 9530）；授权要求签名时须有"),
        header("Signature-Input", {"type": "string"}, "授权要求签名时：所覆盖的内容，见 docs/calling.md（RFC 9421）"),
        header("Signature", {"type": "string"}, "授权要求签名时：Ed25519 签名"),
        header("Accept-Signature", {"type": "string"}, "要求对应答签名（RFC 9421）"),
        header("traceparent", {"type": "string"}, "W3C Trace Context，使调用留在调用方的追踪之中"),
    ]


def _body() -> dict[str, Any]:
    flat = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
    content = {"application/x-www-form-urlencoded": {"schema": flat}, "application/json": {"schema": flat}}
    return {"required": False, "content": content}
