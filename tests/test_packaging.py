"""What a user installs: the versions agree, and the wheel works away from the checkout."""

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def direct_requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    texts = PROJECT["dependencies"] + [text for extra in extras for text in extra]
    return [Requirement(text) for text in texts]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    found = [line.partition("==") for line in lines if line and not line.startswith("#")]
    assert all(equals for _, equals, _ in found), "constraints.txt holds exact versions only"
    return {canonicalize_name(name): version for name, _, version in found}


def test_package_and_project_have_one_version() -> None:
    # as text: another textgan may be installed in the environment that runs this
    tree = ast.parse((ROOT / "textgan" / "__init__.py").read_text("utf-8"))
    versions = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"
    ]
    assert versions == [PROJECT["version"]]


@pytest.mark.parametrize("requirement", direct_requirements(), ids=lambda r: r.name)
def test_constraints_pin_what_the_project_asks_for(requirement: Requirement) -> None:
    version = pins().get(canonicalize_name(requirement.name))
    assert version is not None, f"constraints.txt lacks {requirement.name}"
    assert re.fullmatch(r"[0-9.]+", version), "a local tag would shut out other builds"
    assert version in requirement.specifier


def test_citation_has_the_project_s_version_and_licence() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["title"] == PROJECT["name"]
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"] == "Apache-2.0"
    assert citation["authors"] == [{"name": "The textgan founders"}]


def test_changelog_opens_with_unreleased() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"


def run(*command: str | Path, cwd: Path) -> str:
    # nothing of the checkout, of earlier runs or of the network may help
    hidden = ("PYTHONPATH", "TEXTGAN_RUNS", "VIRTUAL_ENV")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**environment, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )
    assert done.returncode == 0, f"{command} exited {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def fresh_venv(folder: Path) -> Path:
    """A venv of its own that borrows the dependencies of the environment running the tests.

    `--system-site-packages` would show the base interpreter's packages, where torch is not; a .pth
    shows this environment's, which spares a download of hundreds of MB for each run. Python reads
    no .pth inside a folder that a .pth names, so the editable install of the checkout stays out of
    sight: `textgan` can come from the wheel only.
    """
    venv.create(folder, with_pip=False)
    inside = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", inside))
    borrowed = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (site / "borrowed.pth").write_text("\n".join(borrowed), "utf-8")
    return Path(sysconfig.get_path("scripts", "venv", inside))


@pytest.mark.slow
def test_the_installed_wheel_pretrains_and_samples_in_an_empty_folder(tmp_path: Path) -> None:
    wheels, empty = tmp_path / "wheels", tmp_path / "empty"
    empty.mkdir()
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", wheels, ROOT, cwd=empty)
    (wheel,) = wheels.glob("textgan-*.whl")
    scripts = fresh_venv(tmp_path / "venv")
    pip = (sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--quiet")
    run(*pip, "--no-deps", "--no-index", wheel, cwd=empty)

    package = Path(
        run(scripts / "python", "-c", "import textgan; print(textgan.__file__)", cwd=empty).strip()
    ).parent
    assert package.is_relative_to(tmp_path / "venv")
    for folder in ("configs", "corpora"):
        source = {p.relative_to(ROOT) for p in (ROOT / folder).rglob("*") if p.is_file()}
        shipped = {p.relative_to(package) for p in (package / folder).rglob("*") if p.is_file()}
        assert source and shipped == source
    assert not list(package.rglob("test_*.py"))

    run(scripts / "textgan", "pretrain", "configs/tiny.yaml", cwd=empty)
    assert run(scripts / "textgan", "sample", "--count", "3", cwd=empty).strip()
