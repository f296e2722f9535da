"""Edits of one VAE's source: what each must be reported as, and edits that change no shape and must pass in silence."""

from __future__ import annotations

from typing import NamedTuple


class Edit(NamedTuple):
    """What is written in place of what, and what the report must say.

    Every one of `said` stands in some line, and every line on a stage, layer, parameter or buffer has one of them.
    """

    name: str
    old: str
    new: str
    said: tuple[str, ...]


UP, DOWN = "nn.ConvTranspose2d(10, 3, 4, 2, 1)", "nn.Conv2d(3, 8, 3, 2, 1)"
FIRST, SECOND = f"{DOWN},\n            nn.ReLU(),", "nn.Conv2d(8, 14, 3, 2, 1),\n            nn.ReLU(),"
ENCODER = f"nn.Sequential(\n            {FIRST}\n            {SECOND}\n        )"
BLOCKS = f"nn.Sequential(nn.Sequential({FIRST}), nn.Sequential({SECOND}))"
HEADS = "return self.to_mu(h), self.to_logvar(h)"

EDITS = (
    Edit("kernel, size kept", DOWN, "nn.Conv2d(3, 8, 5, 2, 2)", ("encoder.0: kernel 3x3 -> 5x5",)),
    Edit(
        "kernel, size lost",
        "nn.Conv2d(8, 14, 3, 2, 1)",
        "nn.Conv2d(8, 14, 5, 2, 1)",
        ("encoder.2: kernel 3x3 -> 5x5; output height was (H+3)//4, is (H-1)//4",),
    ),
    Edit("kernel of the decoder", UP, "nn.ConvTranspose2d(10, 3, 6, 2, 2)", ("decoder.2: kernel 4x4 -> 6x6",)),
    Edit(
        "kernel of one by one", "nn.Conv2d(latents, 14, 1)", "nn.Conv2d(latents, 14, 3, 1, 1)", ("widen: kernel 1x1",)
    ),
    Edit("stride", DOWN, "nn.Conv2d(3, 8, 3, 1, 1)", ("encoder.0: output height was (H+1)//2, is H;", "its stride")),
    Edit(
        "stride, in width alone",
        DOWN,
        "nn.Conv2d(3, 8, 3, (2, 3), 1)",
        ("encoder.0: output width was (W+1)//2, is (W+2)//3; its stride",),
    ),
    Edit(
        "stride of the decoder",
        UP,
        "nn.ConvTranspose2d(10, 3, 4, 3, 1)",
        ("decoder.2: output height was 4*((H+3)//4), is 6*((H+3)//4)-1;", "its stride"),
    ),
    Edit(
        "padding",
        DOWN,
        "nn.Conv2d(3, 8, 3, 2, 0)",
        ("encoder.0: output height was (H+1)//2, is (H-1)//2", "its padding"),
    ),
    Edit(
        "padding of the decoder",
        UP,
        "nn.ConvTranspose2d(10, 3, 4, 2, 0)",
        ("decoder.2: output height was 4*((H+3)//4), is 4*((H+3)//4)+2; output width", "its padding", "constraint"),
    ),
    Edit(
        "output padding",
        UP,
        "nn.ConvTranspose2d(10, 3, 4, 2, 1, (0, 1))",
        ("decoder.2: output width was 4*((W+3)//4), is 4*((W+3)//4)+1; its padding, output padding or dilation",),
    ),
    Edit(
        "dilation",
        DOWN,
        "nn.Conv2d(3, 8, 3, 2, 1, 2)",
        ("encoder.0: output height was (H+1)//2, is (H-1)//2;", "padding or dilation"),
    ),
    Edit(
        "channels",
        "(3, 8, 3, 2, 1),\n            nn.ReLU(),\n            nn.Conv2d(8,",
        "(3, 9, 3, 2, 1),\n            nn.ReLU(),\n            nn.Conv2d(9,",
        ("encoder.0: channels out 8 -> 9",),
    ),
    Edit(
        "channels of the decoder",
        "10, 4, 2, 1),\n            nn.ReLU(),\n            nn.ConvTranspose2d(10,",
        "11, 4, 2, 1),\n            nn.ReLU(),\n            nn.ConvTranspose2d(11,",
        ("decoder.0: channels out 10 -> 11",),
    ),
    Edit(
        "channels of the picture",
        UP,
        "nn.ConvTranspose2d(10, 4, 4, 2, 1)",
        ("decoder.2: channels out 3 -> 4", "is never: axis 1 is 4"),
    ),
    Edit(
        "groups", "nn.Conv2d(8, 14, 3, 2, 1)", "nn.Conv2d(8, 14, 3, 2, 1, groups=2)", ("encoder.2: channels in 8 -> 4",)
    ),
    Edit(
        "latent size",
        "latents=6",
        "latents=5",
        ("latent 6 -> 5 (posterior, decoder input)", "to_mu: channels out 6 -> 5", "to_logvar: channels out 6 -> 5"),
    ),
    Edit(
        "dropped activation",
        "nn.ReLU(),\n            nn.Conv2d(8",
        "nn.Conv2d(8",
        ("encoder.1: removed: was ReLU", "encoder.{2..3}: renamed, is encoder.{1..2} (2 layers"),
    ),
    Edit("dropped last layer", "            nn.Sigmoid(),\n", "", ("decoder.3: removed: was Sigmoid",)),
    Edit(
        "dropped layer",
        "nn.Conv2d(8, 14, 3, 2, 1),\n            nn.ReLU(),\n",
        "",
        ("encoder.2: removed: was Conv2d", "encoder.3: removed: was ReLU", "is B 6 (H+1)//2 (W+1)//2"),
    ),
    Edit("added layer", "nn.Sigmoid(),", "nn.Sigmoid(),\n            nn.Identity(),", ("decoder.4: added: Identity",)),
    Edit(
        "inserted layer",
        DOWN + ",",
        DOWN + ",\n            nn.BatchNorm2d(8),",
        ("encoder.1: added: BatchNorm2d", "encoder.{1..3}: renamed, is encoder.{2..4} (3 layers"),
    ),
    Edit("other activation", "nn.Sigmoid()", "nn.Tanh()", ("decoder.3: type was Sigmoid, is Tanh",)),
    Edit("bias", DOWN, "nn.Conv2d(3, 8, 3, 2, 1, bias=False)", ("encoder.0: bias removed (float32[8])",)),
    Edit(
        "permuted picture",
        "self.decoder(self.widen(z))",
        "self.decoder(self.widen(z)).transpose(2, 3)",
        ("decode: output axes permuted: was [B 3 4*((H+3)//4) 4*((W+3)//4)], is [B 3 4*((W+3)//4) 4*((H+3)//4)]",),
    ),
    Edit(
        "permuted latents",
        "return self.to_mu(h), self.to_logvar(h)",
        "return self.to_mu(h).mT, self.to_logvar(h).mT",
        ("encode: output 1 axes permuted: was [B 6 (H+3)//4 (W+3)//4], is [B 6 (W+3)//4 (H+3)//4]",),
    ),
    Edit(
        "dtype of everything",
        "nn.Sigmoid(),\n        )",
        "nn.Sigmoid(),\n        )\n        self.double()",
        ("dtype was float32, is float64, in every entry",),
    ),
    Edit(
        "dtype of the picture",
        "self.decoder(self.widen(z))",
        "self.decoder(self.widen(z)).half()",
        ("decode: output dtype was float32, is float16",),
    ),
    Edit("renamed module", "self.decoder", "self.dec", ("decoder: renamed, is dec (4 layers, shapes unchanged)",)),
    Edit(
        "renamed module, one kernel",
        "self.decoder",
        "self.dec",
        ("decoder: renamed, is dec (3 layers, shapes unchanged)", "dec.2: kernel 4x4 -> 6x6"),
    ),
    Edit(
        "dropped output",
        ", self.kl(mu, logvar)\n",
        "\n",
        ("kl: removed (stage): was (float32[", "forward: output 4 removed (float32[B])"),
    ),
    Edit("renamed head", "self.to_mu", "self.to_mean", ("to_mu: renamed, is to_mean",)),
    Edit("renamed stage", "self.reparameterize", "self.draw", ("reparameterize: renamed, is draw",)),
    Edit("KL over all samples", ".sum(dim=(1, 2, 3))", ".sum()", ("kl: output was [B], is []",)),
    Edit("KL over the batch", ".sum(dim=(1, 2, 3))", ".sum(dim=(0, 2, 3))", ("kl: output axis 0 was B, is 6",)),
    Edit(
        "kept dimensions",
        ".sum(dim=(1, 2, 3))",
        ".sum(dim=(1, 2, 3), keepdim=True)",
        ("kl: output was [B], is [B 1 1 1]",),
    ),
    Edit(
        "latent returned",
        "return x_hat,",
        "return z,",
        ("forward: output 1 channels was 3, is 6; output 1 height was 4*((H+3)//4), is (H+3)//4;",),
    ),
    Edit(
        "added parameter",
        "        self.widen",
        "        self.scale = nn.Parameter(torch.ones(4))\n        self.widen",
        ("scale: added (parameter): float32[4]",),
    ),
    Edit(
        "added buffer",
        "        self.widen",
        '        self.register_buffer("mean", torch.ones(7))\n        self.widen',
        ("mean: added (buffer): float32[7]",),
    ),
)

