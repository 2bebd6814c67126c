"""What no line of the source does: run what a file, a request or a shell says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "dlrs"
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {
    "torch.load",
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "os.system",
    "os.popen",
    "pd.read_pickle",
    "pandas.read_pickle",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
}


def forbidden(tree: ast.AST) -> Iterator[str]:
    """Yield all that a module does and must not."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names if name.name.partition(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module), names=names):
                if module.partition(".")[0] in MODULES:
                    yield module
                yield from (f"{module}.{n.name}" for n in names if f"{module}.{n.name}" in METHODS)
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                yield name
            case ast.Call(func=function, keywords=keywords):
                if (called := ast.unparse(function)) in METHODS:
                    yield called
                for keyword in keywords:
                    is_false = isinstance(keyword.value, ast.Constant) and not keyword.value.value
                    if keyword.arg in ("shell", "allow_pickle") and not is_false:
                        yield f"{called} with {keyword.arg}"


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "from torch import load",
        "import joblib.memory",
        "x = torch.load(f)",
        "np.load(f, allow_pickle=True)",
        "subprocess.run(c, shell=True)",
        "subprocess.run(c, shell=given)",
        "eval(text)",
        "yaml.load(f)",
        "def f():\n    os.system('ls')",
    ],
)
def test_such_lines_are_found(line: str) -> None:
    assert list(forbidden(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    ["np.load(f)", "np.load(f, allow_pickle=False)", "re.compile(p)", "net.eval()", "yaml.safe_load(f)"],
)
def test_others_are_not(line: str) -> None:
    assert not list(forbidden(ast.parse(line)))


def test_the_source_has_none() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 100
    found = {str(file.relative_to(SOURCE)): list(forbidden(ast.parse(file.read_bytes()))) for file in files}
    assert {file: bad for file, bad in found.items() if bad} == {}
