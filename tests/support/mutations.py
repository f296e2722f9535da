"""Small changes to the text of a module, of the kinds that editors, disks and hands make, and worse."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Mutation = Callable[[str, random.Random], str | bytes]
TOKENS = (
    "( ) [ ] { } , : ; . -> := = == += * ** @ / // % - ~ lambda yield await async def class return if else elif for "
    "while in is not and or del with as try except finally raise global nonlocal import from pass break match case "
    "None True self torch F nn x mu logvar 0 1 -1 1e400 0x_ 'text' f'{x}' b'' ... # \\ \t \f \ufeff \u03c3 \U0001f600"
).split(" ")


def truncated(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text))]


def reindented(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(chance.randrange(1, 4)):
        index = chance.randrange(len(lines))
        lines[index] = chance.choice((" ", "    ", "\t", "")) + lines[index].lstrip(" " * chance.randrange(2))
    return "\n".join(lines)


def with_tokens(text: str, chance: random.Random) -> str:
    for _ in range(chance.randrange(1, 6)):
        index = chance.randrange(len(text))
        text = f"{text[:index]} {chance.choice(TOKENS)} {text[index + chance.randrange(4) :]}"
    return text


def with_words_swapped(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    for _ in range(chance.randrange(1, 8)):
        one, other = chance.randrange(len(words)), chance.randrange(len(words))
        words[one], words[other] = words[other], words[one]
    return " ".join(words)


def with_lines_moved(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(chance.randrange(1, 6)):
        lines.insert(chance.randrange(len(lines)), lines.pop(chance.randrange(len(lines))))
    return "\n".join(lines)


def with_names_merged(text: str, chance: random.Random) -> str:
    """Two names become one: arguments meet what they were not made for, functions call themselves."""
    names = ["x", "mu", "logvar", "std", "eps", "z", "h", "recon", "kl", "loss_function", "VAE", "self", "torch", "F"]
    one, other = chance.sample(names, 2)
    return text.replace(one, other)


def with_expression_swapped(text: str, chance: random.Random) -> str:
    pieces = ["mu", "(lambda x: x(x))", "[x for x in x]", "{**x}", "x[...]", "x[1:2, None]", "super()", "VAE()", "-x",
              "self", "(yield)", "1 / 0", "10 ** 400", "'a' * 10**9", "[0] * 10**9", "range(10**12)", "x @ x",
              "nn.Sequential(*[nn.Linear(1, 1)] * 1000)", "VAE.forward", "type(x)", "x.x.x.x.x",
              "x()()()", "not x"]  # fmt: skip
    old = chance.choice(["logvar.exp()", "mu.pow(2)", "std", "logvar", "self.encoder(x)", "x", "1", "0.5", "dim=1"])
    return text.replace(old, chance.choice(pieces), chance.randrange(1, 4))


def nested(text: str, chance: random.Random) -> str:
    depth = chance.choice((30, 90, 300, 3000))
    opening, closing = chance.choice(
        (("(", ")"), ("[", "]"), ("torch.exp(", ")"), ("-", ""), ("x + ", ""), ("x.y(", ")"))
    )
    return text.replace("logvar.exp()", f"{opening * depth}logvar{closing * depth}", 1)


def nested_blocks(text: str, chance: random.Random) -> str:
    depth = chance.choice((10, 60, 95))
    blocks = "".join(
        f"{' ' * level}{chance.choice(('if x:', 'for x in x:', 'while x:', 'def f(x):'))}\n" for level in range(depth)
    )
    return f"{text}\n{blocks}{' ' * depth}x = torch.randn(3).exp()\n"


def with_bytes(text: str, chance: random.Random) -> bytes:
    data = bytearray(text.encode())
    for _ in range(chance.randrange(1, 5)):
        data[chance.randrange(len(data))] = chance.choice((0, 9, 12, 13, 0x80, 0xFF, chance.randrange(256)))
    return bytes(data)


def encoded(text: str, chance: random.Random) -> bytes:
    return text.encode(chance.choice(("utf-16", "utf-32", "utf-8-sig", "cp500", "utf-7")), errors="replace")


def misdeclared(text: str, chance: random.Random) -> bytes:
    """A coding line that names another encoding than the text has, or none that exists."""
    names = ("latin-1", "utf-16", "utf-8", "cp1252", "rot13", "hex", "idna", "punycode", "no-such-codec", "a" * 300)
    line = f"# -*- coding: {chance.choice(names)} -*-  é ß 中\n"
    return (line + text).encode(chance.choice(("utf-8", "utf-8-sig", "utf-16", "cp1252")), errors="replace")


def with_line_ends(text: str, chance: random.Random) -> str:
    """What some readers take for the end of a line, and others not, whole or here and there."""
    end = chance.choice(("\r\n", "\r", "\f", "\f\n", "\v", "\x1c", "\x85", "\u2028", "\\\n", "\n\r\n", "\ufeff\n"))
    often = chance.choice((1.0, 0.1))
    return "".join(end if char == "\n" and chance.random() < often else char for char in text)


MUTATIONS = (truncated, reindented, with_tokens, with_words_swapped, with_lines_moved, with_names_merged,
             with_expression_swapped, nested, nested_blocks, with_line_ends, with_bytes, encoded,
             misdeclared)  # fmt: skip


def mutated(text: str, mutations: Sequence[Mutation], seed: int) -> bytes:
    """The text after the mutations, up to the first that leaves bytes."""
    chance = random.Random(seed)  # noqa: S311  mutations, no secret
    result: str | bytes = text
    for mutation in mutations:
        if isinstance(result, bytes) or not result:
            break
        result = mutation(result, chance)
    return result.encode(errors="surrogatepass") if isinstance(result, str) else result
