"""The main job, end to end: three units describe, aggregate, apply, decide, call and trace.

Each step shows its evidence. The story plays on entries, services and files of its own (`tag`), so that it can be
repeated against one exchange.
"""

import hashlib
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from common import clock
from demo import data
from demo.accounts import ADMINISTRATOR, Demonstration
from demo.cast import Cast, refused_by
from demo.data import Sheet
from demo.playing import Evidence, Step, StepFailed, cited, expect, until
from shuqiao import Answer, Gateway, Profile, files

GRANTED_STREETS: Final = ["street_code", "street_name"]
GRANTED_ASSISTANCE: Final = ["XM", "category", "amount"]
NOT_YET: Final = ("entry-unknown", "not-applicable", "unit-not-active")
"""Refusals that mean that an event has not arrived yet."""


class Story:
    """One telling of the story. The steps build on one another; what one leaves for the next is kept here."""

    def __init__(self, profile: Profile, held: Demonstration, tag: str) -> None:
        self._profile = profile
        self._held = held
        self._cast = Cast(profile, held)
        self._tag = tag
        suffix = f"（{tag}）" if tag else ""
        self.streets_name = f"长宁区街道镇名录{suffix}"
        self.assistance_name = f"社会救助对象信息（示例）{suffix}"
        self.streets_service = f"streets-{tag}" if tag else "streets"
        self.assistance_service = f"assistance-{tag}" if tag else "assistance"
        self._entries: dict[str, str] = {}
        self._uploads: dict[str, dict[str, Any]] = {}
        self._digests: dict[str, str] = {}
        self._numbers: dict[str, str] = {}
        self._grants: dict[str, str] = {}
        self._foreign_key = ""
        self._answers: dict[str, Answer] = {}
        self.unit_key = ""
        self.unit_key_id = ""
        self.method_keys: dict[str, str] = {}

    def steps(self) -> list[Step]:
        return [
            Step("register", "三个单位登记在册，分管领导和专人已备案", self._register),
            Step("catalogue", "区民政局编制、审核、发布两个条目", self._catalogue),
            Step("services", "登记并启用两个服务", self._services),
            Step("files-in", "两个电子表格上传、检查、整批导入", self._files_in),
            Step("file-refused", "有错的文件整体退回，原有数据不变", self._file_refused),
            Step("application-at-once", "区教育局申请无条件共享资源，当即授权", self._application_at_once),
            Step("application-reviewed", "区教育局申请授权共享资源，审核后授权", self._application_reviewed),
            Step("keys", "区教育局领取自己的密钥", self._keys),
            Step("calls", "调用只返回授权的信息项", self._calls),
            Step("refusals", "错误、他人和暂停的密钥被拒绝", self._refusals),
            Step("trace", "从一次调用追溯到授权、决定、批次和文件", self._trace),
        ]

    def close(self, *, keep_key: bool = False) -> None:
        """Log out everybody; the unit key of this telling is taken out of use unless it is to be kept."""
        if self.unit_key_id and not keep_key:
            self._cast.as_("jyj.admin").delete("registry", f"/units/jyj/keys/{self.unit_key_id}")
        self._cast.leave()

    def entry_of(self, key: str) -> str:
        """The code of an entry of this telling: `streets` or `assistance`."""
        return self._entries[key]

    def grant_of(self, key: str) -> str:
        """The id of the grant for an entry's service."""
        return self._grants[key]

    # --- the steps ------------------------------------------------------------------------------------------------

    def _register(self) -> Evidence:
        found = {unit["code"]: unit for unit in self._cast.as_(ADMINISTRATOR).get("registry", "/units")}
        for code, name in (("mzj", "区民政局"), ("jyj", "区教育局"), ("dsjzx", "区大数据中心")):
            expect(code in found and found[code]["name"] == name, f"名册中应有{name}", sorted(found))
            expect(found[code]["state"] == "active", f"{name}应为正常状态", found[code]["state"])
            expect(not found[code]["missing"], f"{name}的分管领导和专人应已备案", found[code]["missing"])
        return {"单位": [f"{found[code]['name']}（{code}）" for code in ("mzj", "jyj", "dsjzx")]}

    def _catalogue(self) -> Evidence:
        reviewer = self._cast.as_("dsjzx.shenhe")
        known = {one["id"] for one in reviewer.get("catalog", "/code-sets")}
        for code_set in data.CODE_SETS:
            if code_set["id"] not in known:
                reviewer.post("catalog", "/code-sets", code_set)
        without = self._compile(data.assistance_entry(self.assistance_name, with_basis=False))
        refused = refused_by(lambda: self._cast.as_("mzj.bianzhi").post("catalog", f"/entries/{without}/submission"))
        expect(refused.code == "basis-missing", "授权共享条目没有理由和依据不能提交", refused.code)
        content = data.assistance_entry(self.assistance_name)
        self._cast.as_("mzj.bianzhi").put("catalog", f"/entries/{without}/draft", {"revision": 1, "content": content})
        self._entries = {
            "streets": self._compile(data.streets_entry(self.streets_name)),
            "assistance": without,
        }
        evidence: Evidence = {"缺少依据": str(refused)}
        for key, code in self._entries.items():
            published = self._publish(code)
            edition = published["edition"]
            expect(published["state"] == "published", "条目应已发布", published["state"])
            expect(edition["separation"] == "two-person", "编制人和发布人应分离", edition["separation"])
            people = {edition["compiled_by"], edition["reviewed_by"], edition["published_by"]}
            expect(len(people) == 3, "编制、审核、发布应为三人", people)
            expect(edition["content"]["name"] == self._name(key), "条目名称应一致", edition["content"]["name"])
            evidence[edition["content"]["name"]] = f"{code}，{edition['separation']}，{published['resource_version']}"
        return evidence

    def _name(self, key: str) -> str:
        return self.streets_name if key == "streets" else self.assistance_name

    def _compile(self, content: dict[str, Any]) -> str:
        compiler = self._cast.as_("mzj.bianzhi")
        made = until(lambda: compiler.post("catalog", "/entries", content), "目录服务得知单位", passing=NOT_YET)
        code: str = made["code"]
        return code

    def _publish(self, code: str) -> Any:
        self._cast.as_("mzj.bianzhi").post("catalog", f"/entries/{code}/submission")
        own = refused_by(lambda: self._cast.as_("mzj.bianzhi").post("catalog", f"/entries/{code}/publication"))
        expect(own.code == "forbidden", "编制人不能发布", own.code)
        self._cast.as_("mzj.shenhe").post("catalog", f"/entries/{code}/review", {"approve": True})
        self._cast.as_("mzj.fabu").post("catalog", f"/entries/{code}/publication")
        return self._cast.as_("jyj.shenqing").get("catalog", f"/entries/{code}")

    def _services(self) -> Evidence:
        evidence: Evidence = {}
        for key, code, content in (
            ("streets", self.streets_service, data.streets_service()),
            ("assistance", self.assistance_service, data.assistance_service()),
        ):
            body = {"code": code, "entry": self._entries[key], "content": content}
            self._cast.as_("mzj.bianzhi").post("catalog", "/services", body)
            self._cast.as_("mzj.fabu").put("catalog", f"/services/{code}/state", {"state": "active"})
            found = self._cast.as_("jyj.shenqing").get("catalog", f"/services/{code}")
            expect(found["state"] == "active", "服务应已启用", found["state"])
            expect(found["entry"] == self._entries[key], "服务应属于该资源", found["entry"])
            evidence[code] = found["resource_version"]
        return evidence

    def _files_in(self) -> Evidence:
        evidence: Evidence = {}
        for key, sheet in (
            ("streets", data.streets_file(self.streets_name)),
            ("assistance", data.assistance_file(self.assistance_name)),
        ):
            found = self._upload(key, sheet)
            expect(found["state"] == "loaded", f"{sheet.name}应已导入", found["message"])
            expect(found["rows"] == sheet.rows, "导入行数应一致", found["rows"])
            digest = hashlib.sha256(sheet.content).hexdigest()
            expect(found["sha256"] == digest, "文件摘要应一致", found["sha256"])
            self._uploads[key], self._digests[key] = found, digest
            self._await_batch(key, found["id"], sheet.rows)
            evidence[sheet.name] = f"{found['rows']}行，sha256 {digest[:16]}…"
        return evidence

    def _upload(self, key: str, sheet: Sheet) -> Any:
        session = self._cast.as_("mzj.fabu")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            path.write_bytes(sheet.content)
            return until(
                lambda: files.upload(session, self._entries[key], path, name=sheet.name),
                "归集服务得知条目",
                passing=NOT_YET,
            )

    def _await_batch(self, key: str, batch: str, rows: int) -> None:
        def known() -> bool:
            entry = self._cast.as_("jyj.shenqing").get("catalog", f"/entries/{self._entries[key]}")
            found = entry["data"]
            return found is not None and found["batch"] == batch and found["rows"] == rows

        until(known, "目录显示最新批次")

    def _file_refused(self) -> Evidence:
        sheet, planted = data.planted_file(self.assistance_name)
        found = self._upload("assistance", sheet)
        expect(found["state"] == "rejected", "有错的文件应被退回", found["state"])
        seen = {(one["row"], one["column"], one["rule"]) for one in found["all_findings"]}
        wanted = {(one.row, one.column, one.rule) for one in planted}
        expect(seen == wanted, "每处错误都应指出且没有误报", sorted(seen ^ wanted))
        expect(all(one["message"] for one in found["all_findings"]), "每处错误都应有说明")
        before = self._uploads["assistance"]["id"]
        self._await_batch("assistance", before, data.PEOPLE)
        again = self._upload("streets", data.streets_file(self.streets_name))
        expect(again["reason"] == "duplicate-file", "同一文件不能重复导入", again["reason"])
        return {
            "退回": found["message"],
            "问题": [f"第{one['row']}行第{one['column']}列 {one['message']}" for one in found["all_findings"]],
            "重复文件": again["message"],
            "原批次": before,
        }

    def _apply(self, account: str, key: str, service: str, items: list[str], use: str) -> Any:
        session = self._cast.as_(account)
        body = {
            "entry": self._entries[key],
            "services": [service],
            "items": items,
            "use_mode": "interface",
            "using_system": "教育资助管理系统（示例）",
            "reason": use,
            "contact": "021-00000000",
            "commitment": True,
        }
        made = until(lambda: session.post("sharing", "/applications", body), "共享服务得知资源", passing=NOT_YET)
        return session.post("sharing", f"/applications/{made['id']}/submission")

    def _application_at_once(self) -> Evidence:
        use = "核对学区所属街道"
        done = self._apply("jyj.shenqing", "streets", self.streets_service, GRANTED_STREETS, use)
        expect(done["state"] == "granted", "无条件共享应当即授权", done["state"])
        expect(done["number"].startswith("CNZYSQ"), "申请应有编号", done["number"])
        self._check_basis(done["decision"]["basis"], "unrestricted-share")
        # Another unit has a grant of its own; its key is nobody else's.
        other = self._apply("dsjzx.shenqing", "streets", self.streets_service, GRANTED_STREETS, "平台巡检")
        expect(other["state"] == "granted", "其他单位的申请也应当即授权", other["state"])
        self._numbers["streets"] = done["number"]
        return {"编号": done["number"], "依据": cited(done["decision"]["basis"]), "另一单位": other["number"]}

    def _application_reviewed(self) -> Evidence:
        use = "核查学生资助对象"
        asked = self._apply("jyj.shenqing", "assistance", self.assistance_service, GRANTED_ASSISTANCE, use)
        number = asked["number"]
        expect(asked["state"] == "submitted", "授权共享应进入审核", asked["state"])
        expect(bool(asked["due_on"] or asked["due_open"]), "应显示答复期限或其缺失原因")
        decision = {"approve": True, "terms": {}}
        platform = self._cast.as_("dsjzx.shenhe")
        early = refused_by(lambda: platform.post("sharing", f"/applications/{number}/decision", decision))
        expect(early.code == "opinion-missing", "未征求提供单位意见不能授权", early.code)
        provider = self._cast.as_("mzj.shenhe")
        foreign = refused_by(lambda: provider.post("sharing", f"/applications/{number}/decision", decision))
        expect(foreign.code in {"forbidden", "not-yours-to-decide"}, "提供单位不作最终审核", foreign.code)
        provider.post("sharing", f"/applications/{number}/opinions", {"agree": True})
        platform.post("sharing", f"/applications/{number}/decision", decision)
        done = self._cast.as_("jyj.shenqing").get("sharing", f"/applications/{number}")
        expect(done["state"] == "granted", "审核后应已授权", done["state"])
        basis = done["decision"]["basis"]
        self._check_basis(basis, "share-approval")
        expect(bool(done["term_notice"]), "应提示现行办法已过有效期")
        self._numbers["assistance"] = number
        due = done["due_on"] or done["due_open"]
        return {
            "编号": number,
            "答复期限": f"{due}（{done['due_source']}）",
            "依据": cited(basis),
            "有效期提示": done["term_notice"],
        }

    def _check_basis(self, basis: dict[str, Any], rule: str) -> None:
        expect(basis["edition"] == "2021", "应依据2021版办法", basis["edition"])
        expect(basis["article"].startswith("17"), "应记录第十七条", basis["article"])
        expect(basis["rule"] == rule, "应记录所依规则", basis["rule"])
        expect(basis["past_term"] is True, "应记录该版已过有效期", basis["past_term"])

    def _keys(self) -> Evidence:
        admin = self._cast.as_("jyj.admin")
        for key in admin.get("registry", "/units/jyj")["keys"]:
            # A telling that was broken off left its key behind.
            if key["id"] != self._held.keys.get("unit_key_id"):
                admin.delete("registry", f"/units/jyj/keys/{key['id']}")
        issued = admin.post("registry", "/units/jyj/keys")
        self.unit_key, self.unit_key_id = issued["unitKey"], issued["id"]
        expect(len(self.unit_key) == 53 and self.unit_key.startswith("cnu_"), "unitKey 应为53位")
        grants = self._cast.as_("jyj.shenqing").get("sharing", "/grants", limit=1000)
        evidence: Evidence = {"unitKey": f"…{self.unit_key[-4:]}"}
        for key, service, items in (
            ("streets", self.streets_service, GRANTED_STREETS),
            ("assistance", self.assistance_service, GRANTED_ASSISTANCE),
        ):
            grant = next((one for one in grants if one["service"] == service and one["unit"] == "jyj"), None)
            expect(grant is not None, f"应有{service}的授权")
            assert grant is not None
            expect(grant["application"] == self._numbers[key], "授权应出自该申请", grant["application"])
            codes = [item["code"] for item in grant["items"]]
            expect(sorted(codes) == sorted(items), "授权的信息项应与申请一致", codes)
            self._grants[key] = grant["id"]
            self.method_keys[key] = self._cast.as_("jyj.shenqing").post("sharing", f"/grants/{grant['id']}/keys")[
                "methodKey"
            ]
            expect(self.method_keys[key].startswith("cnm_"), "methodKey 应为53位")
            evidence[f"methodKey {service}"] = f"…{self.method_keys[key][-4:]}"
        hidden = refused_by(
            lambda: self._cast.as_("mzj.shenhe").post("sharing", f"/grants/{self._grants['streets']}/keys")
        )
        expect(hidden.code == "forbidden", "审核人不能领取密钥", hidden.code)
        others = self._cast.as_("dsjzx.shenqing").get("sharing", "/grants", limit=1000)
        other = next(one for one in others if one["service"] == self.streets_service and one["unit"] == "dsjzx")
        self._foreign_key = self._cast.as_("dsjzx.shenqing").post("sharing", f"/grants/{other['id']}/keys")["methodKey"]
        return evidence

    def _call(self, service: str, method_key: str, given: dict[str, str], unit_key: str | None = None) -> Answer:
        with Gateway(self._profile.gateway, unit_key or self.unit_key) as gateway:
            return gateway.call(service, method_key, given)

    def _await_code(self, wanted: str, ask: Callable[[], Answer], text: str) -> Answer:
        """Ask until this code comes: a change of grants and keys is in force within seconds."""
        seen: list[str] = []

        def fits() -> Answer | None:
            answer = ask()
            seen.append(answer.code)
            return answer if answer.code == wanted else None

        try:
            found: Answer = until(fits, text, within=15.0)
        except StepFailed as failed:
            raise StepFailed(f"{failed}，见到 {sorted(set(seen))}") from None
        return found

    def _calls(self) -> Evidence:
        code, street, area = data.streets()[0]
        one = self._await_code(
            "1",
            lambda: self._call(self.streets_service, self.method_keys["streets"], {"street_code": code}),
            "街道镇查询应成功",
        )
        expect(one.data == [{"street_code": code, "street_name": street}], "应只有授权的两项", one.data)
        all_of_them = self._call(self.streets_service, self.method_keys["streets"], {"area_code": area})
        wanted = [{"street_code": c, "street_name": n} for c, n, _ in data.streets()]
        expect(all_of_them.data == wanted, "应按街道代码顺序返回全部街道镇", all_of_them.data)
        number, name, category, amount, _, _ = data.person(3)
        person = self._await_code(
            "1",
            lambda: self._call(self.assistance_service, self.method_keys["assistance"], {"ZJHM": number}),
            "救助对象核查应成功",
        )
        expect(person.data == [{"XM": name, "category": category, "amount": amount}], "应只有授权的三项", person.data)
        self._answers = {"streets": one, "assistance": person}
        return {
            self.streets_service: one.data,
            "全部": f"{len(all_of_them.data)}行",
            self.assistance_service: [sorted(person.data[0])],
            "trace_id": one.trace_id,
        }

    def _refusals(self) -> Evidence:
        code = data.streets()[0][0]
        given = {"street_code": code}
        wrong = self._call(self.streets_service, self.method_keys["streets"], given, unit_key="cnu_nobody")
        expect(wrong.code == "201", "错误的 unitKey 应为201", wrong.code)
        foreign = self._call(self.streets_service, self._foreign_key, given)
        expect(foreign.code == "202", "他单位的 methodKey 应为202", foreign.code)
        grant = self._grants["streets"]
        reviewer = self._cast.as_("mzj.shenhe")
        body = {"state": "suspended", "reason": "演示：暂停授权"}
        reviewer.put("sharing", f"/grants/{grant}/state", body)

        def call() -> Answer:
            return self._call(self.streets_service, self.method_keys["streets"], given)

        suspended = self._await_code("203", call, "暂停的授权应为203")
        reviewer.put("sharing", f"/grants/{grant}/state", {"state": "active", "reason": "演示：恢复授权"})
        resumed = self._await_code("1", call, "恢复后应成功")
        return {
            "错误的 unitKey": f"{wrong.code} {wrong.memo}",
            "他单位的 methodKey": f"{foreign.code} {foreign.memo}",
            "暂停": f"{suspended.code} {suspended.memo}",
            "恢复": resumed.code,
        }

    def _trace(self) -> Evidence:
        auditor = self._cast.as_("qfb.shenji")
        trace_id = self._answers["assistance"].trace_id
        calls = until(lambda: auditor.get("audit", "/calls", trace_id=trace_id), "留痕中出现该调用")
        expect(len(calls) == 1, "一次调用应只有一条留痕", len(calls))
        found = auditor.get("audit", f"/calls/{calls[0]['record']['call']}/trace")
        record, grant, decision = found["call"]["record"], found["grant"], found["decision"]
        expect(not found["missing"], "追溯应完整", found["missing"])
        expect(record["unit"] == "jyj" and record["code"] == "1", "应为区教育局的成功调用", record["unit"])
        expect(record["trace_id"] == trace_id, "应为同一 trace_id", record["trace_id"])
        expect(sorted(record["items"]) == sorted(GRANTED_ASSISTANCE), "应记录返回的信息项", record["items"])
        expect(grant["grant"] == self._grants["assistance"], "应追溯到授权", grant["grant"])
        expect(found["application"]["application"] == self._numbers["assistance"], "应追溯到申请")
        expect(decision["decided_by"] == "dsjzx.shenhe", "应追溯到审核人", decision["decided_by"])
        self._check_basis(decision["basis"], "share-approval")
        batch = found["batches"][0]
        expect(batch["batch"] == self._uploads["assistance"]["id"], "应追溯到批次", batch["batch"])
        expect(batch["file"]["sha256"] == self._digests["assistance"], "应追溯到文件摘要", batch["file"]["sha256"])
        return {
            "调用": f"{record['call']}（{clock.show(datetime.fromisoformat(record['received_at']))}）",
            "授权": f"{grant['grant']} 第{grant['version']}版",
            "申请": found["application"]["application"],
            "决定": f"{decision['decided_by']}，{cited(decision['basis'])}",
            "批次": batch["batch"],
            "文件": f"{batch['file']['name']}，sha256 {batch['file']['sha256']}",
        }
