"""A matplotlib figure as SVG text that is deterministic, small, themable and safe to inline.

matplotlib writes colours into ``style`` attributes, which a strict content security policy blocks
and a style sheet can't reach. Here they become presentation attributes, with the palette's name as
a class beside them: without any style sheet the drawing is right on light ground, with the page's
it follows the reader's scheme. Ids get a prefix, so that many figures can live in one page.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from sim.report.style import SANS, SURFACE, TOKEN_OF, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+")
_CLASSED = {"fill": "f", "stroke": "s"}
_DROPPED = {"font", "text-align", "font-family", "font-stretch", "font-variant", "font-style"}
_COORDINATES = ("x", "y", "points", "transform", "width", "height")


def _round(match: re.Match[str]) -> str:
    text = f"{float(match[0]):.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


_STEP = re.compile(r"([MLHVQCZz])([^MLHVQCZz]*)")


def _compact(path: str) -> str:
    """The same path with one-decimal numbers and short horizontal and vertical moves."""
    parts, x, y = [], "", ""
    for letter, numbers in _STEP.findall(_NUMBER.sub(_round, path)):
        values = numbers.split()
        if letter == "L" and len(values) == 2 and (values[0] == x or values[1] == y):
            if values != [x, y]:
                parts.append(f"V{values[1]}" if values[0] == x else f"H{values[0]}")
        else:
            parts.append(letter + " ".join(values))
        x, y = (values[-2], values[-1]) if len(values) >= 2 else ("", "")
    return "".join(parts)


def _font_size(value: str) -> dict[str, str]:
    """Size and weight out of the ``font`` shorthand, as ``700 11px 'DejaVu Sans'``."""
    size = re.search(r"([\d.]+)px", value)
    weight = re.match(r"\s*(bold|\d{3})\b", value)
    found = {"font-size": size[1]} if size else {}
    return found | ({"font-weight": weight[1]} if weight else {})


def _declarations(style: str) -> dict[str, str]:
    pairs = (part.split(":", 1) for part in style.split(";") if ":" in part)
    return {name.strip(): value.strip() for name, value in pairs}


def _restyle(element: ET.Element) -> None:
    """Turn one element's ``style`` into presentation attributes and palette classes."""
    declared = _declarations(element.attrib.pop("style", ""))
    for name, value in declared.items():
        if name == "font":
            element.attrib.update(_font_size(value))
        elif name not in _DROPPED:
            element.set(name, value.removesuffix("px") if name == "font-size" else value)
    classes = [
        f"{letter}-{TOKEN_OF[element.get(name, '')]}"
        for name, letter in _CLASSED.items()
        if element.get(name, "") in TOKEN_OF
    ]
    if classes:
        element.set("class", " ".join(classes))


def _reference(element: ET.Element) -> set[str]:
    text = " ".join(element.attrib.values())
    return set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r"^#(\S+)$", element.get(XLINK, "")))


def _rename_ids(root: ET.Element, prefix: str) -> None:
    """Keep only ids that something points at, numbered in document order under ``prefix``."""
    used = set().union(*(_reference(element) for element in root.iter()))
    ids = [element.get("id", "") for element in root.iter() if element.get("id", "") in used]
    names = {old: f"{prefix}{place}" for place, old in enumerate(dict.fromkeys(ids))}
    for element in root.iter():
        if (old := element.attrib.pop("id", None)) in names:
            element.set("id", names[old or ""])
        for name, value in element.attrib.items():
            for target in _reference(element):
                value = value.replace(f"url(#{target})", f"url(#{names[target]})") if "url(" in value else value
                value = f"#{names[target]}" if name == XLINK and value == f"#{target}" else value
            element.set(name, value)


def _prune(root: ET.Element) -> None:
    """Drop metadata, style sheets, comments and empty groups."""
    for parent in list(root.iter()):
        for child in list(parent):
            tag = child.tag.removeprefix(f"{{{SVG}}}") if isinstance(child.tag, str) else ""
            if tag in ("metadata", "style", "title", "") or (tag == "defs" and len(child) == 0):
                parent.remove(child)
    for _ in range(4):
        for parent in list(root.iter()):
            for child in [one for one in parent if one.tag in (f"{{{SVG}}}g", f"{{{SVG}}}defs")]:
                if len(child) == 0 and not (child.text or "").strip():
                    parent.remove(child)


def _raw(figure: Figure) -> str:
    target = io.StringIO()
    with drawing():
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return target.getvalue()


def clean(text: str, prefix: str) -> ET.Element:
    """The tree of matplotlib's SVG ``text`` after all that this module's docstring promises."""
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ET.fromstring(text.split("?>", 1)[-1])
    _prune(root)
    for element in root.iter():
        _restyle(element)
        for name in _COORDINATES:
            if name in element.attrib:
                element.set(name, _NUMBER.sub(_round, element.attrib[name]))
        if "d" in element.attrib:
            element.set("d", _compact(element.attrib["d"]))
        element.text = element.text if (element.text or "").strip() else None
        element.tail = None
    _rename_ids(root, prefix)
    root.attrib.update({"font-family": SANS, "stroke-linejoin": "round", "stroke-linecap": "butt"})
    return root


def inline(figure: Figure, name: str, alt: str) -> str:
    """SVG for the inside of a page: scales with its box, follows its colours, read out as ``alt``."""
    root = clean(_raw(figure), f"{name}-")
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.attrib.update({"role": "img", "aria-label": alt})
    return ET.tostring(root, encoding="unicode")


def standalone(figure: Figure, name: str, title: str, alt: str) -> str:
    """SVG as a file of its own, on a light card, with title and description inside."""
    root = clean(_raw(figure), f"{name}-")
    card = ET.Element(f"{{{SVG}}}rect", {"width": "100%", "height": "100%", "fill": SURFACE})
    for place, (tag, text) in enumerate((("title", title), ("desc", alt))):
        element = ET.Element(f"{{{SVG}}}{tag}")
        element.text = text
        root.insert(place, element)
    root.insert(2, card)
    root.set("role", "img")
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"
