import thinc
from Cython.Build import cythonize
from setuptools import Extension, setup


def extension(name, **options):
    return Extension(
        f"thinc_client.{name}",
        [f"thinc_client/{name}.pyx"],
        language="c++",
        include_dirs=[thinc.get_include()],
        extra_compile_args=["-std=c++17", "-O2", "-g0"],
        **options,
    )


setup(
    ext_modules=cythonize(
        [
            extension("network"),
            extension("tags"),
            extension("native", define_macros=[("THINC_ISA", "thinc_client")]),
        ],
        include_path=[thinc.get_include()],
        language_level=3,
    ),
    options={"build_ext": {"parallel": 2}},
)
