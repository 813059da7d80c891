"""Rules that refer to another resource: what they name is there when they are written (REQ-A7)."""

from sqlmodel.ext.asyncio.session import AsyncSession

from catalog import errors, store
from common.entry import EntryContent, RuleContent
from common.events import RuleName


async def check(tx: AsyncSession, content: EntryContent, code: str | None) -> None:
    """Every reference rule names a published entry, or this one (`code`) itself, and items that it has.

    What is withdrawn or changed afterwards is told with the findings of the files that it concerns.

    Raises:
        RuleUnfit: there is no such entry, or it has no such item.
    """
    for rule in content.rules:
        if rule.name is not RuleName.REFERENCE:
            continue
        theirs = content if rule.resource == code else await _published(tx, rule)
        missing = [item for item in rule.target_items if item not in {one.code for one in theirs.items}]
        if missing:
            raise errors.RuleUnfit(f"所引用的条目 {rule.resource} 没有信息项 {'、'.join(missing)}")


async def _published(tx: AsyncSession, rule: RuleContent) -> EntryContent:
    try:
        found = await store.entry(tx, rule.resource or "")
    except errors.EntryUnknown:
        found = None
    if found is None or found.edition is None or found.withdrawn:
        raise errors.RuleUnfit(f"所引用的条目 {rule.resource} 不存在或没有发布，请先发布该条目，或更正 resource")
    return found.edition.content
