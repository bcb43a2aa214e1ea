"""A matplotlib figure as SVG text that is deterministic, small, themable and safe to inline.

matplotlib writes colours into ``style`` attributes, which a strict content security policy blocks
and a style sheet can't reach. Here they become presentation attributes, with the palette's name as
a class beside them: without any style sheet the drawing is right on light ground, with the page's
it follows the reader's scheme. Ids get a prefix, so that many figures can live in one page.
"""

from __future__ import annotations

import io
import re
import textwrap
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from sim.report.style import INK, MUTED, PER_CHAR, SANS, SURFACE, TEXT, TOKEN_OF, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+")
_URL = re.compile(r"url\(#([^)]+)\)")
_NO_TURN = re.compile(r"rotate\(-?0(\.0+)? [^)]*\)")
_CLASSED = {"fill": "f", "stroke": "s"}
_DROPPED = {"font", "text-align", "font-family", "font-stretch", "font-variant", "font-style"}
_LINES = {"stroke-linejoin": "round", "stroke-linecap": "butt"}
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


def _pointers(root: ET.Element) -> list[tuple[ET.Element, str, list[str]]]:
    """Every attribute that points at ids: its element, its name, the ids."""
    return [
        (element, name, [value[1:]] if name == XLINK else _URL.findall(value))
        for element in root.iter()
        for name, value in element.attrib.items()
        if name == XLINK or "url(#" in value
    ]


def _rename_ids(root: ET.Element, prefix: str) -> None:
    """Keep only ids that something points at, numbered in document order under ``prefix``."""
    pointers = _pointers(root)
    used = {target for _, _, targets in pointers for target in targets}
    names: dict[str, str] = {}
    for element in root.iter():
        old = element.attrib.pop("id", "")
        if old in used:
            element.set("id", names.setdefault(old, f"{prefix}{len(names)}"))
    for element, name, targets in pointers:
        for target in targets:
            old, new = (f"#{target}", f"#{names[target]}") if name == XLINK else (f"(#{target})", f"(#{names[target]})")
            element.set(name, element.attrib[name].replace(old, new))


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
        if _NO_TURN.fullmatch(element.get("transform", "")):
            del element.attrib["transform"]
        if "d" in element.attrib:
            element.set("d", _compact(element.attrib["d"]))
        element.text = element.text if (element.text or "").strip() else None
        element.tail = None
    _rename_ids(root, prefix)
    root.attrib.update({"font-family": SANS} | _LINES)
    return root


def inline(figure: Figure, name: str, alt: str) -> str:
    """SVG for the inside of a page: scales with its box, follows its colours, read out as ``alt``."""
    root = clean(_raw(figure), f"{name}-")
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.attrib.update({"role": "img", "aria-label": alt})
    return ET.tostring(root, encoding="unicode")


def standalone(drawing: str, title: str, subtitle: str) -> str:
    """An :func:`inline` drawing as a file of its own: on a light card, under its title and subtitle."""
    inside = ET.fromstring(drawing)
    width, height = (float(number) for number in inside.attrib["viewBox"].split()[2:])
    lines, top = _heading(title, subtitle, width)
    size = {"width": f"{width:g}", "height": f"{height + top:g}"}
    box = {"viewBox": f"0 0 {width:g} {height + top:g}", "role": "img", "font-family": SANS}
    root = ET.Element(f"{{{SVG}}}svg", size | box | _LINES)
    for tag, text in (("title", title), ("desc", inside.attrib["aria-label"])):
        ET.SubElement(root, f"{{{SVG}}}{tag}").text = text
    ET.SubElement(root, f"{{{SVG}}}rect", {"width": "100%", "height": "100%", "fill": SURFACE})
    root.extend(lines)
    ET.SubElement(root, f"{{{SVG}}}g", {"transform": f"translate(0 {top:g})"}).extend(inside)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _heading(title: str, subtitle: str, width: float) -> tuple[list[ET.Element], float]:
    """The lines of both, and the height that they take."""
    first = textwrap.wrap(title, int(width / (15 * PER_CHAR)))
    second = textwrap.wrap(subtitle, int(width / (TEXT * PER_CHAR)))
    places = [(20.0 * at + 17.7, line, {"font-size": "15", "font-weight": "700", "fill": INK})
              for at, line in enumerate(first)]  # fmt: skip
    places += [(20.0 * len(first) + 16 * at + 14.4, line, {"font-size": f"{TEXT:g}", "fill": MUTED})
               for at, line in enumerate(second)]  # fmt: skip
    lines = []
    for y, line, look in places:
        element = ET.Element(f"{{{SVG}}}text", {"x": "0", "y": f"{y:g}"} | look)
        element.text = line
        lines.append(element)
    return lines, 20.0 * len(first) + 16 * len(second) + 26
