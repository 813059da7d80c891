"""`shuqiao key` and `shuqiao certificate`: what proves a unit's calls, made here and put on file at the register."""

import json
from pathlib import Path
from typing import Annotated

import httpx2
import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from rich.table import Table

from shuqiao import profile
from shuqiao.errors import Away, BadProfile
from shuqiao.proofs import AnswerKeys, SigningKey
from shuqiao.session import TIMEOUT, Json, Session
from shuqiao.showing import out

app = typer.Typer(no_args_is_help=True, help="签名密钥：证明调用出自本单位，核对应答出自网关")
certificates = typer.Typer(no_args_is_help=True, help="客户端证书")

ProfileFile = Annotated[
    Path | None, typer.Option("--profile", help="配置文件；默认 .run/profile.json", envvar=profile.VARIABLE)
]
Account = Annotated[str, typer.Option("--account", "-a", help="本单位管理员的账号", envvar="SHUQIAO_ACCOUNT")]
Password = Annotated[
    str,
    typer.Option("--password", help="密码；省略时提示输入", envvar="SHUQIAO_PASSWORD", prompt="密码", hide_input=True),
]


@app.command("make")
def make(file: Annotated[Path, typer.Argument(help="写入私钥的新文件（PEM，权限0600）")]) -> None:
    """生成一对密钥：私钥写入文件，公钥和标识显示出来。不联网。"""
    made = SigningKey.generate()
    made.save(file)
    out.print(f"标识 {made.id}", highlight=False)
    out.print(made.public_pem.strip(), highlight=False)


@app.command("register")
def register(
    file: Annotated[Path, typer.Argument(help="私钥文件；只登记其公钥")],
    account: Account,
    password: Password,
    path: ProfileFile = None,
) -> None:
    """把公钥登记为本单位的签名公钥；两秒内在网关生效。"""
    key = SigningKey.load(file)
    with Session(profile.load(path), account, password) as session:
        _show(session.post("registry", f"/units/{session.unit}/signing-keys", {"public": key.public_pem}))


@app.command("list")
def show(account: Account, password: Password, path: ProfileFile = None) -> None:
    """列出本单位有效的签名公钥和客户端证书。"""
    with Session(profile.load(path), account, password) as session:
        _show(session.get("registry", f"/units/{session.unit}"))


@app.command("withdraw")
def withdraw(
    key: Annotated[str, typer.Argument(help="标识")], account: Account, password: Password, path: ProfileFile = None
) -> None:
    """撤销一个签名公钥；不能再次登记。"""
    with Session(profile.load(path), account, password) as session:
        _show(session.delete("registry", f"/units/{session.unit}/signing-keys/{key}"))


@app.command("answers")
def answers(file: Annotated[Path, typer.Argument(help="写入的文件（JWKS）")], path: ProfileFile = None) -> None:
    """取得核对网关应答的公钥；不须登录。"""
    url = profile.load(path).services["registry"].rstrip("/") + "/.well-known/answer-keys.json"
    try:
        answer = httpx2.get(url, timeout=TIMEOUT)
        document = answer.raise_for_status().json()
    except (httpx2.HTTPError, ValueError) as error:
        raise Away(f"{url} 没有应答（{type(error).__name__}）") from error
    found = AnswerKeys.of(document)
    file.write_text(json.dumps(document, indent=1) + "\n")
    out.print("\n".join(found.keys), highlight=False)


@certificates.command("bind")
def bind(
    file: Annotated[Path, typer.Argument(help="证书（PEM）")],
    account: Account,
    password: Password,
    path: ProfileFile = None,
    by_subject: Annotated[
        bool, typer.Option("--subject/--fingerprint", help="按主体绑定（换发后仍有效），或按指纹绑定这一张")
    ] = True,
) -> None:
    """把一张客户端证书绑定到本单位。"""
    body = marks(file)
    kept = "subject" if by_subject else "fingerprint"
    with Session(profile.load(path), account, password) as session:
        _show(session.post("registry", f"/units/{session.unit}/certificates", {kept: body[kept]}))


@certificates.command("release")
def release(
    certificate: Annotated[str, typer.Argument(help="标识")],
    account: Account,
    password: Password,
    path: ProfileFile = None,
) -> None:
    """解除一张客户端证书的绑定。"""
    with Session(profile.load(path), account, password) as session:
        _show(session.delete("registry", f"/units/{session.unit}/certificates/{certificate}"))


def marks(file: Path) -> dict[str, str]:
    """Subject and fingerprint of a certificate, as the ingress tells them.

    Raises:
        BadProfile: the file holds no certificate.
    """
    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        raise BadProfile(f"{file} 不是证书（PEM）") from None
    # What is no ASCII stands as bytes in hexadecimal, as OpenSSL writes it (RFC 4514 §2.4).
    subject = "".join(
        char if char.isascii() else "".join(f"\\{byte:02X}" for byte in char.encode())
        for char in found.subject.rfc4514_string()
    )
    return {"subject": subject, "fingerprint": found.fingerprint(hashes.SHA256()).hex()}


def _show(unit: Json) -> None:
    table = Table("种类", "标识", "内容")
    for key in unit["signing_keys"]:
        table.add_row("签名公钥", key["id"], key["public"])
    for one in unit["certificates"]:
        table.add_row("证书主体" if one["mark"] == "subject" else "证书指纹", one["id"], one["value"])
    out.print(table)
