"""What was measured of the methods: kept as JSON, shown in the docs, and told by the zoo."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from _page import DOCS, put

from isn import zoo
from isn.baselines import BASELINES
from isn.evaluation import published
from isn.evaluation.methods import Contender

ROOT = DOCS.parent
DATA = DOCS / "results" / "quality.json"
PAGE = DATA.with_suffix(".md")
README = ROOT / "README.md"
TABLE = ROOT / "src" / "isn" / "zoo" / "figures.toml"
BEGIN, END = (f"<!-- {each}: benchmarks/methods.py -->" for each in ("begin", "end"))
SHORT = tuple(f"<!-- {each}: benchmarks/methods.py readme -->" for each in ("begin", "end"))

FAMILIES = ("photos", "avif", "isn-", "paper-")
"""Rows of the README: methods whose names begin so."""

PAPER = {"imagenet": published.IMAGENET, "paris": published.PARIS}
"""What the paper calls a domain of ours."""

Row = dict[str, Any]


def store(crop: int, contender: Contender, rows: list[Row], times: Mapping[str, Any]) -> None:
    """Keeps what was measured of one method, and writes all tables anew."""
    kept = json.loads(DATA.read_text("utf-8")) if DATA.exists() else {"rows": [], "cost": {}}
    if kept.get("crop", crop) != crop:
        kept = {"rows": [], "cost": {}}
    # Figures of weights that are shipped no more are of something else.
    shipped = {each.name: each.fingerprint.hex() for each in zoo.entries()}
    others = [
        each
        for each in kept["rows"]
        if each["method"] != contender.name
        and (each["method"] in BASELINES or each["fingerprint"] == shipped.get(each["method"]))
    ]
    names = {contender.name, *(each["method"] for each in others)}
    cost = {name: each for name, each in kept["cost"].items() if name in names}
    cost[contender.name] = {**cost.get(contender.name, {}), **times}
    found = {"crop": crop, "rows": [*others, *rows], "cost": cost}
    _write(DATA, json.dumps(found, indent=1, sort_keys=True) + "\n")
    put(PAGE, BEGIN, END, page(found))
    put(README, *SHORT, short(found))
    table = tomllib.loads(TABLE.read_text("utf-8"))
    told = {name: figures(found, name) or table.get(name, {}) for name in shipped}
    _write(TABLE, toml({name: each for name, each in told.items() if each}))


def spread(side: Mapping[str, Mapping[str, float]], key: str = "psnr", digits: int = 1) -> str:
    """Mean and deviation of a metric; – where nothing came back."""
    if not side:
        return "–"
    return f"{side[key]['mean']:.{digits}f} ± {side[key]['deviation']:.{digits}f}"


def page(found: Mapping[str, Any]) -> str:
    """A table for each domain."""
    parts = []
    for domain in domains(found):
        rows = [each for each in found["rows"] if each["domain"] == domain]
        rows.sort(key=lambda each: (each["count"], _place(each["method"]), each["method"]))
        lines = [_line(each) for each in rows]
        lines += [
            (
                f"the paper{', read off its Fig. 6' if each.read_off else ''}",
                *(each.images, "–", each.container, "–", "–", "–", each.revealed, "–", "–"),
            )
            for each in published.ISN
            if each.domain == PAPER.get(domain)
        ]
        head = ("method", "images", "hosts", "container", "worst", "SSIM")
        head += ("revealed images", "revealed", "worst", "SSIM")
        side = found["crop"]
        parts.append(f"## {domain}, {side} x {side}\n\n{_markdown(head, lines)}")
    return "\n\n".join(parts)


def short(found: Mapping[str, Any]) -> str:
    """The README's table: one domain, container / revealed by the number of images."""
    domain = _main(found)
    rows = [each for each in found["rows"] if each["domain"] == domain]
    counts = sorted({each["count"] for each in rows})
    lines = []
    for family in FAMILIES:
        mine = {
            each["count"]: f"{each['container']['psnr']['mean']:.1f} / "
            f"{each['revealed']['psnr']['mean']:.1f}"
            for each in rows
            if each["method"].startswith(family)
            and each["revealed"]
            and (family.endswith("-") or each["method"] == family)
        }
        if mine:
            name = f"`{family}N`" if family.endswith("-") else f"`{family}`"
            lines.append((name, *(mine.get(count, "–") for count in counts)))
    theirs = {
        each.images: f"{each.container} / {each.revealed}"
        for each in published.ISN
        if each.domain == PAPER.get(domain)
    }
    lines.append(("the paper", *(theirs.get(count, "–") for count in counts)))
    hosts = max(each["groups"] for each in rows)
    head = (f"{domain}, {hosts} hosts", *(f"{n} image{'s' * (n > 1)}" for n in counts))
    return _markdown(head, lines)


def figures(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What the zoo tells of a method: PSNR by number of images, and by domain; its cost."""
    told: dict[str, Any] = dict(found["cost"].get(name, {}))
    for row in found["rows"]:
        if row["method"] != name:
            continue
        mine = told.setdefault(str(row["count"]), {})
        sides = {side: row[side]["psnr"] for side in ("container", "revealed") if row[side]}
        if row["domain"] == _main(found):
            mine |= {side: round(psnr["mean"], 2) for side, psnr in sides.items()}
        mine[row["domain"]] = {"hosts": row["groups"], "lost": row["lost"]} | {
            f"{side}{'' if key == 'mean' else f'_{key}'}": round(psnr[key], 2)
            for side, psnr in sides.items()
            for key in ("mean", "deviation", "worst")
        }
    return told


def toml(table: Mapping[str, Any]) -> str:
    """Tables within tables as text; a value is a string, a number or a list, as in JSON."""
    return "\n".join(_toml(table, ())).lstrip("\n") + "\n"


def _toml(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    plain = {key: each for key, each in table.items() if not isinstance(each, dict)}
    if plain:
        yield f"\n[{'.'.join(map(_key, path))}]"
        yield from (f"{_key(key)} = {json.dumps(each)}" for key, each in plain.items())
    for key, each in table.items():
        if isinstance(each, dict):
            yield from _toml(each, (*path, key))


def _key(key: str) -> str:
    return key if key.isidentifier() and key.isascii() else json.dumps(key)


def domains(found: Mapping[str, Any]) -> list[str]:
    """In the order in which they were measured."""
    return list(dict.fromkeys(each["domain"] for each in found["rows"]))


def _main(found: Mapping[str, Any]) -> str:
    """The domain that stands for a method where there is room for one."""
    names = domains(found)
    return "imagenet" if "imagenet" in names else names[0]


def _place(name: str) -> int:
    known = [each.name for each in zoo.entries()]
    return known.index(name) if name in known else len(known)


def _line(row: Row) -> tuple[Any, ...]:
    cells: list[Any] = [f"`{row['method']}`", row["count"], row["groups"]]
    for name in ("container", "revealed"):
        side = row[name]
        if name == "revealed":
            cells.append(side["psnr"]["images"] if side else 0)
        worst = f"{side['psnr']['worst']:.1f}" if side else "–"
        cells += [spread(side), worst, spread(side, "ssim", 3)]
    return tuple(cells)


def _markdown(head: tuple[str, ...], lines: list[tuple[Any, ...]]) -> str:
    rule = (":--", *["--:"] * (len(head) - 1))
    return "\n".join(f"| {' | '.join(map(str, each))} |" for each in (head, rule, *lines))


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, "utf-8")
    os.replace(part, path)
