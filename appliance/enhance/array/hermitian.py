"""Hermitian matrices, one per frequency, as real numbers: small, quick, and Hermitian by shape.

A matrix of ``m`` rows is packed as ``m * m`` real numbers per frequency: the diagonal, then the
real parts above it, then the imaginary ones. The sum of products of two packed matrices, the
latter with ``doubled`` off-diagonals, is the trace of their product. Arrays have the frequency as
the last axis, so that each operation runs over memory in order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Packed = NDArray[np.float32]
"""Shape ``(m * m, frequencies)``."""

Spectra = NDArray[np.complex64]
"""Shape ``(m, frequencies)``."""

Matrices = NDArray[np.complexfloating]
"""Shape ``(m, m, frequencies)``."""


@dataclass(frozen=True, slots=True)
class Packing:
    """How matrices of ``size`` rows are packed."""

    size: int
    rows: NDArray[np.intp]
    """Row of each number above the diagonal; ``columns`` has its column."""

    columns: NDArray[np.intp]

    @classmethod
    def of(cls, size: int) -> "Packing":
        """Return the packing of matrices with so many rows."""
        rows, columns = np.triu_indices(size, 1)
        return cls(size, rows, columns)

    def outer(self, spectra: Spectra) -> Packed:
        """Return the product of each frequency's vector with its own conjugate transpose."""
        m, pairs = self.size, len(self.rows)
        packed = np.empty((m * m, spectra.shape[1]), np.float32)
        np.multiply(spectra.real, spectra.real, out=packed[:m])
        packed[:m] += np.square(spectra.imag)
        cross = spectra[self.rows] * spectra[self.columns].conj()
        packed[m : m + pairs] = cross.real
        packed[m + pairs :] = cross.imag
        return packed

    def unpack(self, packed: Packed) -> Matrices:
        """Return the matrices themselves."""
        m, pairs = self.size, len(self.rows)
        matrices = np.empty((m, m, packed.shape[1]), np.complex128)
        cross = packed[m : m + pairs] + 1j * packed[m + pairs :]
        matrices[self.rows, self.columns] = cross
        matrices[self.columns, self.rows] = cross.conj()
        diagonal = np.arange(m)
        matrices[diagonal, diagonal] = packed[:m]
        return matrices

    def doubled(self, matrices: Matrices) -> Packed:
        """Pack with everything beside the diagonal twice, so that sums of products are traces."""
        m = self.size
        diagonal = np.arange(m)
        above = matrices[self.rows, self.columns]
        return np.concatenate(
            (matrices[diagonal, diagonal].real, 2.0 * above.real, 2.0 * above.imag)
        ).astype(np.float32)


def invert(matrices: Matrices) -> tuple[Matrices, NDArray[np.float64]]:
    """Return the inverses and the logarithms of the determinants.

    By Gauss and Jordan without a search for pivots, which positive definite matrices do not need.
    """
    work = matrices.copy()
    size = len(work)
    determinant = np.zeros(work.shape[2])
    for k in range(size):
        pivot = np.maximum(work[k, k].real, 1e-30)
        determinant += np.log(pivot)
        row = work[k] / pivot
        column = work[:, k].copy()
        work -= column[:, None] * row[None]
        work[k] = row
        work[:, k] = -column / pivot
        work[k, k] = 1.0 / pivot
    return work, determinant


def times(matrices: Matrices, vectors: NDArray[np.complexfloating]) -> Matrices:
    """Multiply matrices ``(m, m, n)`` with vectors ``(m, n)``."""
    product: Matrices = (matrices * vectors[None]).sum(axis=1)
    return product
