"""What an entry declares beyond its form: standard fields and rules of quality, checked before anything is kept."""

from collections.abc import Iterator

from catalog import errors
from common.entry import CodeSetName, EntryContent
from quality import standard
from quality.compiling import verify
from quality.errors import QualityError
from quality.model import RuleSet


def check(content: EntryContent) -> None:
    """Standard fields are as the annex has them, and every rule can be run.

    Raises:
        StandardUnfit: no such standard field, or another type or length than it has (REQ-A7).
        RuleUnfit: a rule does not go with the items, or cannot be run.
    """
    for item in content.items:
        if item.standard is None:
            continue
        field = standard.by_code().get(item.standard)
        if field is None:
            raise errors.StandardUnfit(f"附件3没有标准字段“{item.standard}”", item=item.code, standard=item.standard)
        wrong = standard.misfits(field, item.type, item.length, item.precision, item.scale)
        if wrong:
            message = f"信息项“{item.name}”与标准字段“{field.name}”（{field.code}）不符：{'；'.join(wrong)}"
            raise errors.StandardUnfit(message, item=item.code, standard=field.code)
    try:
        verify(RuleSet.of_entry(content.model_dump(mode="json")))
    except QualityError as refused:
        raise errors.RuleUnfit(refused.message) from refused


def code_sets(content: EntryContent) -> Iterator[tuple[str, CodeSetName]]:
    """The code sets that items and rules name, each with the code of its item."""
    for item in content.items:
        if item.code_set is not None:
            yield item.code, item.code_set
    for rule in content.rules:
        if rule.code_set is not None:
            yield rule.items[0], rule.code_set