# What a part is made of is the same, and stands elsewhere in it; tensors are the same, and returned otherwise.
EDITS += (
    Edit(
        "nested container",
        ENCODER,
        BLOCKS,
        ("encoder.{0..3}: regrouped, is encoder.{0..1}.{0..1} (4 layers, shapes unchanged)",),
    ),
    Edit(
        "nested container, one kernel",
        ENCODER,
        BLOCKS.replace(DOWN, "nn.Conv2d(3, 8, 5, 2, 2)"),
        (
            "encoder.{0..3}: regrouped, is encoder.{0..1}.{0..1} (3 layers, shapes unchanged)",
            "encoder.0.0: kernel 3x3 -> 5x5",
        ),
    ),
    Edit(
        "nested and renamed",
        f"self.encoder = {ENCODER}",
        f"self.down = {BLOCKS}",
        ("encoder.{0..3}: regrouped, is down.{0..1}.{0..1} (4 layers, shapes unchanged)",),
    ),
    Edit(
        "heads in containers",
        "nn.Conv2d(14, latents, 1)",
        "nn.Sequential(nn.Conv2d(14, latents, 1))",
        ("to_logvar, to_mu: regrouped, are to_logvar.0, to_mu.0 (2 layers, shapes unchanged)",),
    ),
    Edit(
        "container within another",
        f"self.encoder = {ENCODER}",
        f'self.parts = nn.ModuleDict({{"encoder": {ENCODER}}})',
        ("encoder: renamed, is parts.encoder (4 layers, shapes unchanged)",),
    ),
    Edit(
        "container taken apart",
        f"self.encoder = {ENCODER}",
        f"self.one, self.two, self.act = {DOWN}, nn.Conv2d(8, 14, 3, 2, 1), nn.ReLU()",
        ("encoder.{0..3}: regrouped, are act, act@2, one, two (4 layers, shapes unchanged)",),
    ),
    Edit(
        "mapping returned",
        "return x_hat, mu, logvar, self.kl(mu, logvar)",
        "return dict(x_hat=x_hat, mu=mu, logvar=logvar, kl=self.kl(mu, logvar))",
        ("forward: output was a tuple, is a mapping of x_hat, mu, logvar, kl",),
    ),
    Edit("list returned", HEADS, "return [self.to_mu(h), self.to_logvar(h)]", ("output was a tuple, is a list",)),
    Edit(
        "swapped heads",
        HEADS,
        "return self.to_logvar(h), self.to_mu(h)",
        ("encode: outputs 1 and 2 swapped: were those of to_mu and to_logvar, are those of to_logvar and to_mu",),
    ),
    Edit(
        "heads swapped at the call",
        "mu, logvar = self.encode(x)",
        "logvar, mu = self.encode(x)",
        ("forward: outputs 2 and 3 swapped: were those of to_mu and to_logvar",),
    ),
    Edit(
        "arguments swapped",
        "self.reparameterize(mu, logvar)",
        "self.reparameterize(logvar, mu)",
        ("reparameterize: inputs 1 and 2 swapped: were those of to_mu and to_logvar",),
    ),
    Edit(
        "one head twice",
        "return x_hat, mu, logvar,",
        "return x_hat, logvar, logvar,",
        ("forward: output 3 removed",),
    ),
)

