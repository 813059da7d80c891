"""How a place in a regulation is written and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import Article, parse_article
from policy.articles import chinese_numeral

small = st.none() | st.integers(1, 99)
articles = st.builds(Article, number=st.integers(1, 999), paragraph=small, item=small) | st.builds(
    Article, number=st.integers(1, 999), annex=st.just(value=True)
)


@pytest.mark.parametrize(
    ("written", "zh", "short"),
    [
        ("17", "第十七条", "17"),
        ("17.1", "第十七条第一款", "17"),
        ("26(3)", "第二十六条第（三）项", "26"),
        ("14.2(1)", "第十四条第二款第（一）项", "14"),
        ("20", "第二十条", "20"),
        ("A3", "附件3", "A3"),
    ],
)
def test_a_place_is_shown_as_regulations_are_cited(written, zh, short):
    article = parse_article(written)
    assert (article.zh, article.short, str(article)) == (zh, short, written)


@pytest.mark.parametrize(
    ("number", "zh"),
    [
        (1, "一"),
        (10, "十"),
        (11, "十一"),
        (30, "三十"),
        (100, "一百"),
        (105, "一百零五"),
        (110, "一百一十"),
        (999, "九百九十九"),
    ],
)
def test_numbers_are_written_as_articles_are(number, zh):
    assert chinese_numeral(number) == zh


def test_every_number_has_a_writing_of_its_own():
    assert len({chinese_numeral(number) for number in range(1, 1000)}) == 999


@pytest.mark.parametrize("number", [0, -1, 1000])
def test_other_numbers_have_none(number):
    with pytest.raises(ValueError, match="no article"):
        chinese_numeral(number)


@given(articles)
def test_a_place_is_read_back_as_it_is_written(article):
    assert parse_article(str(article)) == article


@pytest.mark.parametrize(
    "text", ["", "0", "017", "17.0", "17(0)", "17.", "(3)", "A", "A3.1", "17§", "十七", "1000", "１７"]
)
def test_what_is_no_place_is_refused(text):
    with pytest.raises(ValueError, match=r"not the place|as a whole"):
        parse_article(text)
