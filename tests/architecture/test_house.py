"""The rules of the house, read from the syntax tree: who imports whom, how large things grow, what never stands."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "demandgeo"
FLOORS = {
    "errors": 0,
    "documents": 1,
    "registry": 1,
    "kernels": 1,
    "domain": 2,
    "statistics": 3,
    "severity": 4,
    "synthetic": 4,
    "sources": 4,
    "density": 4,
    "priority": 4,
    "roads": 4,
    "deployment": 4,
    "outputs": 4,
    "runs": 5,
    "cli": 6,
    "__main__": 7,
}
ROOMS = {name for name, floor in FLOORS.items() if floor == 4}
NEVER = {"kernels": set(FLOORS), "domain": {"kernels"}, "runs": ROOMS}
"""Tighter than the floors: runs finds the rooms through the registry."""

MOST_LINES, MOST_LINES_OF_A_FUNCTION = 500, 60  # ruff counts complexity (C901)
MODULES = sorted(path for path in HOUSE.rglob("*.py") if path != HOUSE / "__init__.py")
PACKAGES = sorted(path.parent for path in HOUSE.rglob("__init__.py"))
LAZY = [path for path in PACKAGES if path.name in ROOMS | {"runs"}]
each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HOUSE)))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room(path: Path) -> str:
    """The top-level package or module that a file belongs to."""
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imported(module: ast.Module) -> list[str]:
    """Every import, however deep inside a function it hides."""
    names: list[str] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write absolute imports"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("import_module", "importlib.import_module"):
            names += [part.value for part in node.args if isinstance(part, ast.Constant)]
    return names


def broken_imports(me: str, names: list[str]) -> list[str]:
    """What a module of a room may not import."""
    ours = [name.split(".")[1] for name in names if name.startswith("demandgeo.")]
    return [
        other
        for other in ours
        if other in FLOORS and other != me and (FLOORS[other] >= FLOORS[me] or other in NEVER.get(me, ()))
    ]


def functions(module: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(module) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def test_the_law_notices_what_it_forbids():
    assert broken_imports("density", ["demandgeo.priority.regions", "demandgeo.domain.Grid"]) == ["priority"]
    assert broken_imports("domain", ["demandgeo.kernels.planar", "demandgeo.statistics"]) == ["kernels", "statistics"]
    assert broken_imports("runs", ["demandgeo.sources", "demandgeo.registry", "demandgeo.runs.plans"]) == ["sources"]
    assert imported(ast.parse("def f():\n    from demandgeo import cli\n    import_module('demandgeo.runs')")) == [
        "demandgeo.cli",
        "demandgeo.runs",
    ]


@each_module
def test_every_module_stands_in_a_room_and_imports_only_what_is_below(path):
    assert room(path) in FLOORS, "no room of the house"
    assert broken_imports(room(path), imported(tree(path))) == []


@each_module
def test_things_stay_small(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES, "split it"
    for node in functions(ast.parse(text)):
        documented = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
        assert node.end_lineno - node.lineno + 1 - documented <= MOST_LINES_OF_A_FUNCTION, f"split {node.name}"


@each_module
def test_only_the_kernels_compile(path):
    if room(path) != "kernels":
        numba = [name for name in imported(tree(path)) if name.split(".")[0] == "numba"]
        assert set(numba) <= {"numba"}, "compile in kernels"
        names = {ast.unparse(node) for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
        assert not names & {"numba.jit", "numba.njit", "numba.vectorize", "numba.guvectorize", "numba.prange"}


DANGEROUS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.full_load"}
DANGEROUS |= {"yaml.unsafe_load", "pickle.load", "pickle.loads", "pd.read_pickle", "np.random.seed", "np.random.rand"}
SAFE_RANDOM = {"np.random.Generator", "np.random.default_rng", "np.random.SeedSequence", "np.random.Philox"}


@each_module
def test_nothing_dangerous_is_called(path):
    module = tree(path)
    assert not {name.split(".")[0] for name in imported(module)} & {"pickle", "marshal", "shelve", "dill", "joblib"}
    called = {ast.unparse(node.func) for node in ast.walk(module) if isinstance(node, ast.Call)}
    assert not called & DANGEROUS
    assert {name for name in called if name.startswith("np.random.")} <= SAFE_RANDOM, "seed a generator of your own"
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            flags = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert flags.get("allow_pickle") != "True"
            assert flags.get("shell") != "True"


def public_names(package: Path) -> list[str]:
    """What a package's __init__ lists in __all__, read without importing it."""
    for node in tree(package / "__init__.py").body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            try:
                return list(ast.literal_eval(node.value))
            except ValueError:  # computed, e.g. from the mapping of names to modules
                return list(importlib.import_module(f"demandgeo.{package.name}").__all__)
    return []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_no_module_bears_the_name_of_a_public_name_of_its_package(package):
    modules = {path.stem for path in package.glob("*.py")} | {path.name for path in package.iterdir() if path.is_dir()}
    names = set(public_names(package)) if package != HOUSE else {"run"}
    assert not modules & names


