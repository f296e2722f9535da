"""Models of public repositories: which commit of which, and how each is built.

Nothing of theirs is here: a recipe names what to import from a checkout and what to call.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import pathlib
import sys
import types
from typing import Any


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one model is built: the definitions of the checkout's `sources` are executed, then `call` is evaluated."""

    repository: str
    commit: str
    sources: str | tuple[str, ...]
    call: str
    takes: str
    before: str = ""
    cells: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The name in tables."""
        return self.repository

    def build(self, folder: str, seed: int) -> Any:
        """The model from the checkout below `folder`; raises what the repository's code raises."""
        import torch

        root = pathlib.Path(folder) / self.repository.replace("/", "__") / self.commit
        paths = [root / source for source in ([self.sources] if isinstance(self.sources, str) else self.sources)]
        sys.path[:0] = [str(root), *(str(folder) for path in paths for folder in (path.parent, path.parent.parent))]
        module = types.ModuleType("zoo_model")
        # A dataclass looks its module up.
        sys.modules[module.__name__] = module
        names = module.__dict__
        names["ROOT"] = root
        exec(f"import torch, types\nfrom torch import nn\n{self.before}", names)  # noqa: S102  a recipe of this file
        for path in paths:
            for text in self.texts(path):
                exec(compile(definitions(text), str(path), "exec"), names)  # noqa: S102  the caller asked for this code
        torch.manual_seed(seed)
        return eval(self.call, names)  # noqa: S307  a recipe of this file

    def texts(self, path: pathlib.Path) -> list[str]:
        """The source text: a file's, or that of the notebook's cells asked for."""
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".ipynb":
            # A notebook that was exported may have kept its magics.
            return ["\n".join(line for line in text.splitlines() if line[:1] not in "%!")]
        cells = json.loads(text)["cells"]
        chosen = self.cells or tuple(range(len(cells)))
        sources = ("".join(cells[number]["source"]) for number in chosen if cells[number]["cell_type"] == "code")
        return ["\n".join(line for line in source.splitlines() if line[:1] not in "%!") for source in sources]

    def inputs(self) -> Any:
        """The specification, or the tensors of a model that takes several."""
        import torch

        torch.manual_seed(1)
        return eval(self.takes, {"torch": torch}) if "torch" in self.takes else self.takes  # noqa: S307  of this file


def definitions(text: str) -> ast.Module:
    """A file's imports, functions, classes and constants: what defines a model, without the training beside it.

    An import that fails is passed over: most are of data sets and plots.
    """
    body: list[ast.stmt] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            body.insert(0, node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            passed = ast.ExceptHandler(type=ast.Name("Exception", ast.Load()), name=None, body=[ast.Pass()])
            body.append(ast.Try(body=[node], handlers=[passed], orelse=[], finalbody=[]))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) or is_constant(node):
            body.append(node)
    return ast.fix_missing_locations(ast.Module(body=body, type_ignores=[]))


def is_constant(node: ast.stmt) -> bool:
    """Whether a statement binds a name to a value that needs no call."""
    if not isinstance(node, ast.Assign) or not all(isinstance(target, ast.Name) for target in node.targets):
        return False
    return not any(isinstance(part, ast.Call | ast.Attribute | ast.Subscript) for part in ast.walk(node.value))


