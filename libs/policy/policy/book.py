"""All documents together: which is in force on a day, and which one has the rule that is asked for.

Services ask here and nowhere else; no year and no body stands in their code.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from importlib import resources
from itertools import combinations, pairwise

from policy.basis import DecisionBasis
from policy.errors import FileRefused, Flaw, NoEditionInForce, RuleAbsent, RuleUnknown, zh_day
from policy.model import Edition, Holder, Repeal, Rule
from policy.reading import read_edition
from policy.shanghai import shanghai_day
from policy.tables import SourceFile
from policy.vocabulary import Layer, Role, RuleId

SHIPPED = ("2019.toml", "2021.toml", "house.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What stood on a day: one edition, the higher sources and the house rules beside it.

    `past_term`: the edition's own term had ended on `term_ended_on` and it stays in use until a newer one is entered;
    every screen that depends on it then shows `notice_zh`.
    """

    day: date
    edition: Edition
    higher: tuple[Edition, ...]
    house: Edition | None
    past_term: bool
    term_ended_on: date | None
    notice_zh: str | None

    def rule(self, rule_id: str) -> Rule | None:
        """The rule: of a higher source if one has it, else of the edition, else of the house rules, else None.

        Within one document nothing is inherited from an earlier one; `rule.layer` says where it comes from.

        Raises:
            RuleUnknown: there is no such id at all.
        """
        known = _rule_id(rule_id)
        documents = (*self.higher, self.edition, *((self.house,) if self.house else ()))
        return next((rule for document in documents if (rule := document.rule(known))), None)

    def require(self, rule_id: str) -> Rule:
        """As `rule`, for whoever cannot go on without it.

        Raises:
            RuleAbsent: no document in force has it.
            RuleUnknown: there is no such id at all.
        """
        rule = self.rule(rule_id)
        if rule is None:
            raise RuleAbsent(rule_id, self.edition.number)
        return rule

    def basis(self, rule_id: str) -> DecisionBasis:
        """What a decision under that rule stores.

        Raises:
            RuleAbsent: no document in force has it.
            RuleUnknown: there is no such id at all.
        """
        rule = self.require(rule_id)
        return DecisionBasis(
            rule=rule.id,
            edition=self.edition.id,
            document=rule.document,
            article=rule.article,
            layer=rule.layer,
            past_term=self.past_term,
        )

    def holders(self, role: Role) -> tuple[Holder, ...]:
        """The bodies whose accounts may have a role; empty where the edition knows no such task."""
        return tuple(holder for holder in self.edition.holders if holder.role is role)

    def roles_of(self, body_code: str) -> frozenset[Role]:
        """The roles that the edition gives to a body or party.

        A named body is a unit too: for what it does as one, ask with `unit`, `provider` or `applicant` as well.
        """
        return frozenset(holder.role for holder in self.edition.holders if holder.body.code == body_code)


@dataclass(frozen=True, slots=True)
class Book:
    """Every document that was loaded, each kind in the order of its first days."""

    editions: tuple[Edition, ...]
    higher: tuple[Edition, ...]
    houses: tuple[Edition, ...]

    def at(self, instant: datetime) -> InForce:
        """What is in force at an aware instant, by its day in Asia/Shanghai.

        Raises:
            NaiveInstant: the instant has no zone.
            NoEditionInForce: no edition stands on that day.
        """
        return self.on(shanghai_day(instant))

    def on(self, day: date) -> InForce:
        """What is in force on a day of Asia/Shanghai.

        Raises:
            NoEditionInForce: before the first edition, or after a repeal that no newer edition followed.
        """
        begun = [edition for edition in self.editions if edition.in_force_from <= day]
        if not begun:
            raise NoEditionInForce(day)
        edition = begun[-1]
        if edition.repeal is not None and edition.repeal.on <= day:
            raise NoEditionInForce(day)
        ended = edition.term_ends if edition.term_ends is not None and edition.term_ends < day else None
        houses = [house for house in self.houses if house.in_force_from <= day]
        return InForce(
            day=day,
            edition=edition,
            higher=tuple(source for source in self.higher if source.stands_on(day)),
            house=houses[-1] if houses and houses[-1].stands_on(day) else None,
            past_term=ended is not None,
            term_ended_on=ended,
            notice_zh=self._notice(edition, ended) if ended else None,
        )

    def _notice(self, edition: Edition, ended: date) -> str:
        newer = next((later for later in self.editions if later.in_force_from > edition.in_force_from), None)
        until = f"新办法自{zh_day(newer.in_force_from)}起施行，此前沿用" if newer else "新办法录入前沿用"
        return f"现行办法（{edition.number}）有效期已于{zh_day(ended)}届满，{until}"


