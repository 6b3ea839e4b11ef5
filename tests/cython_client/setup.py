from Cython.Build import cythonize
from setuptools import Extension, setup

import thinc

modules = Extension(
    "thinc_client.*",
    ["thinc_client/*.pyx"],
    language="c++",
    include_dirs=[thinc.get_include()],
    define_macros=[("THINC_ISA", "thinc_client")],
    extra_compile_args=["-std=c++17", "-O2", "-g0"],
)

setup(
    ext_modules=cythonize([modules], include_path=[thinc.get_include()], language_level=3),
    options={"build_ext": {"parallel": 2}},
)
