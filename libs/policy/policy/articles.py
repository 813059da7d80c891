"""Where in a document a rule stands: article, paragraph, item; or an annex. Written `17.1`, `26(3)`, `A3`."""

import re
from dataclasses import dataclass

_FORM = re.compile(
    r"(?P<annex>A)?(?P<number>[1-9][0-9]{0,2})(?:\.(?P<paragraph>[1-9][0-9]?))?(?:\((?P<item>[1-9][0-9]?)\))?"
)
_DIGITS = "零一二三四五六七八九"


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """A place in a document; `str()` of it is the form that files and decisions store.

    `paragraph` (款) and `item` (项) are left out where the article has one paragraph only, or the rule is all of it.
    """

    number: int
    paragraph: int | None = None
    item: int | None = None
    annex: bool = False

    def __str__(self) -> str:
        paragraph = f".{self.paragraph}" if self.paragraph else ""
        item = f"({self.item})" if self.item else ""
        return f"{'A' if self.annex else ''}{self.number}{paragraph}{item}"

    @property
    def zh(self) -> str:
        """`第十七条第一款`, `第二十六条第（三）项`, `附件3`."""
        if self.annex:
            return f"附件{self.number}"
        paragraph = f"第{chinese_numeral(self.paragraph)}款" if self.paragraph else ""
        item = f"第（{chinese_numeral(self.item)}）项" if self.item else ""
        return f"第{chinese_numeral(self.number)}条{paragraph}{item}"

    @property
    def short(self) -> str:
        """The article alone, as requirements cite it: `17`, `A3`."""
        return f"{'A' if self.annex else ''}{self.number}"


def parse_article(text: str) -> Article:
    """The inverse of `str(article)`.

    Raises:
        ValueError: no such form, or an annex with a paragraph or an item.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"not the place of a rule: {text!r}")
    article = Article(
        number=int(found["number"]),
        paragraph=int(found["paragraph"]) if found["paragraph"] else None,
        item=int(found["item"]) if found["item"] else None,
        annex=found["annex"] is not None,
    )
    if article.annex and (article.paragraph or article.item):
        raise ValueError(f"an annex is cited as a whole: {text!r}")
    return article


def chinese_numeral(number: int) -> str:
    """1 to 999 as articles are numbered: 十七, 二十, 一百零九, 一百一十.

    Raises:
        ValueError: outside that range.
    """
    if not 1 <= number <= 999:
        raise ValueError(f"no article has the number {number}")
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    text = f"{_DIGITS[hundreds]}百" if hundreds else ""
    if tens:
        # Ten alone is 十, but after a hundred it is 一十.
        text += ("" if tens == 1 and not hundreds else _DIGITS[tens]) + "十"
    elif hundreds and ones:
        text += "零"
    return text + (_DIGITS[ones] if ones else "")