def test_no_module_is_a_cupboard():
    cupboards = {"utils", "util", "common", "helpers", "helper", "core", "misc", "base", "tools"}
    assert not cupboards & {path.stem for path in MODULES}


@pytest.mark.parametrize("package", LAZY, ids=lambda path: path.name)
def test_a_room_lists_its_names_lazily_and_every_one_is_there(package):
    module = importlib.import_module(f"demandgeo.{package.name}")
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert len(set(module.__all__)) == len(module.__all__)
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError):
        module.no_such_name  # noqa: B018


@pytest.mark.parametrize("package", LAZY, ids=lambda path: path.name)
def test_what_a_type_checker_sees_is_what_a_room_lists(package):
    module = tree(package / "__init__.py")
    seen = {
        alias.asname or alias.name
        for node in module.body
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for line in node.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }
    eager = {
        alias.asname or alias.name for node in module.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert set(public_names(package)) <= seen | eager
    assert seen <= set(public_names(package))


def test_every_registered_function_is_listed_by_its_room_and_documented():
    from demandgeo import registry

    rooms = [
        name for name in registry.ROOMS if (HOUSE / name / "__init__.py").exists() or (HOUSE / f"{name}.py").exists()
    ]
    for name in rooms:
        registry.load(name)
    for register in registry.Register.all:
        for entry in register._entries.values():
            function = entry.function
            if function.__module__.startswith("demandgeo."):
                package = importlib.import_module(".".join(function.__module__.split(".")[:2]))
                assert getattr(package, function.__name__) is function, f"{entry.name} is not in its room's __all__"
                assert entry.summary.endswith("."), f"{entry.name} has no summary line"
                if register is registry.STAGES:
                    assert ">>>" in str(function.__doc__), f"{entry.name} shows no example"


def tracked() -> list[Path]:
    """Files that git knows or would know, that hold text."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no git checkout: which files belong to the project is not known")
    texts = {
        ".py",
        ".md",
        ".toml",
        ".yaml",
        ".yml",
        ".lock",
        ".in",
        ".txt",
        ".cfg",
        ".j2",
        ".html",
        ".css",
        ".js",
        ".qml",
    }
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and (path.suffix in texts or path.name in ("Makefile", "LICENSE"))]


MARKS = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" * 3 + r"\b", "HA" + "CK:"]))
PLACES = re.compile(
    "|".join(
        [r"/ro" + "ot/", r"/ho" + r"me/\w", r"/wo" + r"rk/", r"/Us" + r"ers/\w", "--ind" + "ex-url", "file:" + "///"]
    )
)


def test_no_file_carries_unfinished_marks_or_addresses_of_the_machine_it_was_made_on():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked()
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1)
        if MARKS.search(line) or PLACES.search(line)
    ]
    assert found == []


def test_the_lock_names_no_address():
    for path in sorted((ROOT / "requirements").glob("*.lock")):
        assert "://" not in path.read_text(encoding="utf-8"), path.name