def load_shipped(extra: Iterable[SourceFile] = ()) -> Book:
    """The shipped documents and an administrator's: newer editions, higher sources, other house rules.

    House rules are whole: a later file of them takes the place of the earlier one from its first day.

    Raises:
        FileRefused: a file is not valid, or does not fit with the others; names the file, the key and what is wrong.
    """
    folder = resources.files("policy").joinpath("editions")
    shipped = (SourceFile(f"随附的{name}", folder.joinpath(name).read_bytes()) for name in SHIPPED)
    return compile_book(read_edition(source) for source in (*shipped, *extra))


def compile_book(documents: Iterable[Edition]) -> Book:
    """Put documents together and check them against one another.

    Raises:
        FileRefused: an id twice; terms that overlap; a repeal of nothing, or told in two ways; a rule in two higher
            sources at once.
    """
    ordered = sorted(documents, key=lambda document: document.in_force_from)
    _check_ids(ordered)
    told = _tell_repeals(ordered)
    book = Book(
        editions=tuple(document for document in told if document.layer is Layer.EDITION),
        higher=tuple(document for document in told if document.layer is Layer.HIGHER),
        houses=tuple(document for document in told if document.layer is Layer.HOUSE),
    )
    for earlier, later in pairwise(book.editions):
        if earlier.last_day is None or earlier.last_day >= later.in_force_from:
            problem = f"施行日期落在{earlier.number}（{earlier.file}）的有效期内；若已废止该件，请在 repeals 中写明"
            raise FileRefused(later.file, "document.in_force_from", Flaw.OVERLAP, problem)
    for earlier, later in pairwise(book.houses):
        if earlier.in_force_from == later.in_force_from:
            problem = f"与{earlier.file}的施行日期相同"
            raise FileRefused(later.file, "document.in_force_from", Flaw.OVERLAP, problem)
    _check_higher(book.higher)
    return book


def _check_ids(documents: list[Edition]) -> None:
    for one, other in combinations(documents, 2):
        if one.id == other.id:
            raise FileRefused(other.file, "id", Flaw.DUPLICATE, f"与{one.file}的 id 相同")
        if one.number == other.number:
            raise FileRefused(other.file, "document.number", Flaw.DUPLICATE, f"与{one.file}的文号相同")


def _tell_repeals(documents: list[Edition]) -> list[Edition]:
    """Each document with the repeal that a later one states of it."""
    told = {document.id: document for document in documents}
    for later in documents:
        for place, repealed in enumerate(later.repeals):
            key = f"document.repeals[{place}]"
            target = next((one for one in documents if (one.number, one.layer) == (repealed.number, later.layer)), None)
            if target is None or target.in_force_from >= later.in_force_from:
                raise FileRefused(later.file, key, Flaw.CONTRADICTION, f"没有更早施行的{repealed.number}可以废止")
            repeal = Repeal(on=later.in_force_from, by=later.number, article=repealed.article)
            already = told[target.id].repeal
            if already is not None and already != repeal:
                raise FileRefused(later.file, key, Flaw.CONTRADICTION, f"与{target.file}所载的废止日期或依据不一致")
            told[target.id] = replace(told[target.id], repeal=repeal)
    return list(told.values())


def _check_higher(sources: tuple[Edition, ...]) -> None:
    """Two higher sources may stand together, but not both with one rule: which is the stronger is not ours to say."""
    for one, other in combinations(sources, 2):
        if one.last_day is not None and one.last_day < other.in_force_from:
            continue
        for rule in other.rules:
            if one.rule(rule.id):
                problem = f"{one.number}（{one.file}）同时已有此规则，请只保留效力较高的一处"
                raise FileRefused(other.file, f"rules.{rule.id}", Flaw.CONTRADICTION, problem)


def _rule_id(asked: str) -> RuleId:
    try:
        return RuleId(asked)
    except ValueError:
        raise RuleUnknown(asked) from None
