"""Build the extensions and the per-ISA kernel libraries; metadata lives in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import setup

# Build front ends run this file without the project's root on the path.
sys.path.insert(0, str(Path(__file__).parent))

from build_tools.extensions import BuildExtensions, BuildLibraries, extensions, isa_libraries
from build_tools.interface import BuildPackage

setup(
    ext_modules=extensions(),
    libraries=isa_libraries(),
    cmdclass={"build_ext": BuildExtensions, "build_clib": BuildLibraries, "build_py": BuildPackage},
)
