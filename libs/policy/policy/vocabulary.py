"""The words that editions and services share: layers, roles, parts of bodies, statements, units of deadlines, rule ids.

They are closed lists. A file that uses another word is refused, because a slip in a file would otherwise make a rule
silently absent; a new word is a change of the code that acts on it.
"""

from enum import StrEnum


class Layer(StrEnum):
    """Where a rule stands. Asked in this order: a higher source, the district's edition, the house rules."""

    HIGHER = "higher"
    EDITION = "edition"
    HOUSE = "house"

    @property
    def zh(self) -> str:
        """The layer's name on screens."""
        return {Layer.HIGHER: "上位法", Layer.EDITION: "本区办法", Layer.HOUSE: "内部规则"}[self]


class Role(StrEnum):
    """Roles of accounts (REQ-U2)."""

    COMPILER = "compiler"
    REVIEWER = "reviewer"
    PUBLISHER = "publisher"
    APPLICANT = "applicant"
    PROVIDER_REVIEWER = "provider-reviewer"
    PLATFORM_REVIEWER = "platform-reviewer"
    COORDINATOR = "coordinator"
    FINAL_DECIDER = "final-decider"
    OPENING_DECIDER = "opening-decider"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Part(StrEnum):
    """What a body does in a rule."""

    ACTS = "acts"
    """Has the duty or carries it out."""
    DECIDES = "decides"
    """Its word settles the matter."""
    TOGETHER_WITH = "together-with"
    """会同: is heard by the one who acts or decides."""
    FINALLY = "finally"
    """报请: the matter may go to it after the one who decides."""
    RECEIVES = "receives"
    """Is notified, or gets the papers."""


class Statement(StrEnum):
    """What has to be stated or on file."""

    REASON = "reason"
    """理由."""
    LEGAL_BASIS = "legal-basis"
    """法律、法规、规章依据."""
    STATUTE = "statute"
    """法律、法规 only: a 规章 is not enough."""
    APPLICANT_STAMP = "applicant-stamp"
    PROVIDER_STAMP = "provider-stamp"
    SECURITY_AGREEMENT = "security-agreement"
    """公共数据共享安全保密协议, signed by both."""
    WRITTEN_APPLICATION = "written-application"
    PROVIDER_CONSENT = "provider-consent"
    APPLICATION_FORM = "application-form"
    """附件2."""
    CERTIFICATE_FORM = "certificate-form"
    """附件1."""
    DESENSITISED = "desensitised"
    """脱密、脱敏处理."""
    RIGHTS_HOLDER_CONSENT = "rights-holder-consent"
    """相关权利人同意开放."""
    RESPONSIBLE_LEADER = "responsible-leader"
    """分管领导."""
    DEDICATED_PERSON = "dedicated-person"
    """专人."""


class DeadlineUnit(StrEnum):
    WORKING_DAYS = "working-days"
    DAYS = "days"
    """Calendar days; a deadline that ends on a day of rest is not moved."""
    CALENDAR_YEARS = "calendar-years"
    """每年: once in each calendar year; from a day of one year, due by 31 December of the n-th year after."""

    @property
    def zh(self) -> str:
        """The unit's name on screens."""
        return {"working-days": "个工作日", "days": "日", "calendar-years": "年（自然年）"}[self.value]