HARMLESS = (
    Edit("clamped head", HEADS, "return self.to_mu(h), self.to_logvar(h).clamp(-30, 20)", ()),
    Edit("variable renamed", "std", "sigma", ()),
    Edit("comment", "        h = self.encoder(x)", "        # Features first.\n        h = self.encoder(x)", ()),
    Edit("docstring", "A small VAE on images of any size.", "A VAE.", ()),
    Edit(
        "argument renamed",
        "def decode(self, z):\n        return self.decoder(self.widen(z))",
        "def decode(self, code):\n        return self.decoder(self.widen(code))",
        (),
    ),
    Edit("keywords", DOWN, "nn.Conv2d(3, 8, kernel_size=3, stride=2, padding=1)", ()),
    Edit("formula rewritten", "torch.exp(0.5 * logvar)", "logvar.mul(0.5).exp()", ()),
    Edit(
        "default changed to a constant",
        "mu + std * torch.randn_like(std)",
        "torch.addcmul(mu, std, torch.randn_like(std))",
        (),
    ),
    Edit("steps written as one", "x_hat = self.decode(z)\n        return x_hat,", "return self.decode(z),", ()),
    Edit(
        "annotated",
        "def encode(self, x):",
        "def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:",
        (),
    ),
    Edit(
        "unused method", "    def forward", "    def sample(self, count):\n        return count\n\n    def forward", ()
    ),
    Edit(
        "list instead of arguments",
        "nn.Sequential(\n            nn.ConvT",
        "nn.Sequential(*[\n            nn.ConvT",
        (),
    ),
)


