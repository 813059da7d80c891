"""Options that many commands have."""

from pathlib import Path
from typing import Annotated

import typer

from shuqiao import profile

Account = Annotated[str, typer.Option("--account", "-a", help="账号", envvar="SHUQIAO_ACCOUNT")]
Password = Annotated[
    str,
    typer.Option("--password", help="密码；省略时提示输入", envvar="SHUQIAO_PASSWORD", prompt="密码", hide_input=True),
]
ProfileFile = Annotated[
    Path | None, typer.Option("--profile", help="配置文件；默认 .run/profile.json", envvar=profile.VARIABLE)
]
