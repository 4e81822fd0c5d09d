"""What real git cannot show in a test that ends: offsets beyond two gigabytes."""

import struct

from penstock_runner.adapters.git_pack import Entry, _offsets

FAR = 1 << 31


def test_offsets_beyond_two_gigabytes_are_in_a_table_of_their_own() -> None:
    entries = [Entry(b"", 0, offset) for offset in (12, FAR, FAR - 1, FAR + 5)]

    near, far = _offsets(entries)

    assert struct.unpack(">4L", near) == (12, FAR | 0, FAR - 1, FAR | 1)
    assert struct.unpack(">2Q", far) == (FAR, FAR + 5)
