"""YAML text → a tree of elements that know their dotted path and line. Nothing of topologies is known here.

ruamel.yaml only parses; scalars are read here by the YAML 1.2 core schema. Aliases and merge keys (`<<`) work.
Whatever the text, the only outcome besides a tree is a finding.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from nsemu.lab.topology.errors import Findings, quoted

_MAX_ELEMENTS: Final = 200_000
_MAX_DEPTH: Final = 40
_MERGE: Final = "<<"

# YAML 1.2, section 10.3.2; floats beyond what we need (1., .5e3) are read as well
_NULL = re.compile(r"(?:~|null|Null|NULL)?")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,30}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")

# what the parser says → what to tell a person
_PLAIN_WORDS: Final = (
    ("mapping values are not allowed", "a ':' is not expected here; check the indentation, or quote the text"),
    ("'\\t' that cannot start", "a tab cannot be used for indentation; use spaces"),
    ("expected ',' or ']'", "a '[' list is not closed, or lacks a comma"),
    ("expected ',' or '}'", "a '{' mapping is not closed, or lacks a comma"),
    ("unexpected end of stream", "a quote is not closed"),
    ("could not find expected ':'", "a ':' is missing after the key"),
    ("undefined alias", "an alias '*…' is used before its anchor '&…'"),
    ("another document", "a second document begins ('---'); a topology file holds one"),
    ("cannot start any token", "this character cannot begin a value; quote the text"),
    ("unknown escape character", "an unknown escape stands in a double-quoted text; use single quotes"),
    ("indentation indicators", "after '|' or '>' only '+', '-' or a digit may stand"),
    ("expected <block end>", "this does not fit the lines above; check the indentation and the quotes"),
    ("expected '<document start>'", "something stands after the end of the document; check the brackets"),
)


@dataclass(frozen=True, slots=True)
class Element:
    """A value of the file: a scalar, a tuple of elements, or a dict of them. `text` is a scalar as written."""

    path: str
    value: str | int | float | bool | tuple[Element, ...] | dict[str, Element] | None
    text: str = ""

    @property
    def shown(self) -> str:
        """What to name in "found …"."""
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, tuple):
            return "a list"
        return "nothing" if self.value is None else quoted(self.text)


def read(text: str, findings: Findings) -> Element | None:
    """The root of the document; None when there is none (the reason is in `findings`)."""
    node = _compose(text, findings)
    return None if node is None else _Converter(findings).convert(node, "")


def _compose(text: str, findings: Findings) -> Node | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor defined twice is legal YAML
            node: Node | None = YAML(typ="rt", pure=True).compose(text)
    except MarkedYAMLError as error:
        _report_marked(error, findings)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        findings.syntax(line, 0, f"the character U+{ord(text[error.position]):04X} is not allowed in YAML")
    except RecursionError:
        findings.syntax(1, 0, "lists or mappings are nested too deeply")
    except (YAMLError, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        # the parser's own slips on odd directives and escapes
        findings.syntax(1, 0, f"not valid YAML: {error}".splitlines()[0])
    else:
        return node
    return None


def _report_marked(error: MarkedYAMLError, findings: Findings) -> None:
    said = f"{error.context or ''} {error.problem or ''}"
    reason = next((plain for fragment, plain in _PLAIN_WORDS if fragment in said), f"not valid YAML: {said.strip()}")
    mark = error.problem_mark or error.context_mark
    if "not closed" in reason and error.context_mark is not None:
        mark = error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 0)
    findings.syntax(line, column, reason)


class _Converter:
    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._open: list[int] = []
        self._count = 0

    def convert(self, node: Node, path: str) -> Element | None:
        line = node.start_mark.line + 1
        self._findings.lines.setdefault(path, line)
        self._count += 1
        if id(node) in self._open:
            self._findings.error(path, reason="an alias contains itself")
            return None
        if len(self._open) >= _MAX_DEPTH:
            self._findings.error(path, reason="lists or mappings are nested too deeply")
            return None
        if self._count > _MAX_ELEMENTS:
            self._findings.error("", reason="the file holds too many values")
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self._open.append(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            return self._sequence(node, path) if isinstance(node, SequenceNode) else None
        finally:
            self._open.pop()

    def _scalar(self, node: ScalarNode, path: str) -> Element | None:
        text = str(node.value)
        if not text.isprintable() and any(0xD800 <= ord(character) <= 0xDFFF for character in text):
            self._findings.error(path, reason="half of a surrogate pair is no character")
            return None
        return Element(path, text if node.style else scalar_value(text), text)

    def _sequence(self, node: SequenceNode, path: str) -> Element:
        items = [self.convert(item, f"{path}[{index}]") for index, item in enumerate(node.value)]
        return Element(path, tuple(item for item in items if item is not None))

    def _mapping(self, node: MappingNode, path: str) -> Element:
        entries: dict[str, Element] = {}
        merged: dict[str, Element] = {}
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = str(key.value) if isinstance(key, ScalarNode) else ""
            below = f"{path}.{name}" if path else name
            if not name.isprintable() or not name:
                self._findings.error(path, reason=f"a key on line {line} is no plain word")
                continue
            if name in seen:
                first = seen[name]
                self._findings.lines[below] = line
                self._findings.error(below, reason=f"this key is there twice (first on line {first})")
                continue
            seen[name] = line
            self._findings.lines[below] = line
            element = self.convert(value, below)
            if name == _MERGE and not key.style:
                merged |= self._merge(element, below)
            elif element is not None:
                entries[name] = element
        return Element(path, merged | entries)

    def _merge(self, element: Element | None, path: str) -> dict[str, Element]:
        sources = element.value if element is not None else ()
        merged: dict[str, Element] = {}
        for source in reversed(sources if isinstance(sources, tuple) else (element,)):
            if source is None or not isinstance(source.value, dict):
                self._findings.error(path, reason="'<<' takes a mapping, or a list of them")
            else:
                merged |= source.value
        return merged


def scalar_value(text: str) -> str | int | float | bool | None:
    """A plain scalar by the YAML 1.2 core schema; what is no null, bool or number stays text."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
