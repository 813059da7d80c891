"""The images: what the Dockerfile can build, and whether a name of an image is good."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.deploy.findings import Result


def buildable(dockerfile: Path) -> frozenset[str]:
    """The values of SERVICE that the Dockerfile takes: the alternatives of its `case` that name a member."""
    text = dockerfile.read_text(encoding="utf-8")
    return frozenset(
        name for found in re.finditer(r'^\s*([a-z|-]+)\) member="', text, re.MULTILINE) for name in found[1].split("|")
    )


def member(root: Path, service: str) -> Path:
    """The folder of the package that an image holds."""
    found = root / "services" / service
    return found if found.is_dir() else root / "libs" / service


def service_of(image: str) -> str | None:
    """Which of our services an image is, by its name; None for a stranger's."""
    found = re.fullmatch(r"(?:.*/)?shuqiao/([a-z-]+)(?::[^/]+)?", image)
    return found[1] if found else None


def name_faults(where: str, image: str, known: frozenset[str]) -> Iterator[str]:
    """What is wrong with the name of an image."""
    last = image.rsplit("/", 1)[-1]
    if ":" not in last:
        yield f"{where}: the image {image} has no tag"
    elif last.rpartition(":")[2] == "latest":
        yield f"{where}: the image {image} is whatever is the latest"
    if (service := service_of(image)) is not None and service not in known:
        yield f"{where}: the Dockerfile builds no {service} ({image})"


def dockerfile(root: Path, services: frozenset[str]) -> Result:
    """The Dockerfile builds each member, by numbers is nobody privileged, and asks for health."""
    file = root / "deploy" / "docker" / "Dockerfile"
    text = file.read_text(encoding="utf-8")
    faults = [f"there is no package for SERVICE={s}" for s in sorted(services) if not member(root, s).is_dir()]
    users = re.findall(r"^USER (.+)$", text, re.MULTILINE)
    if not users or not re.fullmatch(r"[1-9][0-9]*(:[1-9][0-9]*)?", users[-1]):
        faults.append("the last USER is no number other than 0")
    faults += [f"there is no {word}" for word in ("HEALTHCHECK", "ENTRYPOINT", "CMD") if f"\n{word} " not in text]
    let_through = {
        line[1:] for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    }
    copied = [name for words in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE) for name in words.split()]
    faults += [f"{name} is copied and kept out by .dockerignore" for name in copied if name not in let_through]
    return Result.of("Dockerfile", len(services), faults)
