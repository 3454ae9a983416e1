"""CUDA kernels compiled as C++ and run on the processor: a stand-in of `cupy.RawModule`."""

from emulator.module import EmulatedKernel, RawModule, missing_compiler

__all__ = ["EmulatedKernel", "RawModule", "missing_compiler"]
