"""Data that an option chooses: where the ranges of its choices differ, none of them is that of the data."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

MODEL = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 33), nn.Tanh())

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s

"""
CHOSEN = """
def loaders(options):
    if options.kind == "birds":
        steps = transforms.Compose([transforms.ToTensor(), {one}])
        held = DataLoader(datasets.ImageFolder(options.root, transform=steps), batch_size=32)
    else:
        steps = transforms.Compose([transforms.ToTensor(), {other}])
        held = DataLoader(datasets.ImageFolder(options.root, transform=steps), batch_size=32)
    return held


def fit(options, optimizer):
    net = Net()
    for x, _ in loaders(options):
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") + 0.5 * torch.sum(m ** 2 + s.exp() - s - 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
TOGETHER = """
def loaders(options):
    if options.kind == "birds":
        steps = transforms.Compose([transforms.ToTensor(), {one}])
    else:
        steps = transforms.Compose([transforms.RandomCrop(9), transforms.ToTensor(), {other}])
    return DataLoader(datasets.ImageFolder(options.root, transform=steps), batch_size=32)
"""
WIDE = "transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])"
EVEN = "transforms.Normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])"


@pytest.mark.parametrize(("one", "other", "expected"), [(WIDE, EVEN, []), (EVEN, WIDE, []), (WIDE, WIDE, ["VAE403"])])
def test_data_sets_that_an_option_chooses_lie_nowhere_where_they_differ(
    one: str, other: str, expected: list[str], tmp_path: Path
) -> None:
    head = HEAD + "from torchvision import datasets, transforms\n" + MODEL
    apart = CHOSEN.format(one=one, other=other)
    assert codes(linted(tmp_path / "a", {"net.py": head + apart})) == expected
    fit = apart[apart.index("\n\ndef fit") :]
    together = head + TOGETHER.format(one=one, other=other) + fit
    assert codes(linted(tmp_path / "b", {"net.py": together})) == expected


UNDER = {
    "appended": """
    steps = [transforms.ToTensor()]
    if options.normal:
        steps.append({step})""",
    "added": """
    steps = [transforms.ToTensor()]
    if options.normal:
        steps += [{step}]""",
    "in one of two lists": """
    steps = [transforms.ToTensor(), {step}] if options.normal else [transforms.ToTensor()]""",
    "spread": """
    steps = [transforms.ToTensor(), *([{step}] if options.normal else [])]""",
    "by its name": """
    known = {{"even": transforms.ToTensor(), "odd": transforms.Compose([transforms.ToTensor(), {step}])}}
    steps = [known[options.normal]]""",
}
LOADER = """
    return DataLoader(datasets.ImageFolder(options.root, transform=transforms.Compose(steps)), batch_size=32)
"""


@pytest.mark.parametrize("steps", UNDER.values(), ids=list(UNDER))
def test_a_step_under_an_option_leaves_data_open_where_it_moves_them(steps: str, tmp_path: Path) -> None:
    head = HEAD + "from torchvision import datasets, transforms\n" + MODEL.replace("Tanh", "Sigmoid")
    fit = CHOSEN[CHOSEN.index("\n\ndef fit") :]
    for step, expected in ((EVEN, set()), ("transforms.RandomHorizontalFlip()", {"VAE403"})):
        text = head + "\n\ndef loaders(options):" + steps.format(step=step) + LOADER + fit
        if expected:  # what lies in [-1, 1] whatever the option is
            text = text.replace("transforms.ToTensor()", f"transforms.Compose([transforms.ToTensor(), {EVEN}])")
        assert set(codes(linted(tmp_path, {"net.py": text}))) == expected


CHANNELS = (
    HEAD
    + """

class Decoder(nn.Module):
    def __init__(self, latents, channels=1):
        super().__init__()
        self.body = nn.ConvTranspose2d(latents, channels, 4)
        if channels == 1:
            self.end = nn.Sigmoid()
        else:
            self.end = {other}

    def forward(self, z):
        return self.end(self.body(z))


class Net(nn.Module):
    def __init__(self, options):
        super().__init__()
        settings = {"latents": 7}
        if options.name == "coloured":
            settings["channels"] = 3
        self.to_m, self.to_s, self.back = nn.Conv2d(3, 7, 4), nn.Conv2d(3, 7, 4), Decoder(**settings)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return F.binary_cross_entropy(y, x, reduction="sum") + kl
