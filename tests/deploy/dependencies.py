"""Whether each package names what it imports: in the workspace's one environment a missing name is never noticed.

A package may import what it depends on itself, and what a library of this repository that it depends on names; not
what some stranger happens to bring along.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from tests.deploy.findings import Result

OPTIONAL: Final[Mapping[str, frozenset[str]]] = {"shuqiao-stack": frozenset({"docker", "testcontainers"})}
"""Modules that a package tries and can do without."""
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Member:
    """A package of the workspace."""

    distribution: str
    module: str
    folder: Path
    needs: frozenset[str]
    """The distributions that its pyproject.toml names."""


def members(root: Path) -> dict[str, Member]:
    """The packages below libs, services and clients, by distribution."""
    found: dict[str, Member] = {}
    for file in sorted(
        [
            *root.glob("libs/*/pyproject.toml"),
            *root.glob("services/*/pyproject.toml"),
            *root.glob("clients/*/pyproject.toml"),
        ]
    ):
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        name = told["project"]["name"]
        needs = frozenset(_plain(text) for text in told["project"]["dependencies"])
        found[name] = Member(name, told["tool"]["uv"]["build-backend"]["module-name"], file.parent, needs)
    return found


def _plain(requirement: str) -> str:
    found = _NAME.match(requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def allowed(member: Member, all_members: Mapping[str, Member]) -> frozenset[str]:
    """The distributions whose modules a package may import."""
    found = set(member.needs)
    for need in member.needs & set(all_members):
        found |= allowed(all_members[need], all_members)
    return frozenset(found)


def imported(folder: Path) -> Iterator[tuple[str, Path]]:
    """The top-level modules that the code of a package imports when it is loaded or called, with the file."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((name.name.split(".")[0], file) for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.split(".")[0], file


def undeclared(member: Member, all_members: Mapping[str, Member], owners: Mapping[str, list[str]]) -> Iterator[str]:
    """Modules that the package imports and nothing it depends on brings by name."""
    may = allowed(member, all_members)
    modules = {all_members[name].module for name in may & set(all_members)} | {member.module}
    spared = sys.stdlib_module_names | modules | OPTIONAL.get(member.distribution, frozenset())
    for module, file in imported(member.folder / member.module):
        if module in spared:
            continue
        if not {_plain(owner) for owner in owners.get(module, ())} & may:
            where = file.relative_to(member.folder)
            yield f"{member.distribution}: {where} imports {module}, which nothing it names brings"


def check(root: Path) -> Result:
    """Every package of the workspace."""
    found = members(root)
    owners = metadata.packages_distributions()
    faults = [fault for member in found.values() for fault in undeclared(member, found, owners)]
    return Result.of("pyproject.toml: every import is named", len(found), faults)
