"""The repository's own shape: small files with names that say something, nothing of whose machine it was made on."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
LONGER: dict[str, str] = {}
"""Modules that may be longer, each with the reason."""
NAMELESS = re.compile(r"(^|_)(utils?|helpers?|base_service|managers?|misc|common_functions)\.py$")
# Put together here, so that this file does not find itself.
_HOSTS = "pypi|pythonhosted|maven|proxy.golang|goproxy|debian|npmjs|crates.io|docker.io"
REGISTRIES = re.compile(rf":/{'/'}[^\s/\"'`<>)]*({_HOSTS})")
HOMES = re.compile("/(" + "home/[a-z]" + "|" + "Users/[A-Za-z]" + "|" + "root/" + ")")
MADE_UP_HOMES = {
    "tests/unit/stack/test_cache.py": "a home that no machine has: where the cache lies is the subject",
    "tests/unit/stack/test_fetch.py": "the same: Go's own settings in a home",
}


ADVICE = {
    "libs/stack/stack/fetch/minio.py": "tells a person whose network blocks the way which proxy is commonly named"
}
"""Files that may name a registry, each with the reason."""


def kept() -> list[Path]:
    """Every file that is, or would be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        capture_output=True,
        check=True,
        cwd=ROOT,
    ).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def files() -> dict[str, Path]:
    found = {str(path.relative_to(ROOT)): path for path in kept()}
    assert len(found) > 300
    return found


@pytest.fixture(scope="module")
def texts(files: dict[str, Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, path in files.items():
        raw = path.read_bytes()
        if b"\0" not in raw:
            found[name] = raw.decode(errors="replace")
    return found


def test_every_module_has_at_most_four_hundred_lines(texts):
    lines = {name: text.count("\n") for name, text in texts.items() if name.endswith(".py")}
    assert {name: count for name, count in lines.items() if count > MOST_LINES and name not in LONGER} == {}
    assert [name for name in LONGER if lines.get(name, 0) <= MOST_LINES] == [], "the reason is no longer needed"


def test_no_module_has_a_name_that_says_nothing(files):
    assert [name for name in files if NAMELESS.search(Path(name).name)] == []


@pytest.mark.parametrize("name", ["utils.py", "helpers.py", "date_utils.py", "base_service.py", "manager.py"])
def test_such_a_name_would_be_found(name):
    assert NAMELESS.search(name)


@pytest.mark.parametrize("name", ["installation.py", "reading.py", "managed.py", "utilities_act.py"])
def test_a_name_that_says_something_is_not(name):
    assert not NAMELESS.search(name)


def test_no_text_names_a_package_registry(texts):
    # Where packages come from is the affair of the machine; the pins name versions alone.
    assert [name for name, text in texts.items() if REGISTRIES.search(text) and name not in ADVICE] == []
    assert "://" not in texts["constraints.txt"]


def test_no_text_names_a_home_or_this_checkout(texts):
    found = {name for name, text in texts.items() if HOMES.search(text)}
    assert found == set(MADE_UP_HOMES)
    here = {name for name, text in texts.items() if str(ROOT) in text or f"{Path.home()}/" in text}
    assert here == set()


@pytest.mark.parametrize("host", ["pypi.org/simple", "repo1.maven.org/maven2", "proxy.golang.org", "deb.debian.org"])
def test_the_address_of_a_registry_would_be_found(host):
    assert REGISTRIES.search("see https:" + f"//{host} there")


@pytest.mark.parametrize("path", ["/home/" + "li/x", "/Users" + "/li", "/root" + "/.cache"])
def test_the_path_of_a_home_would_be_found(path):
    assert HOMES.search(f'"{path}"')


def test_nothing_that_is_generated_or_secret_is_kept(files):
    wrong = re.compile(r"(^|/)(\.venv|__pycache__|build|dist|\.run|node_modules)/|\.pyc$|uv\.lock$|secrets\.json$")
    assert [name for name in files if wrong.search(name)] == []
