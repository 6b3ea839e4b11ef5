"""The folder `thinc/include`: what other packages compile against, Cython's interface files and the C++ kernels."""

import shutil
from pathlib import Path

from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent.parent


def interface_files() -> dict[str, Path]:
    """Sources by their path below the folder. Interfaces that start with an underscore are nobody else's business."""
    headers = [(path.relative_to(ROOT / "include"), path) for path in (ROOT / "include").rglob("*.hh")]
    package = [path for path in (ROOT / "thinc").rglob("*") if path.suffix in (".pxd", ".hh")]
    interfaces = [
        (path.relative_to(ROOT), path)
        for path in package
        if (path.name == "__init__.pxd" or not path.name.startswith("_"))
        and path.relative_to(ROOT).parts[1] != "include"
    ]
    return {target.as_posix(): path for target, path in sorted(headers + interfaces)}


def write_interface(package: Path) -> None:
    """Make `include` in the folder of the package, anew."""
    folder = package / "include"
    shutil.rmtree(folder, ignore_errors=True)
    for target, source in interface_files().items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / target)


class BuildPackage(build_py):
    """build_py that adds the folder to what is installed; `build_ext --inplace` makes it in the source tree."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            write_interface(Path(self.build_lib) / "thinc")