def reordered(source: str) -> str:
    """The methods of the class in the opposite order, which changes no shape."""
    head, *methods = source.split("    def ")
    return head + "".join(f"    def {method.rstrip()}\n\n" for method in reversed(methods))


def swapped_definitions(source: str) -> str:
    """Two assignments of the constructor in the other order, which changes no shape."""
    first, second = (
        "        self.to_mu = nn.Conv2d(14, latents, 1)\n",
        "        self.to_logvar = nn.Conv2d(14, latents, 1)\n",
    )
    return source.replace(first + second, second + first)


PER_SAMPLE = ".sum(dim=(1, 2, 3))"
# Wrong shapes by one edit of CHANNELS_LAST: what is written in place of what.
WRONG = {
    "KL over dim 0": (PER_SAMPLE, ".sum(dim=(0, 2, 3))"),
    "KL, missing dim": (PER_SAMPLE, ".sum()"),
    "KL, one axis too few": (PER_SAMPLE, ".sum(dim=(1, 2))"),
    "KL, keepdim": (PER_SAMPLE, ".sum(dim=(1, 2, 3), keepdim=True)"),
    "KL, squeeze": (PER_SAMPLE, PER_SAMPLE + ".squeeze()"),
    "swapped decoder arguments": (
        "self.decode(z, x.mean(dim=(1, 2, 3))[:, None, None, None])",
        "self.decode(x.mean(dim=(1, 2, 3))[:, None, None, None], z)",
    ),
    "decoder given x": ("self.decode(z, ", "self.decode(x, "),
    "view for permute": ("x.permute(0, 3, 1, 2)", "x.reshape(x.shape[0], x.shape[3], x.shape[1], x.shape[2])"),
    "wrong permute, picture": (".permute(0, 2, 3, 1)", ".permute(0, 3, 2, 1)"),
    "wrong permute, input": ("x.permute(0, 3, 1, 2)", "x.permute(0, 3, 2, 1)"),
    "missing permute": (".permute(0, 2, 3, 1)", ""),
    "first sample alone": ("return self.to_mu(h),", "return self.to_mu(h)[0],"),
    "broadcast logvar": ("self.to_logvar(h)", "self.to_logvar(h).mean(1, keepdim=True)"),
    "broadcast eps": ("torch.randn_like(std)", "torch.randn_like(std[:1])"),
    "flattened mu": ("return self.to_mu(h),", "return self.to_mu(h).flatten(1),"),
    "returning z": ("return x_hat, mu", "return z, mu"),
    "stride": ("nn.Conv2d(8, 14, 3, 2, 1)", "nn.Conv2d(8, 14, 3, 1, 1)"),
    "size of one head": ("self.to_logvar = nn.Conv2d(14, latents, 1)", "self.to_logvar = nn.Conv2d(14, 7, 1)"),
}
