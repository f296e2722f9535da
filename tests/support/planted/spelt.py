"""Twelve classical mistakes, each written in five ways that a pattern would miss, and each way mended in one place."""

from __future__ import annotations

from small_vaes.layouts import SKELETONS

Slots = dict[str, str]
Files = dict[str, str]

BCE = {"ERR": '@err = F.binary_cross_entropy(@y, @x, reduction="none").sum(dim=(1, 2, 3))'}
LOGITS = {"ERR": '@err = nn.BCEWithLogitsLoss(reduction="none")(@y, @x).sum((1, 2, 3))'}
SCALAR = {"LOSS": "return @err + @kl.mean()"}
PRIOR = "Normal(torch.zeros_like(@m), torch.ones_like(@m))"
NHWC = {
    "EXTRA": "self.paint = nn.Conv2d(3, 3, 3, padding=1)",
    "OUT": "@y = self.paint(@raw).sigmoid().permute(0, 2, 3, 1)",
    "TRUNK": "@trunk = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Flatten(), nn.Linear(6 * 8 * 12, 40))",
}
UNMOVED = "@trunk = nn.Sequential(nn.Conv2d(8, 6, 3, padding=1), nn.Flatten(), nn.Linear(6 * 12 * 3, 40))"


def at(slot: str, *pairs: tuple[str, str], also: Slots | None = None) -> list[tuple[Slots, Slots]]:
    """(bad, good) blocks of one slot as slots, `also` beside them in both."""
    return [({**(also or {}), slot: bad}, {**(also or {}), slot: good}) for bad, good in pairs]


