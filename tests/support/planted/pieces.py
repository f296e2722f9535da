"""Mistakes planted in the VAE in pieces: each rewrites the bodies of some pieces, and is the same as text and built."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from small_vaes import pieces
from small_vaes.pieces import Inside, Pieces, Sequential1d, Spatial


@dataclass(frozen=True)
class Planted:
    """The code that names the mistake, what is done, and the body that each piece has then."""

    code: str
    what: str
    bodies: Mapping[str, str]
    data_range: tuple[float, float] | None = None  # where the data lie, where the mistake is one of the data


_KL = "return {factor} * (1 + s - {mean} - {spread})"
_BCE = 'return F.binary_cross_entropy(x_hat, x, reduction="none")'
_LOGITS = 'return F.binary_cross_entropy_with_logits(x_hat, x, reduction="none")'


def _kl(factor: str = "-0.5", mean: str = "mu.square()", spread: str = "s.exp()") -> str:
    return _KL.format(factor=factor, mean=mean, spread=spread)


# Without a mistake, the pixels' likelihood Bernoulli: what mistakes that need one are compared with.
BERNOULLI = Planted("", "a Bernoulli likelihood", {"recon_elements": _LOGITS})

PLANTED: dict[str, Planted] = {
    "view_as_permute": Planted(
        "VAE101",
        "the input's memory is read in another axis order",
        {"seen": "return x.reshape(x.shape[0], *x.shape[2:], x.shape[1]).movedim(-1, 1)"},
    ),
    "raw_pixels": Planted(
        "VAE104", "pixels of 0..255 beside a sigmoid", {"shown": "return x_hat.sigmoid()"}, data_range=(0.0, 255.0)
    ),
    "cropped": Planted(
        "VAE105",
        "the reconstruction lacks the last column",
        {
            "shown": "return x_hat[..., :-1]",
            "recon_elements": "return (x_hat - x[..., : x_hat.shape[-1]]).square()",
        },
    ),
    "batch_centred": Planted(
        "VAE106",
        "the batch's mean is subtracted from each sample",
        {"seen": "return x - x.mean(0, keepdim=True)"},
    ),
    "log_std": Planted("VAE201", "std = exp(logvar)", {"std": "return torch.exp(s)"}),
    "twice_halved": Planted("VAE201", "std = exp(logvar / 4)", {"std": "return torch.exp(0.25 * s)"}),
    "uniform_noise": Planted("VAE202", "eps from rand_like", {"eps": "return torch.rand_like(mu)"}),
    "shifted_noise": Planted("VAE202", "eps of mean 1", {"eps": "return torch.randn_like(mu) + 1"}),
    "one_eps_for_the_batch": Planted(
        "VAE203", "eps of shape (1, L)", {"eps": "return torch.randn_like(mu[:1]).expand_as(mu)"}
    ),
    "one_eps_for_all_latents": Planted(
        "VAE203",
        "eps of shape (B, 1)",
        {"eps": ("return torch.randn_like(mu.flatten(1)[:, :1]).reshape(-1, *[1] * (mu.dim() - 1)).expand_as(mu)")},
    ),
    "relu_mean": Planted("VAE204", "a ReLU on mu", {"heads": "return mu.relu(), s"}),
    "relu_logvar": Planted("VAE204", "a ReLU on the log variance", {"heads": "return mu, s.relu()"}),
    "same_head": Planted("VAE205", "the head for std is the first", {"heads": "return mu, mu"}),
    "no_grad_sample": Planted(
        "VAE206",
        "z is drawn under no_grad",
        {"sample": "with torch.no_grad():\n    return mu + self.std(s) * self.eps(mu)"},
    ),
    "detached_scale": Planted("VAE206", "std is detached", {"std": "return torch.exp(0.5 * s).detach()"}),
    "no_eps": Planted("VAE207", "z = mu + std", {"sample": "return mu + self.std(s)"}),
    "never_noise": Planted(
        "VAE207",
        "z = mu in training too",
        {"sample": "return mu if self.training else mu + self.std(s) * self.eps(mu)"},
    ),
    "kl_abs": Planted("VAE301", "|mu| for mu squared in the KL", {"kl_elements": _kl(mean="mu.abs()")}),
    "kl_no_exp": Planted(
        "VAE301", "logvar squared for exp(logvar) in the KL", {"kl_elements": _kl(spread="s.square()")}
    ),
    "kl_sign": Planted("VAE302", "the KL's sign", {"kl_elements": _kl(factor="0.5")}),
    "kl_twice": Planted(
        "VAE303", "the KL without its half", {"kl_elements": _kl(factor="-1"), "recon_elements": _LOGITS}
    ),
    "kl_batch": Planted(
        "VAE304",
        "the KL summed over the batch, averaged over the latents",
        {"kl": "return self.kl_elements(mu, s).flatten(1).sum(0).mean()"},
    ),
    "kl_detached": Planted(
        "VAE305", "the KL is detached", {"kl": "return self.kl_elements(mu, s).flatten(1).sum(1).mean().detach()"}
    ),
    "kl_reversed": Planted(
        "VAE306",
        "KL(prior || posterior)",
        {
            "kl_elements": (
                "return torch.distributions.kl_divergence(\n"
                "    torch.distributions.Normal(0.0, 1.0), torch.distributions.Normal(mu, torch.exp(0.5 * s))\n)"
            )
        },
    ),
    "sigmoid_logits": Planted(
        "VAE401",
        "a sigmoid before BCE with logits",
        {"shown": "return x_hat.sigmoid()", "recon_elements": _LOGITS},
    ),
    "sigmoid_in_the_loss": Planted(
        "VAE401",
        "a sigmoid inside the loss, before BCE with logits",
        {"recon_elements": ('return F.binary_cross_entropy_with_logits(torch.sigmoid(x_hat), x, reduction="none")')},
    ),
    "logits_bce": Planted("VAE402", "logits into BCE", {"shown": "return x_hat", "recon_elements": _BCE}),
    "sigmoid_range": Planted(
        "VAE403", "a sigmoid beside data in [-1, 1]", {"shown": "return x_hat.sigmoid()"}, data_range=(-1.0, 1.0)
    ),
    "swapped_bce": Planted(
        "VAE404",
        "BCE(target, prediction)",
        {
            "shown": "return x_hat.sigmoid()",
            "recon_elements": 'return F.binary_cross_entropy(x.clamp(0.01, 0.99), x_hat, reduction="none")',
        },
    ),
    "swapped_bce_of_logits": Planted(
        "VAE404",
        "BCE(target, sigmoid(logits))",
        {
            "recon_elements": (
                'return F.binary_cross_entropy(x.clamp(0.05, 0.95), torch.sigmoid(x_hat), reduction="none")'
            )
        },
    ),
    "sigmoid_twice": Planted(
        "VAE405", "two sigmoids", {"shown": "return x_hat.sigmoid().sigmoid()", "recon_elements": _BCE}
    ),
    "sigmoid_twice_beside_mse": Planted("VAE405", "two sigmoids", {"shown": "return x_hat.sigmoid().sigmoid()"}),
    "relu_sigmoid": Planted(
        "VAE406", "a ReLU before the sigmoid", {"shown": "return x_hat.relu().sigmoid()", "recon_elements": _BCE}
    ),
    "relu_sigmoid_beside_mse": Planted(
        "VAE406", "a ReLU before the sigmoid", {"shown": "return x_hat.relu().sigmoid()"}
    ),
    "recon_channels": Planted(
        "VAE501",
        "the reconstruction summed over the last axis, averaged over the rest",
        {"recon": "return self.recon_elements(x_hat, x).sum(-1).mean()"},
    ),
    "recon_first_axis": Planted(
        "VAE501",
        "the reconstruction summed over the channels, averaged over the rest",
        {"recon": "return self.recon_elements(x_hat, x).sum(1).mean()"},
    ),
    "mean_recon": Planted(
        "VAE502",
        "a mean over the elements beside a summed KL",
        {"recon": "return self.recon_elements(x_hat, x).mean()"},
    ),
    "mean_kl": Planted("VAE503", "the KL averaged over the latents", {"kl": "return self.kl_elements(mu, s).mean()"}),
    "kl_sum_batch": Planted(
        "VAE504",
        "the KL summed over the batch, the reconstruction averaged",
        {"kl": "return self.kl_elements(mu, s).sum()"},
    ),
    "recon_sign": Planted(
        "VAE505",
        "the reconstruction's sign",
        {"recon": "return -self.recon_elements(x_hat, x).flatten(1).sum(1).mean()"},
    ),
    "unused_layer": Planted(
        "VAE601", "a layer that forward never calls", {"add_layers": "self.unused = torch.nn.Linear(4, 3)"}
    ),
    "dropout_on": Planted(
        "VAE603", "dropout that evaluation does not switch off", {"decoded": "return F.dropout(z, 0.3)"}
    ),
    "nan_to_num": Planted(
        "VAE604",
        "NaN replaced in the loss",
        {"total": "return torch.nan_to_num(self.recon(x_hat, x) + self.kl(mu, s))"},
    ),
}


DESIGNS = (Spatial, Sequential1d, Inside)
# Where the rewritten piece is no such mistake, or is one that cannot be told; by design and name the reason.
_LOGITS = "its loss takes logits: any activation before it is another mistake"
_ACTIVATED = "its reconstruction is activated before the loss activates it again"
_UNNAMED = "without noise nothing tells the heads from other tensors"
_ONE_AXIS = "a sample has one axis"
UNFIT: dict[type[Pieces], dict[str, str]] = {
    Spatial: dict.fromkeys(
        ("raw_pixels", "sigmoid_range", "sigmoid_twice_beside_mse", "relu_sigmoid_beside_mse"), _LOGITS
    ),
    Sequential1d: {
        **dict.fromkeys(("kl_twice", "sigmoid_in_the_loss", "swapped_bce_of_logits"), _ACTIVATED),
        **dict.fromkeys(("no_eps", "never_noise"), _UNNAMED),
        "logits_bce": "no BCE has data in [-1, 1]",
    },
    Inside: {
        **dict.fromkeys(("kl_twice", "sigmoid_in_the_loss", "swapped_bce_of_logits"), _ACTIVATED),
        **dict.fromkeys(("no_eps", "never_noise"), _UNNAMED),
        **dict.fromkeys(("view_as_permute", "recon_channels", "recon_first_axis"), _ONE_AXIS),
    },
}
# A mistake that has a second one as its consequence; any other code beside the planted one is a false alarm.
CONSEQUENCES = {
    "VAE205": {"VAE601"},  # the layer that was left out is never trained
    "VAE206": {"VAE601"},  # without gradient through z the encoder may be trained by the KL alone
}


def text_of(design: type[Pieces], planted: Planted | None = None) -> str:
    """The module of this design alone, with the mistake in it: complete, and to be read or executed.

    ValueError where the mistake rewrites a piece that there is not.
    """
    source = Path(pieces.__file__).read_text(encoding="utf-8")
    lines = source.splitlines()
    tree = ast.parse(source)
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    methods: dict[str, ast.FunctionDef] = {}
    for name in (Pieces.__name__, design.__name__):
        methods |= {node.name: node for node in classes[name].body if isinstance(node, ast.FunctionDef)}
    edits = []
    for name, body in (planted.bodies if planted else {}).items():
        if name not in methods:
            raise ValueError(f"a VAE in pieces has no piece {name!r}")
        old = methods[name].body
        edits.append((old[0].lineno, old[-1].end_lineno or old[-1].lineno, textwrap.indent(body, " " * 8)))
    for name, node in classes.items():
        if name not in (Pieces.__name__, design.__name__):
            edits.append((node.lineno, node.end_lineno or node.lineno, ""))
    for first, last, new in sorted(edits, reverse=True):
        lines[first - 1 : last] = new.splitlines()
    return "\n".join(lines).rstrip() + "\n"


def built(design: type[Pieces], planted: Planted | None = None) -> type[Pieces]:
    """The class of this design with the mistake in it, out of its text."""
    module: dict[str, object] = {"__name__": f"planted_{design.__name__.lower()}"}
    exec(compile(text_of(design, planted), f"<{design.__name__}>", "exec"), module)  # noqa: S102  our own text
    made = module[design.__name__]
    assert isinstance(made, type)
    return made
