"""The library reads its own data and nothing else: no clock, no environment, no network, nothing at import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import policy

FOLDER = Path(policy.__file__).parent
# The command at the edge prints and reads the files it is given; it is no part of the library.
MODULES = sorted(path for path in FOLDER.glob("*.py") if path.name != "__main__.py")
ALLOWED = {
    "chinese_calendar", "collections", "dataclasses", "datetime", "difflib", "enum", "functools",
    "importlib", "itertools", "policy", "re", "tomllib", "typing", "unicodedata",
}  # fmt: skip
CLOCKS = {"now", "today", "utcnow"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_imports_nothing_of_the_world_and_asks_no_clock(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        assert {name.split(".")[0] for name in names} <= ALLOWED
        if isinstance(node, ast.Attribute):
            assert node.attr not in CLOCKS
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input"}


WATCHED = """
import sys, os, time
import policy
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
class Nothing(dict):
    def __getitem__(self, key): raise AssertionError(f"environment asked for {key}")
    get = __contains__ = __getitem__
os.environ = Nothing()
def no_clock(*_): raise AssertionError("clock asked")
time.time = time.time_ns = time.monotonic = no_clock
policy.load_shipped()
policy.shipped_calendar()
print("\\n".join(opened))
"""


def test_loading_opens_the_packages_own_files_and_asks_no_environment():
    done = subprocess.run([sys.executable, "-W", "error", "-c", WATCHED], capture_output=True, text=True, check=True)
    opened = {Path(line).name for line in done.stdout.splitlines() if line.endswith(".toml")}
    assert opened == {"2019.toml", "2021.toml", "house.toml", "overrides.toml"}
    assert all(line.startswith((str(FOLDER), sys.base_prefix, sys.prefix)) for line in done.stdout.splitlines())


def test_loading_twice_gives_the_same():
    assert policy.load_shipped() == policy.load_shipped()


def test_what_is_loaded_cannot_be_changed():
    edition = policy.load_shipped().editions[0]
    frozen = [(edition, "number"), (edition.rules[0], "quote"), (edition.bodies[0], "name")]
    for value, field in [*frozen, (policy.shipped_calendar(), "tables")]:
        with pytest.raises(AttributeError):
            setattr(value, field, "其他")
    assert hash(edition) == hash(policy.load_shipped().editions[0])