# Per mistake its code, and one (bad, good) pair for each skeleton in turn.
MISTAKES: dict[str, tuple[str, list[tuple[Slots, Slots]]]] = {
    "log-std read as logvar": (
        "VAE201",
        [
            *at(
                "STD",
                ("@std = @s.exp()", "@std = @s.mul(0.5).exp()"),
                ("@std = torch.sqrt(torch.exp(@s * 2))", "@std = torch.sqrt(torch.exp(@s))"),
                ("@std = @s.clone()\n@std.exp_()", "@std = @s.div(2)\n@std.exp_()"),
                ("@std = (lambda v: math.e ** v)(@s)", "@std = (lambda v: math.e ** (v / 2))(@s)"),
            ),
            *at(
                "Z",
                ("@z = Normal(@m, torch.exp(@s)).rsample()", "@z = Normal(@m, torch.exp(@s) ** 0.5).rsample()"),
                also={"STD": "pass", "EPS": "pass"},
            ),
        ],
    ),
    "kl sign": (
        "VAE302",
        [
            *at(
                "KL",
                ("@kl = 0.5 * (1 + @s - @m**2 - @s.exp()).sum(1)", "@kl = -0.5 * (1 + @s - @m**2 - @s.exp()).sum(1)"),
                (
                    "@kl = torch.sum(@s - @m.square() - torch.exp(@s) + 1, -1) / 2",
                    "@kl = torch.sum(@s - @m.square() - torch.exp(@s) + 1, -1) / -2",
                ),
                (
                    f"@kl = -kl_divergence(Normal(@m, (0.5 * @s).exp()), {PRIOR}).sum(1)",
                    f"@kl = kl_divergence(Normal(@m, (0.5 * @s).exp()), {PRIOR}).sum(1)",
                ),
            ),
            *at("LOSS", ("return @err.mean() - @kl.mean()", "return @err.mean() + @kl.mean()")),
            *at(
                "KL",
                (
                    "terms = @m.pow(2)\nterms = terms + @s.exp() - @s\n@kl = -terms.sub(1).sum(-1).mul(0.5)",
                    "terms = @m.pow(2)\nterms = terms + @s.exp() - @s\n@kl = terms.sub(1).sum(-1).mul(0.5)",
                ),
            ),
        ],
    ),
    "kl over the batch axis": (
        "VAE304",
        at(
            "KL",
            ("@kl = -0.5 * (1 + @s - @m**2 - @s.exp()).sum(0)", "@kl = -0.5 * (1 + @s - @m**2 - @s.exp()).sum(1)"),
            (
                "@kl = torch.sum(@m * @m + @s.exp() - 1 - @s, axis=0) / 2",
                "@kl = torch.sum(@m * @m + @s.exp() - 1 - @s, axis=-1) / 2",
            ),
            (
                f"@kl = kl_divergence(Normal(@m, (@s / 2).exp()), {PRIOR}).sum(dim=0)",
                f"@kl = kl_divergence(Normal(@m, (@s / 2).exp()), {PRIOR}).sum(dim=1)",
            ),
            (
                "each = 1 + @s - @m.square() - torch.exp(@s)\n@kl = each.sum(dim=[0]).mul(-0.5)",
                "each = 1 + @s - @m.square() - torch.exp(@s)\n@kl = each.sum(dim=[1]).mul(-0.5)",
            ),
            ("@kl = (@s.exp() + @m**2 - 1 - @s).sum(-2) * 0.5", "@kl = (@s.exp() + @m**2 - 1 - @s).sum(-1) * 0.5"),
        ),
    ),
    "view for permute": (
        "VAE101",
        at(
            "IN",
            ("B, H, W, C = @x.shape\n@h = @x.view(B, C, H, W)", "@h = @x.permute(0, 3, 1, 2)"),
            (
                "@h = @x.reshape(@x.size(0), @x.size(3), @x.size(1), @x.size(2))",
                "@h = @x.movedim(-1, 1)",
            ),
            (
                "n, i, j, c = @x.size()\n@h = torch.reshape(@x, (n, c, i, j))",
                "@h = @x.transpose(1, 3).transpose(2, 3)",
            ),
            (
                "@h = (lambda v: v.contiguous().view(v.shape[0], v.shape[3], v.shape[1], v.shape[2]))(@x)",
                "@h = (lambda v: torch.permute(v, (0, 3, 1, 2)).contiguous())(@x)",
            ),
            ("@h = @x.view(-1, 3, 8, 12)", "@h = @x.swapaxes(2, 3).swapaxes(1, 2)"),
            also=NHWC,
        ),
    ),
    "rand_like": (
        "VAE202",
        at(
            "EPS",
            ("@eps = torch.rand_like(@std)", "@eps = torch.randn_like(@std)"),
            ("@eps = torch.rand(@std.shape)", "@eps = torch.randn(@std.shape)"),
            ("@eps = @std.new_empty(@std.size()).uniform_()", "@eps = @std.new_empty(@std.size()).normal_()"),
            ("@eps = torch.empty_like(@std)\n@eps.uniform_(0, 1)", "@eps = torch.empty_like(@std)\n@eps.normal_(0, 1)"),
            (
                "@eps = torch.distributions.Uniform(0.0, 1.0).sample(@std.shape)",
                "@eps = torch.distributions.Normal(0.0, 1.0).sample(@std.shape)",
            ),
        ),
    ),
    "mean beside sum": (
        "VAE502",
        at(
            "ERR",
            ("@err = F.mse_loss(@y, @x)", '@err = F.mse_loss(@y, @x, reduction="sum") / len(@x)'),
            ("@err = (@y - @x).pow(2).mean()", "@err = (@y - @x).pow(2).flatten(1).sum(1).mean()"),
            ("@err = nn.MSELoss()(@y, @x)", '@err = nn.MSELoss(reduction="none")(@y, @x).sum((1, 2, 3)).mean()'),
            ("@err = torch.mean((@x - @y) ** 2)", "@err = torch.sum((@x - @y) ** 2) / @x.shape[0]"),
            (
                "@err = F.binary_cross_entropy(@y, @x)",
                '@err = F.binary_cross_entropy(@y, @x, reduction="sum").div(@x.size(0))',
            ),
            also=SCALAR,
        ),
    ),
    "sigmoid into logits": (
        "VAE401",
        at(
            "OUT",
            ("@y = torch.sigmoid(@raw)", "@y = @raw"),
            ("@y = @raw.sigmoid()", "@y = @raw + 0"),
            ("@y = nn.Sigmoid()(@raw)", "@y = nn.Identity()(@raw)"),
            ("@y = 1 / (1 + torch.exp(-@raw))", "@y = 1 * @raw"),
            ("@y = 0.5 * (torch.tanh(@raw / 2) + 1)", "@y = 0.5 * @raw"),
            also=LOGITS,
        ),
    ),
    "logits into bce": (
        "VAE402",
        at(
            "OUT",
            ("@y = @raw", "@y = torch.sigmoid(@raw)"),
            ("@y = 2 * @raw", "@y = torch.special.expit(@raw)"),
            ("@y = nn.Identity()(@raw)", "@y = nn.Sigmoid()(@raw)"),
            ("@y = (lambda v: v)(@raw)", "@y = (lambda v: v.sigmoid_())(@raw)"),
            ("@y = F.leaky_relu(@raw, 0.2)", "@y = @raw.exp() / (1 + @raw.exp())"),
            also=BCE,
        ),
    ),
    "channels last": (
        "VAE102",
        [
            ({**NHWC, "TRUNK": UNMOVED, "IN": bad}, {**NHWC, "IN": good})
            for bad, good in (
                ("@h = @x", "@h = @x.permute(0, 3, 1, 2)"),
                ("@h = @x.contiguous()", "@h = torch.moveaxis(@x, 3, 1)"),
                ("@h = @x.clone()", "@h = @x.permute([0, 3, 1, 2]).clone()"),
                ("@h = (lambda v: v)(@x)", "@h = (lambda v: v.permute(0, -1, 1, 2))(@x)"),
                ("@h = @x.float()", "@h = @x.transpose(3, 2).transpose(2, 1).float()"),
            )
        ],
    ),
    "wrong reduce axes": (
        "VAE501",
        at(
            "ERR",
            (
                '@err = F.mse_loss(@y, @x, reduction="none").sum(1)',
                '@err = F.mse_loss(@y, @x, reduction="none").sum((1, 2, 3))',
            ),
            ("@err = torch.sum((@y - @x).pow(2), -1)", "@err = torch.sum((@y - @x).pow(2), (-1, -2, -3))"),
            ("@err = (@y - @x).square().flatten(2).sum(2)", "@err = (@y - @x).square().flatten(1).sum(1)"),
            ("@err = ((@x - @y) ** 2).sum(3).sum(2)", "@err = ((@x - @y) ** 2).sum(3).sum(2).sum(1)"),
            (
                '@err = nn.L1Loss(reduction="none")(@y, @x).sum(dim=[2, 3])',
                '@err = nn.L1Loss(reduction="none")(@y, @x).sum(dim=[1, 2, 3])',
            ),
        ),
    ),
    "duplicated head": (
        "VAE205",
        at(
            "HEAD",
            ("@m = @first(@h)\n@s = @first(@h)", "@m = @first(@h)\n@s = @second(@h)"),
            (
                "@m, @s = [layer(@h) for layer in (@first, @first)]",
                "@m, @s = [layer(@h) for layer in (@first, @second)]",
            ),
            ("both = (@first(@h), @first(@h))\n@m, @s = both", "both = (@first(@h), @second(@h))\n@m, @s = both"),
            ("@s = @m = @first(@h)", "@s = @second(@h)\n@m = @first(@h)"),
            ("@m, @s = map(@first, (@h, @h))", "@m, @s = (f(@h) for f in (@first, @second))"),
        ),
    ),
    "missing 0.5 in kl": (
        "VAE303",
        at(
            "KL",
            ("@kl = -(1 + @s - @m**2 - @s.exp()).sum(1)", "@kl = -0.5 * (1 + @s - @m**2 - @s.exp()).sum(1)"),
            ("@kl = (@m**2 + @s.exp() - @s - 1).sum(1)", "@kl = (@m**2 + @s.exp() - @s - 1).sum(1) / 2"),
            (
                "@kl = torch.sum(torch.exp(@s) + @m * @m - 1.0 - @s, 1)",
                "@kl = torch.sum(torch.exp(@s) + @m * @m - 1.0 - @s, 1).div(2.0)",
            ),
            (
                "wide = (@s / 2).exp()\n@kl = (@m.pow(2) + wide.pow(2) - 2 * wide.log() - 1).sum(-1)",
                "wide = (@s / 2).exp()\n@kl = (@m.pow(2) / 2 + wide.pow(2) / 2 - wide.log() - 0.5).sum(-1)",
            ),
            (
                "@kl = torch.add(1 + @s, -(@m**2) - @s.exp()).neg().sum(1)",
                "@kl = torch.add(1 + @s, -(@m**2) - @s.exp()).neg().mul(0.5).sum(1)",
            ),
            also=BCE,
        ),
    ),
}


def spellings(name: str) -> dict[str, tuple[Files, Files]]:
    """By skeleton, the files of the mistake and those of its corrected twin: contents by file name."""
    _, pairs = MISTAKES[name]
    return {
        shape: (skeleton.filled(bad), skeleton.filled(good))
        for (shape, skeleton), (bad, good) in zip(SKELETONS.items(), pairs, strict=True)
    }
