"""The house rules of docs/architecture.md, read from the source: floors, owners, sizes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "nsemu"
FILES = sorted(SOURCE.rglob("*.py"))

ENGINES = ("routing", "policy", "nat", "screen", "ipsec", "ike", "auth", "l2tp", "ppp")
FLOORS = {
    "sim": 0,
    "wire": 1,
    "config": 2,
    "runtime": 3,
    **dict.fromkeys(ENGINES, 3),
    "flow": 4,
    "device": 5,
    "lab": 6,
    "cli": 7,
    "api": 8,
    "app": 8,
}

# A sibling on the same floor that may be imported, and why.
SHARED = {"runtime"}

# Library → the only packages or files that may import it.
OWNERS = {
    "cryptography": ("runtime/crypto/",),
    "gmpy2": ("runtime/crypto/",),
    "networkx": ("lab/graph.py", "lab/drawing/"),
    "prompt_toolkit": ("cli/terminal", "app/"),
    "ruamel": ("lab/topology/",),
    "PIL": ("lab/drawing/",),
    "rich": ("app/",),
    "asyncssh": ("app/consoles/",),
    "netmiko": (),
    "random": ("sim/entropy.py",),
    "secrets": (),
    "time": ("sim/pacing.py", "app/"),
    "socket": ("lab/external.py", "app/"),
    "fcntl": ("lab/external.py",),
    "select": ("sim/realtime.py",),
    "asyncio": ("app/", "cli/terminal"),
    "threading": (),
    "logging": (),
    "scapy": (),
    "subprocess": (),
}

BANNED_CALLS = {
    "print": ("app/",),
    "datetime.now": (),
    "datetime.utcnow": (),
    "datetime.today": (),
    "os.urandom": (),
    "uuid.uuid4": (),
    "input": (),
    "eval": (),
    "exec": (),
}

FILE_LIMIT = 500
FUNCTION_LIMIT = 60

# The CLI sees configuration, device and lab; never a pipeline stage or an engine.
HIDDEN_FROM_CLI = (*ENGINES, "flow")


def relative(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def floor_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{relative(path)}: relative import"
            yield node.module
            if node.module == "nsemu":
                yield from (f"nsemu.{alias.name}" for alias in node.names)


def allowed(path: Path, owners: tuple[str, ...]) -> bool:
    return any(relative(path).startswith(owner) for owner in owners)


def ids(path: Path) -> str:
    return relative(path)


def test_every_package_has_a_floor() -> None:
    packages = {path.name for path in SOURCE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert packages == set(FLOORS)


@pytest.mark.parametrize("path", [path for path in FILES if path.parent != SOURCE], ids=ids)
def test_imports_point_downward(path: Path) -> None:
    own = relative(path).split("/")[0]
    for module in imports_of(path):
        if not module.startswith("nsemu."):
            continue
        other = floor_of(module)
        if other == own:
            continue
        if FLOORS[other] == FLOORS[own] and FLOORS[own] < 8:
            assert other in SHARED, f"{relative(path)} imports its sibling {module}"
        assert FLOORS[other] <= FLOORS[own], f"{relative(path)} imports {module}, a higher floor"


@pytest.mark.parametrize("path", [path for path in FILES if relative(path).startswith("cli/")], ids=ids)
def test_the_shell_sees_no_engine(path: Path) -> None:
    for module in imports_of(path):
        if module.startswith("nsemu."):
            assert floor_of(module) not in HIDDEN_FROM_CLI, f"{relative(path)} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_libraries_have_owners(path: Path) -> None:
    for module in imports_of(path):
        owners = OWNERS.get(module.split(".")[0])
        if owners is not None:
            assert allowed(path, owners), f"{relative(path)} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_banned_calls(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            owners = BANNED_CALLS.get(name)
            assert owners is None or allowed(path, owners), f"{relative(path)}:{node.lineno} calls {name}"


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_a_file_fits_in_a_head(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= FILE_LIMIT, f"{relative(path)} has {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            size = node.end_lineno - node.lineno + 1
            assert size <= FUNCTION_LIMIT, f"{relative(path)}:{node.lineno} {node.name} has {size} lines"


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{relative(path)} has no docstring"
