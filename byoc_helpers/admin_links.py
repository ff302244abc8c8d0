"""Links to the pages of the two admin UIs, for an org's region (data/admin_pages.yaml has them, with where each was seen)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from .exceptions import ParamsError
from .regions import Region, data_file

_REMARK = {"sure": "", "seen": "if it leads nowhere, take the menu", "home": "the admin home page; go on by the menu"}


@dataclass(frozen=True)
class Page:
    """One page: the `menu` way to it as the guide writes it, its `url`, and how `sure` that is."""

    menu: str
    url: str
    sure: Literal["sure", "seen", "home"]
    cloud: str

    @property
    def remark(self) -> str:
        return _REMARK[self.sure]


def find_page(name: str, region: Region) -> Page:
    """The page of this name in an org's region, e.g. "trunks", "sites", "ip_acls".

    Raises:
        ParamsError: there is no such page; the sentence lists them.
    """
    known = data_file("admin_pages.yaml")
    for cloud, title in (("genesys", "Genesys Cloud"), ("twilio", "Twilio")):
        if name in known[cloud]:
            page = known[cloud][name]
            path = page.get("path") or known["genesys"]["home"]["path"]
            url = page.get("url", "https://apps.{environment}" + path).format(environment=region.environment)
            return Page(page["menu"], url, page["sure"], title)
    raise ParamsError(f'There is no admin page "{name}". Known ones: {", ".join([*known["genesys"], *known["twilio"]])}.')


@dataclass(frozen=True)
class Links:
    """Pages to open in a browser; `before` is a sentence, and `instead` (address, words) a page that stands in for them."""

    pages: Sequence[Page]
    before: str = ""
    instead: tuple[str, str] | None = None

    def __repr__(self) -> str:
        lines = [f"{p.cloud}: {p.menu}: {p.url}" + (f" ({p.remark})" if p.remark else "") for p in self.pages]
        return "\n".join(filter(None, [f"{self.instead[1]}: {self.instead[0]}" if self.instead else "", self.before, *lines]))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        items = "".join(f"<li>{escape(p.cloud)}: {_anchor(p.url, p.menu)}{f' ({escape(p.remark)})' if p.remark else ''}</li>" for p in self.pages)
        first = f"<p>{_anchor(*self.instead)}</p>" if self.instead else ""
        return {"text/plain": repr(self), "text/html": f"{first}<p>{escape(self.before)}</p><ul>{items}</ul>"}


def _anchor(url: str, words: str) -> str:
    return f'<a href="{escape(url)}" style="text-decoration:underline" target="_blank" rel="noopener noreferrer">{escape(words)}</a>'
