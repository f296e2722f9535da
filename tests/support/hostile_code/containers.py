"""Lists, texts and numbers that double, hold themselves, or are copied all the time."""

from __future__ import annotations

PIECES: dict[str, str] = {
    "list of lists": "a = [x]\n" + "a = [a, a]\n" * 60,
    "tuple doubling": "a = (x,)\n" + "a = (a, a)\n" * 60,
    "dict doubling": "a = {'a': x}\n" + "a = {'a': a, 'b': a}\n" * 60,
    "star doubling": "a = [x]\n" + "a = [*a, *a]\n" * 40,
    "star tuple doubling": "a = (x,)\n" + "a = (*a, *a)\n" * 40,
    "star literals": "a = [x, x]\n" + "a = [*a, *a, *a, *a, *a, *a]\n" * 14,
    "concat doubling": "a = [x]\n" + "a = a + a\n" * 60,
    "tuple concat": "a = (1,)\n" + "a = a + a\n" * 60,
    "mul list": ("a = [0] * 10**9\nb = a * 10**9\nc = [[0] * 10**4] * 10**4\nd = (0,) * 10**9\n"),
    "mul nested": "a = [x]\n" + "a = [a * 64] * 64\n" * 8,
    "extend self": "a = [x]\n" + "a.extend(a)\n" * 40 + ("for i in a:\n    a.append(i)\n"),
    "append self": ("a = [x]\na.append(a)\nb = [a, a]\nc = (a, b)\nprint(a)\nreturn_ = torch.stack(a)\n"),
    "append self return": (
        "a = [x]\n"
        "a.append(a)\n"
        "d = {'a': a}\n"
        "d['d'] = d\n"
        "a.append(d)\n"
        "x = x + torch.stack(a).sum() + torch.cat([d, a])\n"
    ),
    "append loop": (
        "a = []\n"
        "for i in range(12):\n"
        "    for j in range(12):\n"
        "        for k in range(12):\n"
        "            a.append(a[:])\n"
    ),
    "append many": (
        "a = []\n"
        "for i in range(12):\n"
        "    for j in range(12):\n"
        "        for k in range(12):\n"
        "            a.append(x)\n"
        "            a.append(x)\n"
    ),
    "insert many": (
        "a = [1]\n"
        "for i in range(12):\n"
        "    for j in range(12):\n"
        "        for k in range(12):\n"
        "            a.insert(0, a)\n"
    ),
    "slices doubling": "a = [1, 2]\n" + "a = a[:] + a[::-1]\n" * 30,
    "comp nested": "n = range(48)\na = [[[[i * j * k * l for i in n] for j in n] for k in n] for l in n]\n",
    "comp flat": "a = [i + j + k + l for i in range(48) for j in range(48) for k in range(48) for l in range(48)]\n",
    "comp of comp": "a = [x] * 40\n" + "a = [[b for b in a] for c in a]\n" * 12,
    "dict comp": "a = {i: {j: {k: x for k in range(48)} for j in range(48)} for i in range(48)}\n",
    "zip doubling": "a = [x]\n" + "a = list(zip(a, a))\n" * 60,
    "zip wide": ("a = [x] * 60\nb = list(zip(*[a] * 60))\nc = list(zip(*[b] * 60))\nd = list(zip(*[c] * 1000))\n"),
    "enumerate doubling": "a = [x]\n" + "a = list(enumerate([a, a]))\n" * 60,
    "map doubling": ("f0 = lambda a: [a, a]\na = [x] * 16\n") + "a = list(map(lambda b: [b] * 16, [a] * 16))\n" * 20,
    "text doubling": "a = 'a'\n" + "a = a + a\n" * 60 + "a = f'{a}{a}'\n" * 60,
    "fstring doubling": "a = 'ab'\n" + "a = f'{a}{a}{a}{a}'\n" * 20 + "b = {a: a}\n",
    "text join": "a = 'a' * 900\n" + "a = a.join([a] * 50)\n" * 10,
    "text format doubling": "a = 'ab'\n" + "a = '{}{}{}'.format(a, a, a)\n" * 30,
    "text percent doubling": "a = 'ab'\n" + "a = '%s%s%s' % (a, a, a)\n" * 30,
    "text replace": "a = 'a' * 900\n" + "a = a.replace('a', a)\n" * 5,
    "str of list": "a = [x]\n" + "a = [a, a]\n" * 30 + ("b = str(a)\nc = f'{a}'\nd = repr(a)\n"),
    "number doubling": "a = 3\n" + "a = a * a\n" * 60 + "x = x * a\n",
    "number pow": ("a = 9 ** 9 ** 9 ** 9\nb = 2 ** 2 ** 2 ** 2 ** 2 ** 2\nx = x * a\n"),
    "factorial loop": ("a = 1\nfor i in range(1, 12):\n    for j in range(1, 12):\n        a = a * i * j\nx = x / a\n"),
    "merge nested": "a = (x, x)\n" + "if x.sum() > 0:\n    a = (a, a)\nelse:\n    a = (a, (x, a))\n" * 40,
    "merge pairs": ("a = (x, x)\nb = (x, x)\n")
    + "a = (a, a) if x.max() > 1 else (b, b)\nb = (b, a) if x.max() > 2 else (a, b)\n" * 30,
    "merge dicts": "a = {'u': x}\n" + "a = {'u': a, 'v': a} if foo() else {'u': a, 'w': a}\n" * 40,
    "phi chain": "y = x\n" + "".join(f"if x.sum() > {i}:\n    y = y * {i} + torch.exp(y)\n" for i in range(300)),
    "phi tree": "y = x\n" + "".join(f"y = (y + {i}) if foo({i}) else (y * {i})\n" for i in range(300)),
    "phi args": ("def ph(a, b):\n    return (a if b else b) + (b if a else a)\ny = x\n") + "y = ph(y, y)\n" * 60,
    "early returns": "def er(a, v):\n"
    + "".join(f"    if a[{i}]:\n        return v + {i}\n" for i in range(80))
    + ("    return v\ny = er(foo(), x)\n"),
    "if in if returns": "def er(a, v):\n"
    + "".join(
        f"    if a[{i}]:\n        if a[{i + 1}]:\n            v = v + {i}\n        else:\n            return v\n"
        for i in range(24)
    )
    + ("    return v\ny = er(foo(), x)\n"),
    "nested ifs": "".join(f"{'    ' * i}if foo({i}):\n" for i in range(80)) + "    " * 80 + "y = x\n",
    "elif chain": ("if foo(0):\n    y = x\n") + "".join(f"elif foo({i}):\n    y = x + {i}\n" for i in range(1, 600)),
    "swap dance": "a, b = x, x * 2\n" + "a, b = (b, a) if foo() else (a, b)\n" * 100,
    "self attr self": (
        "class Q:\n    pass\nq = Q()\nq.q = q\nq.a = [q, q.q, x]\ny = q.q.q.q.q.a\ny[0].q = y\nz9 = torch.stack(y)\n"
    ),
    "inst doubling": (
        "class Q:\n"
        "    def __init__(self, a, b):\n"
        "        self.a, self.b = a, b\n"
        "    def total(self):\n"
        "        return self.a.total() + self.b.total()\n"
        "q = Q(1, 2)\n"
    )
    + "q = Q(q, q)\n" * 40
    + "y = q.total()\n",
    "node tree": (
        "class Node(nn.Module):\n"
        "    def __init__(self, d):\n"
        "        super().__init__()\n"
        "        self.l = Node(d - 1) if d else None\n"
        "        self.r = Node(d - 1) if d else None\n"
        "    def forward(self, v):\n"
        "        return self.l(v) + self.r(v) if self.l else v\n"
        "y = Node(20)(x)\n"
    ),
}
