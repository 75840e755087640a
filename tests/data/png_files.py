"""PNG files of few bits a pixel, which Pillow writes with a palette alone."""

import struct
import zlib


def write_png(path, pixels, bits, *, palette):
    """Write values (H, W) below ``2 ** bits``, grey or as indices of a palette."""
    height, width = pixels.shape
    per_byte = 8 // bits
    rows = b""
    for row in pixels.tolist():
        row += [0] * (-width % per_byte)
        parts = [row[i : i + per_byte] for i in range(0, len(row), per_byte)]
        shifts = [bits * (per_byte - 1 - place) for place in range(per_byte)]
        packed = (sum(v << s for v, s in zip(part, shifts, strict=True)) for part in parts)
        rows += b"\0" + bytes(packed)
    header = struct.pack(">IIBBBBB", width, height, bits, 3 if palette else 0, 0, 0, 0)
    colours = [(b"PLTE", bytes(3 * 2**bits))] if palette else []
    chunks = [(b"IHDR", header), *colours, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        content += struct.pack(">I", len(data)) + kind + data
        content += struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(content)
