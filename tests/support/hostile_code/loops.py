"""Loops in loops, and loops of draws."""

from __future__ import annotations

PIECES: dict[str, str] = {
    "loops7": "y = x\n"
    + "".join(f"{'    ' * i}for i{i} in range(12):\n" for i in range(7))
    + "    " * 7
    + "y = y + torch.exp(y)\n",
    "loops12": "y = x\n"
    + "".join(f"{'    ' * i}for i{i} in range(12):\n" for i in range(12))
    + "    " * 12
    + "y = y + torch.exp(y)\n",
    "loops pass": "".join(f"{'    ' * i}for i{i} in range(12):\n" for i in range(19)) + "    " * 19 + "pass\n",
    "loops draws": (
        "y = x\n"
        "for t in range(12):\n"
        "    for u in range(12):\n"
        "        for v in range(12):\n"
        "            y = y + 0.1 * torch.randn_like(y) - 0.5 * torch.tanh(y)\n"
    ),
    "langevin": ("y = x\nfor t in range(10000):\n    y = y - 0.5 * torch.exp(y) + 0.1 * torch.randn_like(y)\n"),
    "langevin comp": (
        "y = x\n"
        "for t in [i for i in range(12)]:\n"
        "    ys = [y + torch.randn_like(y) for j in range(48) for k in range(48)]\n"
        "    y = ys[-1] + torch.randn_like(ys[0])\n"
    ),
    "draw list": (
        "ys = [torch.randn_like(x) * j + x for j in range(48) for k in range(48)]\n"
        "y = sum(ys)\n"
        "y = torch.stack(ys).mean(0)\n"
    ),
    "draw sums": "y = sum([torch.randn_like(x) + x for j in range(48) for k in range(48) for l in range(2)])\n",
    "while true": (
        "n = 0\n"
        "while True:\n"
        "    n += 1\n"
        "    while n:\n"
        "        while not n:\n"
        "            n = n * n + 1\n"
        "            if n:\n"
        "                break\n"
    ),
    "while chain": "y = x\n"
    + "".join(f"{'    ' * i}while y.sum() > {i}:\n" for i in range(19))
    + "    " * 19
    + "y = y * 2\n",
    "for else": (
        "for i in range(12):\n    for j in range(12):\n        continue\n    else:\n        break\nelse:\n    y = x\n"
    ),
    "try nest": "".join(f"{'    ' * i}try:\n" for i in range(15))
    + "    " * 15
    + "y = x\n"
    + "".join(
        f"{'    ' * i}except E{i}:\n{'    ' * i}    y = x\n{'    ' * i}finally:\n{'    ' * i}    w = x\n"
        for i in reversed(range(15))
    ),
    "try handlers": ("try:\n    y = x\n") + "".join(f"except E{i}:\n    y = x + {i}\n" for i in range(500)),
    "try in handler": "".join(f"{'    ' * i}try:\n{'    ' * i}    y = x\n{'    ' * i}except E{i}:\n" for i in range(18))
    + "    " * 18
    + "y = x\n",
    "with nest": "".join(f"{'    ' * i}with torch.no_grad() as g{i}:\n" for i in range(19)) + "    " * 19 + "y = x\n",
}
