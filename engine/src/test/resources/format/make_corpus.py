"""Makes the files of corpus/: each must be refused with one line. Run in this folder."""

import io
import json
import os
import struct
import zipfile


def put(name, content):
    with open(os.path.join("corpus", name), "wb") as file:
        file.write(content)


def tensor(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def safetensors(header, data=bytes(8)):
    if not isinstance(header, bytes):
        header = header.encode() if isinstance(header, str) else json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


good = safetensors({"t": tensor()})
for name, content in {
    "empty": b"",
    "seven-bytes": bytes(7),
    "no-header": bytes(8),
    "length-huge": struct.pack("<Q", 1 << 62) + good[8:],
    "length-negative": b"\xff" * 8 + good[8:],
    "length-past-end": struct.pack("<Q", len(good)) + good[8:],
    "length-int-overflow": struct.pack("<Q", (1 << 32) + 60) + good[8:],
    "length-too-short": struct.pack("<Q", 20) + good[8:],
    "truncated-header": good[:30],
    "truncated-data": good[:-1],
    "trailing-byte": good + b"x",
    "two-files": good + good,
    "hole-in-front": safetensors({"t": tensor(offsets=(8, 16))}, bytes(16)),
    "hole-between": safetensors({"t": tensor(), "u": tensor(offsets=(12, 20))}, bytes(20)),
    "overlap": safetensors({"t": tensor(), "u": tensor(offsets=(4, 12))}, bytes(12)),
    "same-bytes-twice": safetensors({"t": tensor(), "u": tensor()}),
    "reversed": safetensors({"t": tensor(offsets=(8, 0))}),
    "negative-offset": safetensors({"t": tensor(offsets=(-8, 0))}),
    "offset-2-63": safetensors({"t": tensor(offsets=(0, 1 << 63))}),
    "offset-wraps": safetensors({"t": tensor(offsets=(1 << 62, (1 << 62) + 8))}),
    "shape-overflow": safetensors({"t": tensor(shape=(1 << 62, 4))}),
    "shape-overflow-to-size": safetensors({"t": tensor(shape=((1 << 61) + 1, 8, 2))}),
    "shape-overflow-times-zero": safetensors({"t": tensor(shape=(1 << 62, 1 << 62, 0))}),
    "shape-negative-pair": safetensors({"t": tensor(shape=(-1, -2))}),
    "shape-float": safetensors({"t": tensor(shape=(2.0,))}),
    "shape-exponent": safetensors('{"t":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}'),
    "shape-string": safetensors({"t": tensor(shape=("2",))}),
    "shape-null": safetensors('{"t":{"dtype":"F32","shape":null,"data_offsets":[0,8]}}'),
    "shape-1000-dimensions": safetensors({"t": tensor(shape=(1,) * 1000)}),
    "wrong-dtype": safetensors({"t": tensor(dtype="F64")}),
    "dtype-null": safetensors('{"t":{"dtype":null,"shape":[2],"data_offsets":[0,8]}}'),
    "no-dtype": safetensors('{"t":{"shape":[2],"data_offsets":[0,8]}}'),
    "duplicate-tensor": safetensors(
        '{"t":%s,"t":%s}' % ((json.dumps(tensor(shape=(0,), offsets=(0, 0))),) * 2), b""
    ),
    "duplicate-by-escape": safetensors(
        '{"t":%s,"\\u0074":%s}' % ((json.dumps(tensor(shape=(0,), offsets=(0, 0))),) * 2), b""
    ),
    "duplicate-metadata": safetensors('{"__metadata__":{},"__metadata__":{}}', b""),
    "metadata-number": safetensors({"__metadata__": {"a": 1}}, b""),
    "metadata-list": safetensors({"__metadata__": []}, b""),
    "deep-in-unknown-member": safetensors('{"t":{"x":' + "[" * 5000),
    "deep-objects": safetensors('{"t":' * 5000),
    "bad-utf8": safetensors(b'{"\xff":1}'),
    "overlong-utf8": safetensors(b'{"\xc0\xaf":1}'),
    "surrogate": safetensors(b'{"\\udfff":1}'),
    "bom": safetensors(b"\xef\xbb\xbf{}", b""),
    "leading-space": safetensors(b" {}", b""),
    "json-array": safetensors(b"[]", b""),
    "json-trailing": safetensors(b"{}{}", b""),
    "json-comment": safetensors(b"{/**/}", b""),
    "json-nul": safetensors(b"{}\0", b""),
    "number-of-digits": safetensors('{"t":{"dtype":"F32","shape":[' + "9" * 5000 + "]}}"),
    "name-with-lines": safetensors('{"a\\nERROR: b\\u001b[2J":7}'),
    "name-long": safetensors('{"' + "n" * 9000 + '":7}'),
}.items():
    put("safetensors-" + name + ".safetensors", content)


def npy(header, data=bytes(8), version=1):
    if isinstance(header, str):
        header = header.encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def described(shape="(2,)", descr="'<f4'", fortran="False"):
    return "{'descr': %s, 'fortran_order': %s, 'shape': %s, }" % (descr, fortran, shape)


good = npy(described())
for name, content in {
    "magic-only": good[:6],
    "nine-bytes": good[:9],
    "version-0": good[:6] + b"\0" + good[7:],
    "version-255": good[:6] + b"\xff" + good[7:],
    "minor-1": good[:7] + b"\1" + good[8:],
    "length-past-end": good[:8] + b"\xff\xff" + good[10:],
    "length-4-gib": b"\x93NUMPY\2\0\xff\xff\xff\xff" + good[10:],
    "no-header": npy(""),
    "truncated-data": good[:-1],
    "trailing-byte": good + b"x",
    "two-arrays": good + good,
    "shape-negative": npy(described("(-2,)")),
    "shape-overflow": npy(described("(4611686018427387904, 4)")),
    "shape-overflow-to-size": npy(described("(2305843009213693953, 8, 2)")),
    "shape-2-64": npy(described("(18446744073709551618,)")),
    "shape-digits": npy(described("(" + "9" * 5000 + ",)")),
    "shape-number": npy(described("(2)")),
    "shape-nested": npy(described("((2,),)")),
    "shape-deep": npy(described("(" * 5000)),
    "shape-1000-dimensions": npy(described("(" + "1," * 1000 + ")")),
    "shape-float": npy(described("(2.0,)")),
    "shape-hexadecimal": npy(described("(0x2,)")),
    "object": npy(described("(1,)", "'|O'"), b"\x80\x04cos\nsystem\n."),
    "code": npy("__import__('os').system('true')"),
    "code-in-shape": npy(described("(__import__('os'),)")),
    "fields": npy(described(descr="[('x', '<f4')]")),
    "fields-deep": npy(described(descr="[" * 5000)),
    "quote-open": npy("{'descr': '<f4"),
    "key-twice": npy("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (2,)}"),
    "key-missing": npy("{'descr': '<f4', 'shape': (2,)}"),
    "nul-padding": npy(described() + "\0" * 10),
}.items():
    put("npy-" + name + ".npy", content)


def npz(*members, method=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name), data, method)
    return content.getvalue()


