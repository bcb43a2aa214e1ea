"""The passes of Numba that the kernel's Python needs, and no more: every pass walks over every function.

Left out are those that inline closures and overloads, fuse array expressions, prune branches by type,
lift loops, and end the lives of variables: the kernel has none of these, and its memory is never counted.
"""

from __future__ import annotations

from typing import Any

from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager
from numba.core.typed_passes import (
    AnnotateTypes,
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import FixupArgs, GenericRewrites, IRProcessing, ReconstructSSA, TranslateByteCode

_PASSES = (
    TranslateByteCode,
    FixupArgs,
    IRProcessing,
    GenericRewrites,
    ReconstructSSA,
    NopythonTypeInference,
    PreLowerStripPhis,
    AnnotateTypes,
    NativeLowering,
    NoPythonBackend,
)


class Kernel(CompilerBase):
    """How a function of the kernel is compiled."""

    def define_pipelines(self) -> list[Any]:
        """One pipeline."""
        passes = PassManager("kernel")
        for one in _PASSES:
            passes.add_pass(one, one.__name__)
        passes.finalize()
        return [passes]
