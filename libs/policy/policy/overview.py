"""The table of rules by document, as Markdown: the same for `python -m policy table` and for docs/policy.md."""

from policy.book import Book
from policy.model import Edition, Rule
from policy.vocabulary import Part, RuleId

_ABSENT = "–"


def rules_table(book: Book) -> str:
    """One row a rule, one column a document: its place, its deadline and who decides (or, else, who acts)."""
    documents = (*book.higher, *book.editions, *book.houses)
    head = ["rule", "name", *(f"{document.id} ({document.layer})" for document in documents)]
    rows = [_row(rule_id, documents) for rule_id in RuleId]
    return "\n".join(_line(cells) for cells in (head, ["---"] * len(head), *rows)) + "\n"


def _row(rule_id: RuleId, documents: tuple[Edition, ...]) -> list[str]:
    rules = [document.rule(rule_id) for document in documents]
    name = next((rule.name for rule in rules if rule), _ABSENT)
    return [f"`{rule_id}`", name, *(_cell(rule) for rule in rules)]


def _cell(rule: Rule | None) -> str:
    if rule is None:
        return _ABSENT
    said = rule.bodies(Part.DECIDES) or rule.bodies(Part.ACTS)
    words = [f"§{rule.article}", rule.deadline.zh if rule.deadline else "", "、".join(body.name for body in said)]
    return " ".join(word for word in words if word)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
