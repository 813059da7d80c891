"""What the roles of accounts are called (REQ-U2)."""

from typing import Final

ROLE_NAMES: Final = {
    "compiler": "编制人",
    "reviewer": "审核人",
    "publisher": "发布人",
    "applicant": "申请人",
    "provider-reviewer": "提供方审核人",
    "platform-reviewer": "平台审核人",
    "coordinator": "协调人",
    "final-decider": "共享属性最终认定人",
    "opening-decider": "开放属性最终认定人",
    "auditor": "审计人",
    "administrator": "管理员",
}