def central(content, field, layout, value):
    """Changes a field of the first entry of the central directory."""
    at = struct.unpack("<I", content[-6:-2])[0] + field
    return content[:at] + struct.pack(layout, value) + content[at + struct.calcsize(layout) :]


def end(content, field, layout, value):
    """Changes a field of the end record."""
    at = len(content) - 22 + field
    return content[:at] + struct.pack(layout, value) + content[at + struct.calcsize(layout) :]


stored = npz(("a.npy", good))
noise = npy(described("(4000,)", "'|u1'"), bytes((i * i) % 251 for i in range(4000)))
deflated = npz(("a.npy", noise), method=zipfile.ZIP_DEFLATED)
bomb = npz(("a.npy", npy(described("(10000000,)", "'|u1'"), bytes(100))), method=zipfile.ZIP_DEFLATED)
for name, content in {
    "empty": b"",
    "magic-only": b"PK\3\4",
    "truncated": stored[:-30],
    "no-directory": stored[:60],
    "bomb-declared": central(bomb, 24, "<I", 10000000 + 100),
    "bomb-both-sizes": central(central(bomb, 24, "<I", 0x7FFFFFFF), 20, "<I", 0x7FFFFFFF),
    "size-short": central(deflated, 24, "<I", 1000),
    "size-zero": central(deflated, 24, "<I", 0),
    "compressed-size-short": central(deflated, 20, "<I", 100),
    "stored-size-differs": central(stored, 24, "<I", len(good) - 1),
    "crc": central(deflated, 16, "<I", 1),
    "deflate-damaged": deflated[:300] + b"\xff" * 50 + deflated[350:],
    "stored-called-deflated": central(stored, 10, "<H", 8),
    "method-unknown": central(stored, 10, "<H", 99),
    "encrypted": central(stored, 8, "<H", 1),
    "offset-past-end": central(stored, 42, "<I", 0x7FFFFFFF),
    "offset-of-directory": central(stored, 42, "<I", struct.unpack("<I", stored[-6:-2])[0]),
    "name-too-long": central(stored, 28, "<H", 0xFFFF),
    "entries-65535": end(end(stored, 8, "<H", 0xFFFF), 10, "<H", 0xFFFF),
    "directory-huge": end(stored, 12, "<I", 0x7FFFFFFF),
    "directory-offset": end(stored, 16, "<I", 0x7FFFFFFF),
    "same-name-twice": npz(("a.npy", good), ("b.npy", good)).replace(b"b.npy", b"a.npy"),
    "npy-and-bare-name": npz(("a.npy", good), ("a", good)),
    "member-not-npy": npz(("a.npy", b"hello")),
    "member-empty": npz(("a.npy", b"")),
    "member-cut": npz(("a.npy", good[:-1])),
    "member-overlong": npz(("a.npy", good + b"x"), method=zipfile.ZIP_DEFLATED),
    "zip-in-zip": npz(("a.npy", stored)),
}.items():
    put("npz-" + name + ".npz", content)

