"""What a decision stores of the rule that it was made under, so that it can be read without the files of that day."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from policy.articles import Article, parse_article
from policy.errors import BasisInvalid
from policy.model import EditionId
from policy.vocabulary import Layer, RuleId


class BasisValues(TypedDict):
    """A basis as plain values, for events and columns."""

    rule: str
    edition: str
    document: str
    article: str
    layer: str
    past_term: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionBasis:
    """The rule, the document and article it stands in, and the edition in force.

    `edition` is the edition that was in force, `document` the number of the document that has the rule; they differ
    where the rule came from a higher source or a house rule, and `layer` says which. `past_term` is whether the term of
    the edition in force had ended by then.
    """

    rule: RuleId
    edition: EditionId
    document: str
    article: Article
    layer: Layer
    past_term: bool

    @property
    def citation(self) -> str:
        """For people: `长府规〔2021〕2号第十七条第一款`."""
        return self.document + self.article.zh

    def values(self) -> BasisValues:
        """As strings and one boolean."""
        return BasisValues(
            rule=self.rule.value,
            edition=self.edition,
            document=self.document,
            article=str(self.article),
            layer=self.layer.value,
            past_term=self.past_term,
        )

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "DecisionBasis":
        """The inverse of `values()`; further keys are ignored, as readers of events do.

        Raises:
            BasisInvalid: a value is missing or is none that this library would have written.
        """
        try:
            past_term = values["past_term"]
            if not isinstance(past_term, bool):
                raise BasisInvalid("past_term")
            return cls(
                rule=RuleId(_text(values, "rule")),
                edition=EditionId(_text(values, "edition")),
                document=_text(values, "document"),
                article=parse_article(_text(values, "article")),
                layer=Layer(_text(values, "layer")),
                past_term=past_term,
            )
        except (KeyError, ValueError) as error:
            raise BasisInvalid(str(error)) from error


def _text(values: Mapping[str, object], key: str) -> str:
    value = values[key]
    if not isinstance(value, str) or not value:
        raise BasisInvalid(key)
    return value
