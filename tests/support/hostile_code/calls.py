"""Calls, branches and objects without an end, and code that is wide or deep."""

from __future__ import annotations

PIECES: dict[str, str] = {
    "tree14": ("def t0(v):\n    return torch.exp(v)\n")
    + "".join(f"def t{i}(v):\n    return t{i - 1}(v) + t{i - 1}(v * {i})\n" for i in range(1, 15))
    + "y = t14(x)\n",
    "tree20": ("def t0(v):\n    return torch.exp(v)\n")
    + "".join(f"def t{i}(v):\n    return t{i - 1}(v) + t{i - 1}(v * {i})\n" for i in range(1, 21))
    + "y = t20(x)\n",
    "tree wide": ("def t0(v):\n    return torch.exp(v)\n")
    + "".join(
        f"def t{i}(v):\n    return sum([" + ", ".join(f"t{i - 1}(v + {j})" for j in range(12)) + "])\n"
        for i in range(1, 8)
    )
    + "y = t7(x)\n",
    "recursion": ("def f9(v):\n    return f9(f9(v)) + torch.randn(2)\ny = f9(x)\nf9(f9)\n"),
    "recursion3": (
        "def fa(v):\n"
        "    return fb(v) + fc(v)\n"
        "def fb(v):\n"
        "    return fa(v) + fc(v)\n"
        "def fc(v):\n"
        "    return fa(v) + fb(v)\n"
        "y = fa(x)\n"
    ),
    "recursion many": "".join(
        f"def g{i}(v):\n    return " + " + ".join(f"g{j}(v)" for j in range(9) if j != i) + "\n" for i in range(9)
    )
    + "y = g0(x)\n",
    "lambda omega": (
        "om = lambda f: f(f)\n"
        "om(om)\n"
        "Y = lambda f: (lambda v: f(lambda y: v(v)(y)))(lambda v: f(lambda y: v(v)(y)))\n"
        "Y(lambda f: lambda v: f(v))(x)\n"
    ),
    "deep calls": "y = " + "torch.exp(" * 300 + "x" + ")" * 300 + "\n",
    "deep calls 80": "y = " + "torch.exp(" * 80 + "x" + ")" * 80 + "\n",
    "deep binop": "y = x" + " + x" * 3000 + "\n",
    "deep paren": "y = " + "(" * 150 + "x" + ")" * 150 + "\n",
    "deep attr": "y = x" + ".a" * 900 + "\n",
    "deep method": "y = x" + ".exp()" * 900 + "\n",
    "deep sub": "y = x" + "[0]" * 900 + "\n",
    "deep unary": "y = " + "-" * 900 + "x\n",
    "deep not": "y = " + "not " * 900 + "x\n",
    "deep lambda": "y = " + "lambda: " * 150 + "x\n" + "y()()()()\n",
    "deep ifexp": "y = " + "".join(f"x + {i} if foo({i}) else " for i in range(90)) + "x\n",
    "deep list": "a = " + "[" * 90 + "x" + "]" * 90 + ("\nb = torch.stack(a)\n"),
    "deep compare": "a = x" + " < x" * 2000 + "\n",
    "deep bool": "a = x" + " and x" * 2000 + "\n",
    "wide dict": "a = {" + ", ".join(f"'k{i}': x + {i}" for i in range(5000)) + "}\n",
    "wide list": "a = [" + ", ".join(f"x + {i}" for i in range(5000)) + ("]\ny = sum(a)\ny = torch.stack(a)\n"),
    "wide call": "a = foo(" + ", ".join(f"x + {i}" for i in range(3000)) + ")\n",
    "wide args": "def wd(" + ", ".join(f"a{i}=x" for i in range(2000)) + ("):\n    return a1\ny = wd()\n"),
    "wide unpack": ", ".join(f"a{i}" for i in range(3000))
    + " = x\n"
    + ", ".join(f"b{i}" for i in range(3000))
    + " = [x] * 3000\n",
    "starargs": ("def sa(*a, **k):\n    return sa(*a, *a, **k)\ny = sa(x)\n"),
    "starargs doubling": ("def sa(*a):\n    return a\ny = (x,)\n") + "y = sa(*y, *y)\n" * 40,
    "kwargs doubling": ("def sk(**k):\n    return dict(a=k, b=k, **{})\ny = {'a': x}\n") + "y = sk(**y)\n" * 60,
    "partial chain": ("from functools import partial\nf8 = torch.add\n")
    + "f8 = partial(f8, x, x)\n" * 200
    + "y = f8()\n",
    "partial self": (
        "from functools import partial\nf8 = partial(foo)\nf8.func = f8\nf8 = partial(f8, f8)\ny = f8(f8)\n"
    ),
    "choice chain": "a = nn.ReLU() if foo() else nn.Tanh()\n"
    + "a = a if bar() else nn.Sigmoid()\n" * 60
    + ("y = a(x)\ny = a(a(a(y)))\n"),
    "choice tree": "f7 = torch.exp if foo() else torch.tanh\n"
    + "".join(f"f{i} = (lambda v: f7(f7(v))) if foo({i}) else f7\n" for i in range(20, 24))
    + "g7 = f7\n"
    + "g7 = g7 if foo() else f7\n" * 30
    + "y = g7(g7(g7(x)))\n",
    "choice two": ("a = torch.exp if foo() else torch.tanh\nb = a\n")
    + "".join(f"b = (a if foo({i}) else b)\na = (b if bar({i}) else a)\n" for i in range(40))
    + "y = b(x)\n",
    "method chain unknown": "y = x\n" + "y = y.foo(y, y).bar(y)\n" * 400,
    "opaque wide": "y = x\n" + "y = foo(y, y, y, y)\n" * 300 + "y = [foo(y), foo(y, [y] * 50)]\n",
    "as expr wide": "a = [x] * 60\n" + "a = [a] * 60\n" * 6 + ("y = foo(a)\ny = foo(a, a)\ny = torch.stack(a)\n"),
    "as expr dict": "a = {'a': x}\n"
    + "a = {f'k{i}': a for i in range(40)}\n" * 6
    + ("y = foo(a)\ny = torch.stack(list(a.values()))\n"),
    "cycle bases": ("class CA(CA):\n    pass\nclass CB(CC):\n    pass\nclass CC(CB):\n    pass\nCB().foo(x)\n"),
    "many bases": ("class M0:\n    pass\n")
    + "".join(f"class M{i}(M{i - 1}, M{max(0, i - 2)}):\n    pass\n" for i in range(1, 40))
    + "M39().foo(x)\n",
    "many bases super": ("class M0:\n    def f(self, v):\n        return v\n")
    + "".join(
        f"class M{i}(M{i - 1}):\n    def f(self, v):\n        return super().f(v) + super().f(v * 2)\n"
        for i in range(1, 22)
    )
    + "y = M21().f(x)\n",
    "metaclass": (
        "class Me(type):\n"
        "    def __call__(cls, *a):\n"
        "        return cls\n"
        "class U(metaclass=Me):\n"
        "    pass\n"
        "U()(U())(x)\n"
    ),
    "getattr self": (
        "class G:\n"
        "    def __getattr__(self, n):\n"
        "        return getattr(self, n)\n"
        "    def __getitem__(self, i):\n"
        "        return self[i]\n"
        "    def __len__(self):\n"
        "        return len(self)\n"
        "    def __call__(self, *a):\n"
        "        return self(*a)\n"
        "g = G()\n"
        "y = g.a.b\n"
        "y = g[1][2]\n"
        "y = len(g)\n"
        "y = g(g)\n"
        "for i in g:\n"
        "    y = i\n"
    ),
    "prop self": (
        "class P:\n"
        "    @property\n"
        "    def a(self):\n"
        "        return self.a + self.b\n"
        "    @property\n"
        "    def b(self):\n"
        "        return self.a * self.b\n"
        "y = P().a\n"
    ),
    "decorators": ("def de(f):\n    return de(f)\n@de\n@de\ndef dd(v):\n    return v\ny = dd(x)\n"),
    "yield from": (
        "def ge(n):\n"
        "    while True:\n"
        "        n = yield from ge(torch.randn(n))\n"
        "y = next(ge(1))\n"
        "for i in ge(2):\n"
        "    y = i\n"
    ),
    "global star": ("def gg():\n    global gx\n    gx = gx + [gx] if gx else [x]\n    return gg()\ngx = []\ngg()\n"),
    "del all": ("del x\nx = foo()\ndel x.a, x[0]\n"),
    "walrus": ("y = [(w := w0 + [w0]) for w0 in [[x]] * 40]\n(q := x)\n") + "y = (r := (y, y))\n" * 40,
    "match all": "match x:\n" + "".join(f"    case [{i}, *r] if r:\n        y = r\n" for i in range(300)),
    "set ops": ("s = {1, 2, 3} | {4}\nt = s - {1}\nu = {*s, *s}\n") + "s = {*s, (1, 2)}\n" * 30,
    "seq append": (
        "m = nn.ModuleList()\n"
        "for i in range(12):\n"
        "    for j in range(12):\n"
        "        for k in range(12):\n"
        "            m.append(nn.Linear(3, 3))\n"
        "y = x\n"
        "for l in m:\n"
        "    y = l(y)\n"
    ),
    "seq nested": "m = nn.Sequential(nn.Linear(3, 3), nn.ReLU())\n" + "m = nn.Sequential(m, m)\n" * 24 + "y = m(x)\n",
    "seq self": ("m = nn.Sequential(nn.ReLU())\nm.append(m)\nm.add_module('a', m)\ny = m(x)\n"),
    "modlist self": ("m = nn.ModuleList([nn.ReLU()])\nm.append(m)\nm.extend(m)\nfor l in m:\n    x = l(x)\n"),
    "moddict self": (
        "m = nn.ModuleDict({'a': nn.ReLU()})\n"
        "m['b'] = m\n"
        "m.update(m)\n"
        "y = m['b']['b']['a'](x)\n"
        "for k, l in m.items():\n"
        "    y = l(y)\n"
    ),
    "compose self": ("from torchvision import transforms\nt = transforms.Compose([transforms.ToTensor()])\n")
    + "t = transforms.Compose([t, t])\n" * 40
    + "y = t(x)\n",
    "dist nest": ("from torch.distributions import Normal, Independent, kl_divergence\nd = Normal(x, x.exp())\n")
    + "d = Independent(d, 10**30)\n" * 60
    + ("y = kl_divergence(d, d)\ny = d.rsample([10**9])\n"),
    "dist args": (
        "from torch.distributions import Normal, kl_divergence, MultivariateNormal\n"
        "a = Normal()\n"
        "b = Normal(1e999, float('nan'))\n"
        "c = Normal(a, b)\n"
        "d = kl_divergence(a, c)\n"
        "e = kl_divergence(1, 2)\n"
        "f = kl_divergence()\n"
        "g = MultivariateNormal(x)\n"
        "i = MultivariateNormal(x, g).log_prob()\n"
    ),
    "losses args": (
        "a = F.mse_loss()\n"
        "b = F.mse_loss(x)\n"
        "c = F.mse_loss(1, 2, reduction=1e999)\n"
        "d = F.binary_cross_entropy(x, x, reduction=[])\n"
        "e = F.gaussian_nll_loss(x, x)\n"
        "f = nn.MSELoss(reduction=x)(x, x)\n"
        "g = F.kl_div()\n"
    ),
    "noise args": (
        "a = torch.randn()\n"
        "b = torch.randn(1e999, 10**400)\n"
        "c = torch.normal()\n"
        "d = torch.normal(1, x, [])\n"
        "e = torch.randn(*[2] * 1000)\n"
        "f = x.normal_(1e999, float('nan'))\n"
        "g = torch.randn_like()\n"
        "i = torch.normal(mean=x, std='a')\n"
        "j = torch.empty(2).uniform_(5, 1)\n"
    ),
    "einsum": "a = torch.einsum('"
    + "ab," * 300
    + "ab->', "
    + ", ".join(["x"] * 301)
    + (")\nb = torch.einsum('', x)\nc = torch.einsum(x)\nd = torch.einsum('i...,->', x, x)\n"),
    "annot": ("y: 'a' * 10**9 = x\nz9: int\nq: [i for i in range(10**9)] = x\n"),
    "setattr many": (
        "class O:\n"
        "    pass\n"
        "o = O()\n"
        "for i in range(12):\n"
        "    for j in range(12):\n"
        "        for k in range(12):\n"
        "            setattr(o, f'a{i}_{j}_{k}', x)\n"
        "            setattr(o, str(i) * 900, o)\n"
    ),
    "dict keys many": (
        "d = {}\n"
        "for i in range(12):\n"
        "    for j in range(12):\n"
        "        for k in range(12):\n"
        "            d[f'{i}{j}{k}' * 100] = x\n"
        "            d = dict(d)\n"
    ),
    "dict copy many": "d = {"
    + ", ".join(f"'k{i}': x" for i in range(1000))
    + (
        "}\n"
        "es = []\n"
        "for i in range(12):\n"
        "    for j in range(12):\n"
        "        for k in range(12):\n"
        "            es.append(d.copy())\n"
    ),
    "list copy many": "d = ["
    + ", ".join("x" for i in range(1000))
    + (
        "]\n"
        "es = []\n"
        "for i in range(12):\n"
        "    for j in range(12):\n"
        "        for k in range(12):\n"
        "            es.append(d[:])\n"
        "            es.append(list(d))\n"
    ),
    "items copy": "d = {"
    + ", ".join(f"'k{i}': x" for i in range(1000))
    + (
        "}\n"
        "es = []\n"
        "for i in range(12):\n"
        "    for j in range(12):\n"
        "        for k in range(12):\n"
        "            es.append(list(d.items()))\n"
        "            es.append(d.values())\n"
    ),
    "branch saves": "".join(f"n{i} = x\n" for i in range(800))
    + "".join(f"if foo({i}):\n    n{i} = x * 2\n" for i in range(800)),
    "branch lists": ("a = [x] * 60\nb = [a] * 60\n")
    + "if foo():\n    a.append(b)\n    b.append(a)\nelse:\n    b.append(a)\n    a.append(b)\n" * 60,
    "branch list merge": "a = []\n" + "if foo():\n    a = [a, a]\nelse:\n    a = [a, [a]]\n" * 60,
    "list append branch": "a = []\n"
    + "if foo():\n    a.append((x, a))\nelse:\n    a.append((x * 2, a))\n" * 60
    + "y = torch.stack(a)\n",
    "big literal line": "a = [" + "1," * 200000 + "]\n",
    "big string": "a = '" + "a" * 2000000 + ("'\nb = a + a\nc = f'{a}{a}'\nd = {a: a}\nf9 = getattr(x, a)\n"),
    "big string fmt": "a = '" + "%s" * 200000 + ("'\nb = a % (1, 2)\nc = a.format(1)\n"),
    "big string braces": "a = '" + "{" * 200000 + ("'\nb = a.format(1)\nc = a % 1\n"),
    "big percent": "a = '" + "%" + "-" * 200000 + ("'\nb = a % 1\nc = a.format(1)\n"),
    "big docstring": '"""' + "noqa " * 300000 + ('"""\ny = x\n'),
    "names many": "".join(f"v{i} = x * {i}\n" for i in range(20000)),
    "funcs many": "".join(f"def fn{i}(v):\n    return v * {i} + torch.exp(v)\n" for i in range(4000)),
    "classes many": "".join(
        f"class Cl{i}(nn.Module):\n    def forward(self, v):\n        return v * {i}\n" for i in range(1500)
    ),
    "kl many": "".join(f"k{i} = -0.5 * torch.sum(1 + x - x.pow(2) - x.exp() + {i})\n" for i in range(300)),
    "samplers many": "".join(f"s{i} = x * {i} + torch.exp(x * {i}) * torch.randn_like(x)\n" for i in range(300)),
    "losses many": "y = 0\n"
    + "".join(f"y = y + F.mse_loss(x * {i}, x) + (x.exp() + x.pow(2) - 1 - x).sum()\n" for i in range(300)),
    "chain sampler": "y = x\n" + "y = torch.exp(y) * torch.randn_like(y) + y\n" * 100,
    "residual tanh": "y = x\n" + "y = y + torch.tanh(y)\n" * 400,
    "residual loss": "y = x\n"
    + "y = (y + y * torch.sigmoid(y)) / (1 + y * y)\n" * 400
    + "y = F.mse_loss(torch.sigmoid(y), x)\n",
    "minmax chain": "y = x\n" + "y = torch.max(torch.min(y, y * 2), torch.clamp(y, -1, 1))\n" * 300,
    "where chain": "y = x\n"
    + "y = torch.where(y > 0, torch.where(y > 1, y, y * 2), torch.where(y < -1, y, -y))\n" * 200,
    "cat chain": "y = x\n" + "y = torch.cat([y, y, torch.stack([y, y])], dim=1)\n" * 200,
    "inplace chain": "y = x\n" + "y.add_(y).mul_(y)\ny[0] = y\ny[:, 1:] = y\ny[y > 0] = y\n" * 100,
    "item chain": "y = x\n" + "y = y[y][y, y]\n" * 200,
    "size chain": "n = x.shape[0]\n" + "n = n * 2 + n // 3 - n % 5\n" * 300 + "y = x.view(n, -1) / n\n",
    "turn chain": "for i in range(foo()):\n" + "    i = i + 1 - i\n" * 300 + ("    if i < foo() - 1:\n        y = x\n"),
    "index loop": ("ls = foo()\nfor i, (a, b) in enumerate(zip(ls[:-1], ls[1:])):\n    if ")
    + " + ".join(["i"] * 500)
    + (" == len(ls) - 2:\n        y = x\n"),
    "path conditions": "def pc(v, "
    + ", ".join(f"c{i}" for i in range(60))
    + "):\n"
    + "".join(f"    v = v + {i} if c{i} else v\n    if c{i}:\n        v = v * 2\n" for i in range(60))
    + "    return v\n"
    "y = pc(x, " + ", ".join(f"foo({i})" for i in range(60)) + ")\n",
}