for name, content in {
    "empty": b"",
    "blank": b" \n",
    "deep-arrays": b"[" * 100000,
    "deep-objects": b'{"a":' * 20000,
    "deep-closed": b"[" * 65 + b"]" * 65,
    "duplicate": b'{"a":1,"a":1}',
    "duplicate-by-escape": b'{"a":1,"\\u0061":1}',
    "number-long": b"1" * 100000,
    "number-overflow": b"1e999999999",
    "number-exponent-long": b"1e" + b"9" * 900,
    "number-2-63": b"9223372036854775808",
    "number-plus": b"+1",
    "number-octal": b"010",
    "nan": b"NaN",
    "infinity": b"-Infinity",
    "comment": b"//\n1",
    "single-quotes": b"{'a':1}",
    "trailing-comma": b"[1,]",
    "two-values": b"1 1",
    "nul": b"1\0",
    "bom": b"\xef\xbb\xbf1",
    "utf16": '{"a":1}'.encode("utf-16"),
    "utf8-cut": b'"\xe2\x82',
    "utf8-overlong": b'"\xc0\x80"',
    "utf8-surrogate": b'"\xed\xa0\x80"',
    "surrogate-high": b'"\\ud800"',
    "surrogate-low": b'"\\udc00"',
    "control": b'"\x01"',
    "escape": b'"\\x41"',
    "string-open": b'"abc',
    "key-number": b"{1:2}",
}.items():
    put("json-" + name + ".json", content)