MNIST = "B 1 28 28"
DIGITS = "B 784"
RECIPES: tuple[Recipe, ...] = (
    Recipe("Abhranta/Conv-VAE", "a9e5c6578e", "VAE_full.py", "convVAE(32)", "B 3 64 64"),
    Recipe("adijo/svhn-conv-vae", "7c24437227", "vae.py", "VAE('cpu', z_dim=100)", "B 3 32 32"),
    Recipe("AharenDaisuki/VAE-CVAE-MNIST", "4ea3a33c71", "models.py", "VAE([784, 256], 2, [256, 784])", MNIST),
    Recipe("alexlinapp/beta-vae", "2e37124ddd", "model.py", "VAE(10, MLPEncoder(10), MLPDecoder(10))", "B 64 64"),
    Recipe("alokamgnaneswarasai/VAE-pytorch", "b99aeb513c", "model.py", "VAE(128, 64)", "B 3 64 64"),
    Recipe("amplifilo/Beta-VAE", "15a11d87cf", "model.py", "BetaVAE_B(10, 1)", "B 1 64 64"),
    Recipe(
        "AngshulMajumdar/Bandlet-Variational-Autoencoder",
        "de93ed80c4",
        "bandlet_vae_smoke.py",
        "BandletVAE(BandletVAEConfig(image_size=32, latent_dim=64, encoder_hidden_dims=(128, 64), "
        "decoder_hidden_dims=(64, 128), bandlet=BandletConfig(levels=2, block_size=8, auto_normalize_uint8=False, "
        "device='cpu'), output_activation='identity'))",
        "B 1 32 32",
        before="from bandlet_vae import BandletVAE, BandletVAEConfig\nfrom bandlet_tf import BandletConfig",
    ),
    Recipe("aniket-agarwal1999/VAE-Pytorch", "ff277cb0d2", "Variational Autoencoders.ipynb", "Net(8)", MNIST),
    Recipe(
        "AntixK/PyTorch-VAE",
        "a6896b944c",
        ("models/types_.py", "models/base.py", "models/vanilla_vae.py"),
        "VanillaVAE(3, 128)",
        "B 3 64 64",
    ),
    Recipe("ArmoredP1g/VAE-Pytorch_recomment", "8d56a467b3", "convVAE.py", "ConvVAE(1, 20)", MNIST),
    Recipe(
        "ArthurZakirov/Variational-Autoencoder",
        "cdc630fb95",
        "Autoencoder_MNIST/Autoencoder.py",
        "CNN_VAE(28, [3, 3, 7], [1, 32, 64, 128], [2, 2, 2], [1, 1, 0], 128, 128)",
        MNIST,
    ),
    Recipe(
        "austinbdill/vae-mnist", "4f1494b74f", "models.py", "VariationalAutoencoder(784, 128, 32, 'vae', 'cpu')", MNIST
    ),
    Recipe(
        "chendaichao/VAE-pytorch",
        "1525d635ad",
        "Models/VAE/model.py",
        "VAE((1, 28, 28), nhid=4)",
        MNIST,
        before="device = 'cpu'",
    ),
    Recipe("ChiWanZi1898/Beta-VAE-Super-Resolution", "8fb09c525a", "model.py", "BetaVAE_H()", "B 3 240 360"),
    Recipe("ctxnn/vae-pytorch", "c0d5e4d1df", "vae_pytorch.ipynb", "VAE(latent_dim=64)", MNIST),
    Recipe("ericflip/vae-mnist", "7113e6f0ee", "model.py", "MNISTVAE(2)", MNIST),
    Recipe("ethanluoyc/pytorch-vae", "d0f457ead0", "vae.py", "VAE(Encoder(784, 512, 8), Decoder(8, 512, 784))", DIGITS),
    Recipe(
        "fvmassoli/variational-autoencoders",
        "bbb2c94a68",
        "models/vae.py",
        "VAE(512, 100, 3, False, 0, torch.device('cpu'))",
        "B 3 32 32",
    ),
    Recipe(
        "hacknseek/VAE-CVAE-MNIST",
        "9e619beb7c",
        "mymodels.py",
        "VAE(20, 10, 1, 28)",
        "(torch.rand(5, 1, 28, 28), torch.arange(5))",
    ),
    Recipe("HaoRan-hash/VAE-CVAE-MNIST", "5ead48e924", "models.py", "VAE([784, 256], 2, [256, 784])", MNIST),
    Recipe(
        "Haruka-Miyoshi/VAE-pytorch",
        "15f4ef53bc",
        ("vae/Encoder.py", "vae/Decoder.py", "vae/Model.py"),
        "Model(784, 200, 20)",
        DIGITS,
    ),
    Recipe(
        "howardlau1999/mnist-vae-pytorch",
        "a6e3c8eb49",
        "cvae.py",
        "MNISTCVAE(MLPEncoder(), MLPDecoder(latent_dim=3), VAEParameters(256, 3))",
        "(torch.rand(5, 1, 28, 28), torch.eye(10)[:5])",
        before="from encoder import MLPEncoder\nfrom decoder import MLPDecoder",
    ),
    Recipe("imraunav/VAE-MNIST", "7cb450795c", "model.py", "VariationalAutoEncoder(784, 200, 20)", DIGITS),
    Recipe("ivoryRabbit/mvae-pytorch", "d19848c449", "src/model.py", "MVAE(100, 16)", "B 100"),
    Recipe(
        "Jackson-Kang/Pytorch-VAE-tutorial",
        "ae227c560e",
        "01_Variational_AutoEncoder.ipynb",
        "Model(Encoder(784, 400, 200), Decoder(200, 400, 784))",
        DIGITS,
        before="DEVICE = 'cpu'",
        cells=(6, 7, 8),
    ),
    Recipe("jonathanhestroffer/vae-mnist", "fa7ee96f3c", "model.py", "VAE(1, 10)", MNIST),
    Recipe(
        "Khvyts-Taras/Pytorch-VAE", "e23a913787", "code/main.py", "VAE(150)", "B 3 128 128", before="device = 'cpu'"
    ),
    Recipe(
        "kiritonfan/An-interpretable-causal-variational-autoencoder",
        "54bc44728a",
        "An interpretable causal variational autoencoder/research/ICVAE/codebase/models/mask_vae.py",
        "CausalVAE(z_dim=39, z1_dim=3, z2_dim=39)",
        "(torch.randn(16, 39), torch.rand(16, 3))",
    ),
    Recipe("mcanacer/Pytorch-VAE", "a9b0efd1e2", "model.py", "VAE(128)", "B 3 96 96"),
    Recipe(
        "MPCL5/PyTorch-VaED",
        "65a10bb713",
        ("src/model/encoder.py", "src/model/decoder.py", "src/model/vaed.py"),
        "VaED(Encoder(nn.Sequential(nn.Linear(784, 20), nn.ReLU())), "
        "Decoder(nn.Sequential(nn.Linear(10, 784), nn.Sigmoid())), 10, 10, 0.9)",
        DIGITS,
    ),
    Recipe(
        "mushfique-tajwar/Variational-Autoencoders-Hybrid-Music-Clustering",
        "318a652a83",
        "src/models.py",
        "MLPVAE(64, 16)",
        "B 64",
    ),
    Recipe(
        "Ogunleyemma1/Fault-Detection-with-Temporal-Variational-AutoEncoder",
        "4db3abbfe3",
        "1_DOF/VAE/temporal_vae.py",
        "VAE(3, 3)",
        "B 3",
    ),
    Recipe(
        "onnga-wasabi/pytorch-vae",
        "f257489da1",
        "modules/networks.py",
        "VAE(types.SimpleNamespace(model=types.SimpleNamespace(latent_dim=20)))",
        DIGITS,
        before="Config = object",
    ),
    Recipe("podgorskiy/VAE", "ee907bc966", "net.py", "VAE(zsize=512, layer_count=5)", "B 3 128 128"),
    Recipe("Prasanna1991/pytorch-vae", "69d3b1b76c", "vae.py", "VAE()", "(torch.rand(64, 784),)"),
    Recipe(
        "rShar01/Imputation-Variational-Autoencoder", "8b73cef3ce", "auto_encoder.py", "AutoEncoder(29, 10)", "B 29"
    ),
    Recipe("sinhasam/vaal", "395da2e711", "model.py", "VAE(32, 3)", "B 3 32 32"),
    Recipe("sksq96/pytorch-vae", "14ce22796f", "vae.py", "VAE(image_channels=3)", "B 3 64 64"),
    Recipe(
        "SUNGBEOMCHOI/pytorch-VAE-MNIST",
        "6df08f4159",
        ("utils.py", "models.py"),
        "Model(yaml.safe_load(open(ROOT / 'config/config.yaml'))['model'])",
        MNIST,
        before="import yaml",
    ),
    Recipe(
        "tappyness1/variational-autoencoder",
        "1d1b030a8d",
        "src/model.py",
        "VAE({'dataset': {'dataset': 'MNIST'}})",
        MNIST,
    ),
    Recipe(
        "unnir/cVAE",
        "8451c61770",
        "cvae.py",
        "CVAE(784, 20, 10)",
        "(torch.rand(5, 784), torch.eye(10)[:5])",
        before="device = 'cpu'",
    ),
    Recipe(
        "wohlert/semi-supervised-pytorch",
        "7cde495946",
        (
            "semi-supervised/inference/distributions.py",
            "semi-supervised/layers/stochastic.py",
            "semi-supervised/models/vae.py",
        ),
        "VariationalAutoencoder([784, 32, [256, 128]])",
        DIGITS,
    ),
    Recipe(
        "zfjsail/gae-pytorch",
        "c0b95cac8e",
        "gae/model.py",
        "GCNModelVAE(10, 8, 4, 0.0)",
        "(torch.rand(20, 10), torch.eye(20))",
    ),
    Recipe(
        "Zyffff999/CAVAD-Correlation-aware-Variational-Autoencoder-for-Zero-day-attack-detection",
        "863fb8efb8",
        ("model/packet.py", "model/vae.py"),
        "CorrelatedGaussianVAE(32, 'diagonal')",
        "(torch.randint(0, 256, (2, 16, 256)),)",
    ),
)
