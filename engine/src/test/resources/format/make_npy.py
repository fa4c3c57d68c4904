"""Makes the npy and npz files of this folder; run in it with numpy 2."""

import numpy as np
from numpy.lib import format as npy

index = np.arange(35).reshape(5, 7)
arrays = {}
for kind in ["f8", "f4", "f2", "i8", "i4", "u1", "b1"]:
    if kind[0] == "f":
        values = index - 10.25
    elif kind[0] == "i":
        values = index - 10
    elif kind == "u1":
        values = index * 7
    else:
        values = index % 3 == 0
    for order in "CF":
        for end in "<>" if kind[1] != "1" else "|":
            name = kind + "_" + order + {"<": "_little", ">": "_big", "|": ""}[end]
            arrays[name] = np.array(values, dtype=end + kind, order=order)
arrays["scalar"] = np.array(2.5, dtype="<f4")
arrays["vector"] = np.arange(300, dtype="<f4") / 4
arrays["cube"] = np.arange(24, dtype="<f4").reshape(2, 3, 4)
arrays["empty"] = np.zeros((0, 5), dtype="<f4")
arrays["wide_F"] = np.asfortranarray(np.arange(20 * 33, dtype="<f4").reshape(20, 33))
arrays["thin_F"] = np.asfortranarray(np.arange(12, dtype="<f8").reshape(1, 4, 3))
refused = {
    "cube_F": np.asfortranarray(arrays["cube"]),
    "text": np.array(["a", "bc"]),
    "complex": np.zeros(2, dtype="<c8"),
    "short": np.zeros(2, dtype="<i2"),
    "fields": np.zeros(2, dtype=[("x", "<f4"), ("y", "<f4")]),
}
for name, array in (arrays | refused).items():
    np.save("npy/" + name + ".npy", array)
for version in [(2, 0), (3, 0)]:
    with open(f"npy/version{version[0]}.npy", "wb") as file:
        npy.write_array(file, arrays["vector"], version=version)
np.savez("stored.npz", **arrays, **refused)
np.savez_compressed("deflated.npz", **arrays, **refused)
