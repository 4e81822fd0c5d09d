"""A compact set of small numbers, with one bit for each."""

from collections.abc import Iterable, Iterator

from pydantic import Field

from penstock_shared.contracts.model import Contract


class Positions(Contract):
    """The positions of jobs in a plan. `bits` is hexadecimal; its bit `n` stands for position `n`.

    Positions below 1,500 take at most 375 characters.
    """

    bits: str = Field(default="0", pattern=r"^[0-9a-f]+$")

    @classmethod
    def of(cls, positions: Iterable[int]) -> "Positions":
        """The set of these positions."""
        bits = 0
        for position in positions:
            bits |= 1 << position
        return cls(bits=f"{bits:x}")

    def with_these(self, positions: Iterable[int]) -> "Positions":
        """The set with these positions added."""
        return Positions.of((*self, *positions))

    def __contains__(self, position: int) -> bool:
        return bool(int(self.bits, 16) >> position & 1)

    def __iter__(self) -> Iterator[int]:  # type: ignore[override]  # of positions, not of fields
        bits = int(self.bits, 16)
        return (position for position in range(bits.bit_length()) if bits >> position & 1)

    def __len__(self) -> int:
        return int(self.bits, 16).bit_count()