"""
)


@pytest.mark.parametrize("added", ["", "        else:\n            settings['channels'] = 1\n"])
def test_a_setting_that_a_branch_adds_to_a_dict_is_known_in_none(added: str, tmp_path: Path) -> None:
    text = CHANNELS.replace("        self.to_m,", f"{added}        self.to_m,")
    assert codes(linted(tmp_path / "right", {"net.py": text.replace("{other}", "nn.Sigmoid()")})) == []
    assert codes(linted(tmp_path / "one", {"net.py": text.replace("{other}", "nn.Identity()")})) == []
    wrong = text.replace("nn.Sigmoid()", "nn.Identity()").replace("{other}", "nn.Identity()")
    assert codes(linted(tmp_path / "wrong", {"net.py": wrong})) == ["VAE402"]


# ------------------------------------------------------------------------- folders with files of the same names

PICTURES = (
    HEAD
    + """from torchvision import datasets, transforms

STEPS = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.25))])


def digits(root):
    return DataLoader(datasets.ImageFolder(root, transform=STEPS), batch_size=32)
"""
)
TABLES = (
    HEAD
    + """

def digits(root):
    return DataLoader(torch.from_numpy(np.load(root)), batch_size=32)
"""
)
TRAINED = (
    HEAD
    + """from data import digits
from model import Net


def fit(root, optimizer):
    net = Net()
    for x in digits(root):
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") + 0.5 * torch.sum(m ** 2 + s.exp() - s - 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)


@pytest.mark.parametrize(("own", "expected"), [(TABLES, []), (PICTURES, ["VAE403"])])
def test_data_of_another_folder_with_the_same_names_are_no_models(
    own: str, expected: list[str], tmp_path: Path
) -> None:
    files = {
        "pictures/data.py": PICTURES,
        "pictures/train.py": HEAD + "from data import digits\n\nfor x, _ in digits('.'):\n    x.sum().backward()\n",
        "tables/data.py": own,
        "tables/model.py": HEAD + MODEL,
        "tables/train.py": TRAINED,
    }
    assert codes(linted(tmp_path, files)) == expected


OWN = """
class Shapes(Dataset):
    def __init__(self, path):
        held = torch.load(path)
        self.held = held / held.norm()

    def __getitem__(self, index):
        return self.held[index], 0


def shown(net):
    steps = transforms.Compose([transforms.ToTensor()])
    for x, _ in DataLoader(datasets.MNIST("data", transform=steps), batch_size=5):
        plt.imshow(x[0])


def fit(given, optimizer):
    net = Net()
    for x, _ in DataLoader({trained}, batch_size=32):
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") + 0.5 * torch.sum(m ** 2 + s.exp() - s - 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("trained", "expected"), [("Shapes('shapes.pt')", []), ("held('shapes.pt')", []), ("given", ["VAE403"])]
)
def test_pictures_that_are_shown_are_not_what_an_own_data_set_hands_out(
    trained: str, expected: list[str], tmp_path: Path
) -> None:
    head = HEAD + "from torchvision import datasets, transforms\nfrom stored import held\n" + MODEL
    assert codes(linted(tmp_path, {"net.py": head + OWN.format(trained=trained)})) == expected


@pytest.mark.parametrize(("shown", "expected"), [("y + x.mean(0, keepdim=True)", []), ("x - y", []), ("y", ["VAE403"])])
def test_what_is_added_to_the_data_has_no_range_of_its_own(shown: str, expected: list[str], tmp_path: Path) -> None:
    fit = CHOSEN[CHOSEN.index("\n\ndef fit") :].replace("F.mse_loss(y, x,", f"F.mse_loss({shown}, x,")
    loader = """

def loaders(options):
    return DataLoader(datasets.ImageFolder(options.root, transform=transforms.ToTensor()), batch_size=32)
"""
    text = HEAD + "from torchvision import datasets, transforms\n" + MODEL + loader + fit
    assert codes(linted(tmp_path, {"net.py": text})) == expected


READ = """

def even(picture):
    return 2 * transforms.ToTensor()(picture) - 1


class Even:
    def __call__(self, v):
        return 2 * v - 1


class Shapes(Dataset):
    def __init__(self, names, change):
        self.names, self.change = names, change

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        return self.change(Image.open(self.names[index]).convert("L")), 0


def loaders(options):
    if {asked}:
        change = {one}
    else:
        change = {other}
    return DataLoader(Shapes(["a.png"], change), batch_size=32)
