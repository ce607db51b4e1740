"""Predict what loops of normals cost on processors that are not at hand: operations by port, and llvm-mca's cycles.

    python benches/ports.py [LIBRARY] [--cpu NAME ...]

LIBRARY is the compiled core, or anything else with such loops; where it is not stripped, functions have names. A loop
is what stands between a jump back and where it leads, with the last round of AES and a square root in it, and no such
loop inside.

"ports" is a count, for a pack: operations on registers of 512 bits, halved, since Intel's processors do them at two
ports (0 and 5), and those that only one of the two can do. Cycles are of llvm-mca, for a pack. Its `sapphirerapids` has
one multiplier of 512 bits, `skylake-avx512` the two that there are, and neither has the scheduler at its true size.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

NEEDS = "vaesenclast", "vsqrtp"
CPUS = ("skylake-avx512", "sapphirerapids", "znver4", "znver5")
PORT_0 = "vaes", "vpsll", "vpsrl", "vpsra", "vpmovq2m", "vpmovd2m"
PORT_5 = "vperm", "vpunpck", "vshuf", "vextract", "vinsert", "vcmp"
ROOT = 3
"""What a square root of 512 bits is made of."""
ITERATIONS = 200
MCA = next(
    filter(None, map(shutil.which, [*(f"llvm-mca-{version}" for version in range(30, 13, -1)), "llvm-mca"])), None
)


@dataclass(frozen=True)
class Loop:
    """Instructions from where a jump leads back to, to the jump."""

    function: str
    address: int
    body: list[str]

    @property
    def roots(self) -> int:
        return sum("vsqrtp" in line for line in self.body)

    def ports(self) -> tuple[float, float, float]:
        """Cycles for a root that two ports take, that port 0 takes alone, and port 5."""
        work = [line for line in self.body if line.startswith("v") and not is_free(line)]
        count = len(work) + (ROOT - 1) * self.roots
        only = [sum(line.startswith(names) for line in work) / self.roots for names in (PORT_0, PORT_5)]
        return count / 2 / self.roots, only[0], only[1]

    def cycles(self, cpu: str) -> float | None:
        """Return llvm-mca's cycles for a root, None where it does not know the processor or an instruction."""
        lines = [
            re.sub(r"^(j\w+)\s.*", r"\1 loop", re.sub(r"0x[0-9a-f]+\(%rip\)", "64(%rip)", line)) for line in self.body
        ]
        command = [str(MCA), "-mtriple=x86_64", f"-mcpu={cpu}", f"-iterations={ITERATIONS}"]
        told = subprocess.run(
            command, input="loop:\n" + "\n".join(lines), capture_output=True, text=True, check=False
        ).stdout
        found = re.search(r"Total Cycles:\s+(\d+)", told)
        return int(found[1]) / ITERATIONS / self.roots if found else None


def is_free(line: str) -> bool:
    """Whether no port for vectors does it: a move between registers, which is renamed, a load, a store, or zero."""
    operation, _, operands = line.partition(" ")
    is_masked = "{%k" in operands
    is_move = re.match(r"vmov(ap|up|dqa|dqu)", operation) is not None and not is_masked
    is_load = "broadcast" in operation and "(" in operands
    same = re.match(r"(%\wmm\d+),\1,", operands.strip())
    return is_move or is_load or (operation.startswith(("vpxor", "vxor")) and same is not None)


def loops(library: str) -> Iterator[Loop]:
    """Find the loops of a library."""
    listing = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", library], capture_output=True, text=True, check=True
    ).stdout
    for function in re.split(r"\n(?=[0-9a-f]+ <)", listing):
        name = re.match(r"[0-9a-f]+ <(.*)>:", function)
        lines = re.findall(r"^\s*([0-9a-f]+):\t(.*)$", function, flags=re.MULTILINE)
        places = {int(address, 16): i for i, (address, _) in enumerate(lines)}
        texts = [re.sub(r"\s*(#.*|<.*>)$", "", text).strip() for _, text in lines]
        jumps = ((i, re.match(r"j\w+\s+([0-9a-f]+)$", text)) for i, text in enumerate(texts))
        spans = [(to, i) for i, jump in jumps if jump and (to := places.get(int(jump[1], 16), i + 1)) <= i]
        spans = [(a, b) for a, b in spans if all(any(need in text for text in texts[a : b + 1]) for need in NEEDS)]
        for a, b in spans:
            if not any(a <= c and d <= b and (c, d) != (a, b) for c, d in spans):
                yield Loop(name[1] if name else "", int(lines[a][0], 16), texts[a : b + 1])


def main() -> int:
    """Print a row for each loop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", nargs="?", help="the package's own core if it is not given")
    parser.add_argument("--cpu", nargs="+", default=CPUS, help="processors as llvm-mca calls them")
    options = parser.parse_args()
    if shutil.which("objdump") is None or MCA is None:
        print("nothing to do without objdump and llvm-mca: install binutils and llvm")
        return 0
    if options.library is None:
        from langevin_ib import _core  # noqa: PLC0415 # not needed for another library

        options.library = _core.__file__
    print("loop       lines roots  ports (0 alone, 5 alone)  " + "  ".join(options.cpu))
    for loop in loops(options.library):
        is_wide = any("%zmm" in line for line in loop.body)
        ports = "{:5.1f} ({:4.1f}, {:4.1f})".format(*loop.ports()) if is_wide else "narrower registers"
        cycles = [loop.cycles(cpu) for cpu in options.cpu]
        row = [
            f"{'-' if c is None else format(c, '.1f'):>{len(cpu)}}" for cpu, c in zip(options.cpu, cycles, strict=True)
        ]
        print(f"{loop.address:#09x} {len(loop.body):6} {loop.roots:5}  {ports:24}  {'  '.join(row)}  {loop.function}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