class RuleId(StrEnum):
    """Every rule that a capability asks for. Grouped as the requirements are; the order is that of the overview."""

    # Bodies, units and people
    PLATFORM = "platform"
    COORDINATION = "coordination"
    MUNICIPAL_DOCKING = "municipal-docking"
    UNIT_CONTACTS = "unit-contacts"
    TRAINING = "training"
    # Catalogue
    CATALOG_ENTRY = "catalog-entry"
    CATALOG_KEEPERS = "catalog-keepers"
    PUBLISH_SEPARATION = "publish-separation"
    CATALOG_UPDATE_DEADLINE = "catalog-update-deadline"
    CATALOG_YEARLY_MAINTENANCE = "catalog-yearly-maintenance"
    DUTY_LIST = "duty-list"
    OPENING_LIST = "opening-list"
    OPENING_LIST_ELEMENTS = "opening-list-elements"
    SHARING_DEFAULT = "sharing-default"
    SHARING_TYPES = "sharing-types"
    RESTRICTED_TYPE_NEEDS_BASIS = "restricted-type-needs-basis"
    SHARING_TYPE_FINAL = "sharing-type-final"
    OPENING_TYPES = "opening-types"
    CLOSED_TYPE_NEEDS_BASIS = "closed-type-needs-basis"
    CLOSED_TYPE_RELEASE = "closed-type-release"
    OPENING_TYPE_FINAL = "opening-type-final"
    SINGLE_SOURCE = "single-source"
    PROJECT_CATALOG = "project-catalog"
    PROJECT_AGGREGATION = "project-aggregation"
    # Quality
    QUALITY_RESPONSIBILITY = "quality-responsibility"
    QUALITY_MONITORING = "quality-monitoring"
    TRACEABILITY = "traceability"
    # Aggregation
    AGGREGATION_DUTY = "aggregation-duty"
    AGGREGATION_EXEMPTION = "aggregation-exemption"
    OPENING_TYPE_MARK = "opening-type-mark"
    AGGREGATION_CHANNEL = "aggregation-channel"
    AGGREGATION_FORMS = "aggregation-forms"
    AGGREGATION_PACE = "aggregation-pace"
    AGGREGATION_CERTIFICATE = "aggregation-certificate"
    STRUCTURE_CHANGE_DEADLINE = "structure-change-deadline"
    STRUCTURE_CHANGE_NOTICE = "structure-change-notice"
    VIDEO_AGGREGATION = "video-aggregation"
    EXCHANGE_STANDARD = "exchange-standard"
    # Sharing
    SHARE_NEED = "share-need"
    DEMAND_FIRST = "demand-first"
    UNRESTRICTED_SHARE = "unrestricted-share"
    AUTHORIZED_SHARE = "authorized-share"
    APPLICATION_FORM = "application-form"
    SHARE_APPROVAL = "share-approval"
    SHARE_ANSWER_DEADLINE = "share-answer-deadline"
    REFUSAL_NEEDS_BASIS = "refusal-needs-basis"
    REFUSAL_NEEDS_REASON = "refusal-needs-reason"
    GRANT_PAPERS = "grant-papers"
    SECURITY_AGREEMENT = "security-agreement"
    SHARE_GRANT = "share-grant"
    SHARE_OBJECTION = "share-objection"
    # Use
    PURPOSE_LIMIT = "purpose-limit"
    NO_COMMERCIAL_USE = "no-commercial-use"
    ONWARD_DISCLOSURE_CONSENT = "onward-disclosure-consent"
    SECURITY_RESPONSIBILITY = "security-responsibility"
    DATA_OBJECTION = "data-objection"
    # Opening
    OPENING_DATASET = "opening-dataset"
    OPENING_PROMOTION = "opening-promotion"
    OPENING_PLATFORM = "opening-platform"
    # Security
    SECURITY_CONTROLS = "security-controls"
    DISASTER_RECOVERY = "disaster-recovery"
    EMERGENCY_HANDLING = "emergency-handling"
    EMERGENCY_DRILL = "emergency-drill"
    # Supervision
    ASSESSMENT = "assessment"
    VIOLATIONS = "violations"
    VIOLATION_NOT_IN_CLOUD = "violation-not-in-cloud"
    VIOLATION_NOT_AGGREGATED = "violation-not-aggregated"
    VIOLATION_REFUSAL_OR_DELAY = "violation-refusal-or-delay"
    VIOLATION_FALSE_OR_LATE = "violation-false-or-late"
    VIOLATION_LOST_CONTROL = "violation-lost-control"
    VIOLATION_MISUSE = "violation-misuse"