"""
PLAIN = "transforms.ToTensor()"
LAMBDA = "transforms.Compose([transforms.ToTensor(), transforms.Lambda(lambda v: 2 * v - 1.0)])"
TURNED = "transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor()])"
MOVING = {
    "a lambda": LAMBDA,
    "a lambda before": "transforms.Compose([transforms.Lambda(even)])",
    "a list of functions": "transforms.Compose([transforms.ToTensor(), lambda v: 2 * v - 1.0])",
    "a step of the project": "transforms.Compose([transforms.ToTensor(), Even()])",
    "a function": "even",
    "statistics": f"transforms.Compose([transforms.ToTensor(), {EVEN}])",
}


def verdicts(
    folder: Path, one: str, other: str, end: str, asked: str = "options.even", read: str = READ
) -> tuple[set[str], set[str]]:
    """The codes about ranges that are named, and those that are called clean."""
    head = HEAD + "from PIL import Image\nfrom torchvision import datasets, transforms\n" + MODEL.replace("Tanh", end)
    loader = read.format(one=one, other=other, asked=asked)
    report = linted(folder, {"net.py": head + loader + CHOSEN[CHOSEN.index("\n\ndef fit") :]})
    ranges = {"VAE104", "VAE403"}
    return ranges & {*codes(report)}, ranges & {code for each in report.vaes for code in each.clean}


@pytest.mark.parametrize("moving", MOVING.values(), ids=MOVING)
@pytest.mark.parametrize("end", ["Tanh", "Sigmoid"])
def test_of_two_ways_to_read_pictures_neither_is_the_one(moving: str, end: str, tmp_path: Path) -> None:
    for folder, (one, other) in {"a": (moving, PLAIN), "b": (PLAIN, moving)}.items():
        assert verdicts(tmp_path / folder, one, other, end) == (set(), set())


def test_two_ways_to_read_pictures_that_agree_are_judged(tmp_path: Path) -> None:
    named, clean = verdicts(tmp_path / "a", PLAIN, TURNED, "Tanh")
    assert (named, clean & {"VAE403"}) == ({"VAE403"}, set())
    assert "VAE403" in verdicts(tmp_path / "b", PLAIN, TURNED, "Sigmoid")[1]
    assert "VAE403" in verdicts(tmp_path / "c", LAMBDA, LAMBDA, "Sigmoid")[0]
    assert "VAE403" in verdicts(tmp_path / "d", LAMBDA, LAMBDA, "Tanh")[1]
    # What is chosen by what is written is known.
    assert "VAE403" in verdicts(tmp_path / "e", PLAIN, LAMBDA, "Tanh", asked="len('abc') == 3")[0]


@pytest.mark.parametrize("step", ["transforms.Lambda(lambda v: 2 * v - 1.0)", "lambda v: 2 * v - 1.0", "Even()"])
@pytest.mark.parametrize("end", ["Tanh", "Sigmoid"])
def test_a_function_that_is_added_under_an_option_leaves_data_open(step: str, end: str, tmp_path: Path) -> None:
    added = f"steps + [{step}]"
    appended = f"steps\n        steps.append({step})"
    ways = {"a": (added, "steps"), "b": ("steps", added), "c": (appended, "steps"), "d": ("steps", appended)}
    read = READ.replace("    if {asked}", "    steps = [transforms.ToTensor()]\n    if {asked}")
    read = read.replace("    return DataLoader", "    change = transforms.Compose(change)\n    return DataLoader")
    for folder, (one, other) in ways.items():
        assert verdicts(tmp_path / folder, one, other, end, read=read) == (set(), set())
    # The list without it is read.
    judged = ({"VAE403"}, {"VAE104"}) if end == "Tanh" else (set(), {"VAE104", "VAE403"})
    assert verdicts(tmp_path / "e", "steps", "steps", end, read=read) == judged


@pytest.mark.parametrize("end", ["Tanh", "Sigmoid"])
def test_lists_of_steps_that_begin_apart_leave_data_open(end: str, tmp_path: Path) -> None:
    turned = "transforms.RandomHorizontalFlip()"
    short, long = f"[{PLAIN}, {EVEN}]", f"[transforms.Resize(9), {turned}, {PLAIN}]"
    for folder, (one, other) in {"a": (short, long), "b": (long, short)}.items():
        both = verdicts(tmp_path / folder, f"transforms.Compose({one} if options.far else {other})", PLAIN, end, "True")
        assert both == (set(), set())
    alike = f"transforms.Compose([{turned}, {PLAIN}] if options.far else {long})"
    assert ("VAE403" in verdicts(tmp_path / "c", alike, PLAIN, end, "True")[0]) is (end == "Tanh")


# -------------------------------------------------------------------------------------- at random, and by arguments

LOADED = (
    HEAD
    + "import sys\nfrom torchvision import datasets, transforms\n"
    + MODEL.replace("Tanh", "Sigmoid")
    + "\n\ndef loaders(options):\n    {steps}\n"
    + "    return DataLoader(datasets.ImageFolder(options.root, transform=steps), batch_size=32)\n"
    + CHOSEN[CHOSEN.index("\n\ndef fit") :]
)
RANDOM = "steps = transforms.Compose([transforms.ToTensor(), transforms.{random}])"
FLIPS = "[transforms.RandomHorizontalFlip(), transforms.RandomVerticalFlip()]"
ALWAYS = {
    "flips that may be left out": f"RandomApply({FLIPS}, p=0.3)",
    "one of two flips": f"RandomChoice({FLIPS})",
    "flips of modules": f"RandomApply(torch.nn.ModuleList({FLIPS}))",
    "a function that turns": "RandomApply([transforms.Lambda(lambda v: v.flip(-1))])",
    "a function that stays inside": "RandomApply([transforms.Lambda(lambda v: 1 - v)])",
}
AT_TIMES = {
    "statistics that may be left out": f"RandomApply([{EVEN}], p=0.3)",
    "by a name": f"RandomApply(transforms=[{EVEN}])",
    "statistics of modules": f"RandomApply(torch.nn.ModuleList([{EVEN}]))",
    "what was not read": "RandomApply(sys.argv)",
    "a pipeline that may be left out": f"RandomApply([transforms.Compose([{EVEN}])])",
    "statistics or a flip": f"RandomChoice([{EVEN}, transforms.RandomHorizontalFlip()])",
    "a function that may be left out": "RandomApply([transforms.Lambda(lambda v: 2 * v - 1)])",
    "noise": "RandomApply([transforms.Lambda(lambda v: v + torch.randn_like(v))])",
}
TWO = f"transforms.ToTensor(), transforms.Compose([transforms.ToTensor(), {EVEN}])"
BY_ARGUMENTS = {
    "of a dict": "steps = dict(zip('ab', [{two}]))[sys.argv[1]]",
    "of a dict that is written": "steps = {{'a': {one}, 'b': {other}}}[sys.argv[1]]",
    "asked of a dict": "known = {{'b': {other}, 'a': {one}}}; steps = known.get(sys.argv[1])",
    "of a list": "steps = [{two}][int(sys.argv[1])]",
    "of a list by an option": "steps = [{two}][options.kind]",
}


def ranges(folder: Path, steps: str) -> tuple[set[str], set[str]]:
    report = linted(folder, {"net.py": LOADED.replace("{steps}", steps)})
    wanted = {"VAE104", "VAE403"}
    return wanted & {*codes(report)}, wanted & {code for each in report.vaes for code in each.clean}


@pytest.mark.parametrize("random", ALWAYS.values(), ids=ALWAYS)
def test_what_leaves_pictures_where_they_are_may_be_left_out(random: str, tmp_path: Path) -> None:
    assert ranges(tmp_path, RANDOM.format(random=random)) == (set(), {"VAE104", "VAE403"})


@pytest.mark.parametrize("random", AT_TIMES.values(), ids=AT_TIMES)
def test_what_moves_some_pictures_leaves_their_range_open(random: str, tmp_path: Path) -> None:
    assert ranges(tmp_path, RANDOM.format(random=random)) == (set(), set())


@pytest.mark.parametrize("random", [f"RandomChoice([{EVEN}, {EVEN}])", f"Compose([{EVEN}])"])
def test_what_moves_all_pictures_is_named(random: str, tmp_path: Path) -> None:
    assert ranges(tmp_path, RANDOM.format(random=random))[0] == {"VAE403"}


@pytest.mark.parametrize("steps", BY_ARGUMENTS.values(), ids=BY_ARGUMENTS)
def test_steps_that_an_argument_chooses_are_judged_where_they_agree(steps: str, tmp_path: Path) -> None:
    moved, plain = TWO[TWO.index("transforms.Compose") :], "transforms.ToTensor()"
    for folder, one, other, expected in (
        ("apart", plain, moved, set()),
        ("moved", moved, moved, {"VAE403"}),
    ):
        written = steps.format(one=one, other=other, two=f"{one}, {other}")
        assert ranges(tmp_path / folder, written)[0] == expected
        assert folder == "moved" or not ranges(tmp_path / folder, written)[1]
