"""Check finished wheels: size, instruction sets, symbols, libraries. `python -m build_tools.wheels.check WHEEL ...`"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

LIMIT = 6 * 1024 * 1024
ISAS = {"x86_64": ("baseline", "avx2", "avx512"), "aarch64": ("neon",)}
MACHINES = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}
# With them a Linux that the tag allows starts the module; anything else would have to be in the wheel.
LIBRARIES = (
    "libc.", "libm.", "libpthread.", "libdl.", "librt.", "libgcc_s.", "libstdc++.", "ld-linux", "ld-musl"
)  # fmt: skip


def main(paths: list[str]) -> int:
    failures = 0
    for path in map(Path, paths):
        found = list(check_wheel(path))
        failures += len(found)
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {'; '.join(found) or 'ok'}")
    return 1 if failures or not paths else 0


def check_wheel(path: Path) -> Iterator[str]:
    """What is wrong with it."""
    platform = path.stem.split("-")[-1]
    machine = "aarch64" if platform.endswith(("aarch64", "arm64")) else "x86_64"
    if path.stat().st_size > LIMIT:
        yield f"{path.stat().st_size} bytes, expected at most {LIMIT}"
    if platform.startswith("linux"):
        yield f"the tag {platform} says nothing about the systems that it runs on: auditwheel has not repaired it"
    with ZipFile(path) as archive:
        modules = {name: archive.read(name) for name in archive.namelist() if name.endswith((".so", ".pyd"))}
        if any(".libs/" in name for name in archive.namelist()):
            yield "shared libraries were added to it: everything was meant to be in the modules"
    dispatch = [content for name, content in modules.items() if "kernels/_dispatch." in name]
    if len(dispatch) != 1:
        yield f"{len(dispatch)} modules called thinc.kernels._dispatch"
    for isa in ISAS[machine]:
        # The table of each variant holds its name.
        if not all(isa.encode() + b"\0" in content for content in dispatch):
            yield f"no kernels for {isa}"
    for name, content in modules.items():
        if content.startswith(b"\x7fELF"):
            yield from (f"{name}: {problem}" for problem in check_elf(name, content, machine))


def check_elf(name: str, content: bytes, machine: str) -> Iterator[str]:
    from elftools.elf.elffile import ELFFile

    elf = ELFFile(io.BytesIO(content))
    if elf["e_machine"] != MACHINES[machine]:
        yield f"built for {elf['e_machine']}"
    if elf.get_section_by_name(".symtab") or elf.get_section_by_name(".debug_info"):
        yield "not stripped"
    entry = "PyInit_" + name.rsplit("/", 1)[-1].split(".")[0]
    exported = {
        symbol.name
        for symbol in elf.get_section_by_name(".dynsym").iter_symbols()
        if symbol["st_shndx"] != "SHN_UNDEF" and symbol["st_info"]["bind"] != "STB_LOCAL"
    }
    if exported != {entry}:
        yield f"exports {sorted(exported)}, expected {entry} alone"
    for tag in elf.get_section_by_name(".dynamic").iter_tags():
        if tag.entry.d_tag == "DT_NEEDED" and not tag.needed.startswith(LIBRARIES):
            yield f"needs {tag.needed}"
        if tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
            yield f"looks for libraries in {getattr(tag, 'rpath', '') or getattr(tag, 'runpath', '')}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
