"""Numbers, sizes and settings that no tensor has."""

from __future__ import annotations

PIECES: dict[str, str] = {
    "inf literal": ("q = x * 1e999 + 1e999\nr = int(1e999)\n"),
    "inf int": ("r = int(float('inf'))\nx = x + 0 * r\n"),
    "int inf literal": "r = range(int(1e400))\n",
    "nan range": ("for i in range(int(1e999 - 1e999)):\n    pass\n"),
    "digits500": "q = " + "7" * 500 + ("\nx = x + 0 * q\nr = float(q)\ns = q / 3\nt = -q\n"),
    "digits5000": "q = " + "7" * 4000 + ("\ns = str(q)\nt = f'{q}'\nu = '%d' % q\nv = '{}'.format(q)\n"),
    "digits mul": "q = " + "7" * 149 + ("\nq = q * q\nq = q * q\ns = str(q)\n"),
    "hex digits": "q = 0x" + "f" * 20000 + ("\ns = str(q)\nt = f'{q}'\nd = {q: 1}\nu = q == 3\n"),
    "hex in range": "q = 0x" + "f" * 20000 + ("\nfor i in range(q):\n    pass\nx = x.sum(q)\n"),
    "step0": ("a = [1, 2, 3]\nb = a[::0]\nc = x[::0]\nd = 'abc'[::0]\ne = nn.ModuleList([nn.ReLU()])[::0]\n"),
    "range step0": ("for i in range(1, 2, 0):\n    pass\nr = list(range(1, 2, 0))\n"),
    "range4": "r = list(range(1, 2, 3, 4))\n",
    "range float": "r = list(range(1.5, 2.5, 0.5))\n",
    "slice unknown": (
        "n = foo()\n"
        "a = [1, 2, 3, 4]\n"
        "b = a[::n]\n"
        "c = nn.Sequential(nn.ReLU(), nn.ReLU())[::n]\n"
        "d = x[::n]\n"
        "e = (1, 2)[n:n:n]\n"
    ),
    "slice inf": ("a = [1, 2]\nb = a[:1e999]\nc = a[1e999]\nd = x[1e999]\ne = a[float('nan'):]\n"),
    "slice huge": ("a = [1, 2]\nb = a[:10**30]\nc = a[10**30:]\nd = a[::10**30]\n"),
    "index nan": ("a = [1, 2]\nb = a[float('nan')]\nc = a[1e999 - 1e999]\nx = x[float('nan')]\n"),
    "index complex": ("a = [1, 2]\nb = a[1j]\nc = {1j: 2}\nd = x + 1j\ne = abs(1j)\nf = -1j\ng = 1j ** 2\n"),
    "complex all": ("q = 1j\nx = x * q\nr = q + 2\ns = q / 0\nt = q % 2\n"),
    "bytes all": ("q = b'abc'\nr = q * 3\ns = q + q\nt = x * q\nu = q[0]\nv = -q\nw = f'{q}'\n"),
    "ellipsis all": ("q = ...\nr = q + 1\ns = x + q\nt = [...][...]\nu = -...\n"),
    "none all": ("q = None\nr = q + 1\ns = x + q\nt = None[None]\nu = -None\nv = None ** None\n"),
    "round args": ("a = round(1e999)\nb = round(float('nan'))\nc = round(2.5, 1e999)\nd = round(1, 10**10)\n"),
    "float of huge int": ("a = float(10**149)\nb = 10**149 * 10**149\nc = float(b)\nd = b / 7\ne = x * b\n"),
    "neg pow": ("a = 0 ** -1\nb = (-8) ** 0.3\nc = x * (-8) ** 0.5\nd = 0.0 ** -2\ne = 2 ** 0.5 ** 1000\n"),
    "clamp const": ("a = torch.clamp(torch.ones(1), 1e-6, 1.0)\nx = x + a\n"),
    "clamp args": (
        "a = torch.clamp(x, 1, -1)\n"
        "b = torch.clamp(x)\n"
        "c = torch.clamp(x, None, None)\n"
        "d = x.clamp(min=float('nan'))\n"
        "e = x.clamp(float('inf'), -float('inf'))\n"
        "f = torch.clamp(x, 'a', 'b')\n"
        "g = torch.clamp()\n"
    ),
    "min max empty": (
        "a = min([])\n"
        "b = max()\n"
        "c = min(1, 'a')\n"
        "d = max([], default=1)\n"
        "e = min(float('nan'), 1)\n"
        "f = sum()\n"
        "g = sum('ab')\n"
    ),
    "min mixed": ("c = min('a', 1)\nd = max([1], [2])\ne = min((1, 'a'), (1, 2))\n"),
    "str methods": (
        "s = 'a' * 10**9\n"
        "t = 'a'.join(['b'] * 10**7)\n"
        "u = 'a'.zfill(10**10)\n"
        "v = '%10000000000d' % 3\n"
        "w = f'{3:>10000000000}'\n"
        "y = 'a'.center(10**10)\n"
    ),
    "format bad": (
        "a = '{'.format(1)\nb = '%' % 1\nc = '%s %s' % (1,)\nd = '{0!x}'.format(2)\ne = '%(a)s' % {'a': 1}\n"
    ),
    "shift": ("a = 1 << 10**10\nb = 1 >> -1\nc = 1 << -1\nd = ~1\ne = 5 & 3 | 2 ^ 1\n"),
    "bool math": (
        "a = True + True\nb = True / False\nc = -True\nd = [1, 2][True]\ne = {True: 1, 1: 2, 1.0: 3}\nx = x * True\n"
    ),
    "key nan": (
        "d = {float('nan'): 1, None: 2, (1, 2): 3}\na = d[float('nan')]\nb = d[None]\nc = d[(1, 2)]\ne = d[[]]\n"
    ),
    "unhashable key": ("d = {[]: 1, {}: 2}\nd[[]] = 3\nd[{}] = 4\ne = d[{}]\ns = {[], {}}\n"),
    "surrogate": ("a = '\\ud800'\nb = {a: 1}\nc = f'{a}x'\ngetattr(x, a)\nd = nn.ModuleDict({a: nn.ReLU()})\n"),
    "nul name": ("a = '\\0'\nb = getattr(x, a)\nc = {a: x}[a]\n"),
    "reduce axes": (
        "a = x.sum(10**30)\n"
        "b = x.sum(1e999)\n"
        "c = x.sum(float('nan'))\n"
        "d = x.sum((1, 'a', None))\n"
        "e = x.sum([[]])\n"
        "f = x.mean(dim=(1, (2, 3)))\n"
        "g = x.sum(dim=range(10**9))\n"
    ),
    "sum axes many": ("a = x.sum(tuple(range(10**6)))\nb = x.sum([0] * 10**6)\n"),
    "view many": (
        "a = x.view([2] * 1000)\n"
        "b = x.view(*[2] * 1000)\n"
        "c = x.permute(*range(64))\n"
        "d = x.view(-1, 0, 1e999, float('nan'))\n"
    ),
    "shapes": (
        "a = x.view()\n"
        "b = x.reshape(None)\n"
        "c = x.permute()\n"
        "d = x.transpose(1)\n"
        "e = x.transpose(1e999, 2)\n"
        "f = x.unsqueeze(10**30)\n"
        "g = x.squeeze('a')\n"
        "h2 = x.flatten(1e999)\n"
        "i = x.view(10**400, 2)\n"
        "j = x.chunk(0)\n"
        "k = x.chunk(10**30)\n"
        "l = x.split(0)\n"
        "m = x.split([])\n"
    ),
    "chunk many": (
        "a = x.chunk(10**9, dim=1)\n"
        "b = torch.chunk(x, 1000000)\n"
        "c = x.split([1] * 100000)\n"
        "d = torch.unbind(x)\n"
        "e = x.chunk(-5)\n"
        "f = x.chunk(2.5)\n"
        "g = x.chunk(1e999)\n"
    ),
    "layers sizes": (
        "a = nn.Linear()\n"
        "b = nn.Linear(1e999, 10**400)\n"
        "c = nn.Conv2d(1, 2)\n"
        "d = nn.Conv2d(3, 10**300, 0, 0, 0)\n"
        "e = nn.Sequential(*[nn.ReLU()] * 10**6)\n"
        "f = nn.Dropout(1e999)\n"
        "g = nn.Hardtanh(2, 1)\n"
        "h2 = nn.LeakyReLU(float('nan'))\n"
        "x = h2(g(f(x)))\n"
    ),
    "layer ranges": (
        "x = nn.Hardtanh(2, 1)(x)\n"
        "x = nn.Hardtanh('a', 'b')(x)\n"
        "x = F.hardtanh(x, float('nan'), 1e999)\n"
        "x = nn.LeakyReLU(1e999)(x)\n"
        "x = nn.ELU(float('nan'))(x)\n"
        "x = nn.Softplus(0)(x)\n"
        "x = F.softplus(x, beta=0)\n"
        "x = F.threshold(x, 1e999, -1e999)\n"
        "x = F.leaky_relu(x, -1e999)\n"
    ),
    "interval ops": (
        "a = torch.sigmoid(x)\n"
        "b = a ** 1e999\n"
        "c = a ** -1e999\n"
        "d = a / 0\n"
        "e = a / (a - a)\n"
        "f = 0 / a\n"
        "g = a % 0\n"
        "i = torch.log(a) * torch.log(1 - a)\n"
        "j = (a - 1) ** 0.5\n"
        "k = a // 0\n"
        "l = torch.log(torch.clamp(a, 0, 0))\n"
        "m = torch.exp(torch.exp(torch.exp(torch.exp(a * 1e300))))\n"
        "n = torch.tan(a * 1e308) ** 1e308\n"
    ),
    "interval const": (
        "a = torch.sigmoid(torch.tensor(1e308)) * 1e308 * 1e308\n"
        "b = a - a\n"
        "c = torch.full((2,), float('nan'))\n"
        "d = torch.clamp(c, c, c)\n"
        "e = torch.min(c, c)\n"
        "f = torch.log(c) ** c\n"
        "g = torch.sqrt(torch.tensor(-1.0))\n"
    ),
    "pow grid": (
        "import math\n"
        "a = math.sqrt(-1)\n"
        "b = math.log(0)\n"
        "c = math.exp(1e10)\n"
        "d = math.factorial(10**6)\n"
        "e = math.pow(0, -1)\n"
        "f = math.floor(1e999)\n"
        "g = math.ceil(float('nan'))\n"
        "i = math.comb(10**5, 5 * 10**4)\n"
        "x = x * b * c\n"
    ),
    "numpy consts": (
        "import numpy as np\n"
        "a = np.log(0)\n"
        "b = np.zeros(10**12)\n"
        "c = np.arange(10**12)\n"
        "d = np.prod([10**100] * 100)\n"
        "e = int(np.prod((10**200, 10**200)))\n"
        "f = np.sqrt(-1)\n"
        "x = x * d\n"
    ),
    "prod shape": (
        "import math\n"
        "a = math.prod([10**100] * 50)\n"
        "x = x / a\n"
        "b = 1\n"
        "for i in range(12):\n"
        "    b = b * 10**140\n"
        "x = x / b\n"
    ),
    "int str": (
        "a = int('9' * 5000)\n"
        "b = int('abc')\n"
        "c = float('1e5000')\n"
        "d = float('x')\n"
        "e = int('9' * 500, 16)\n"
        "f = complex('1j')\n"
        "x = x * c\n"
    ),
    "float str kl": "x = x * float('1' * 400)\n",
}
