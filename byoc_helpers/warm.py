"""What kernels need, imported once by the process they are forked from (kernels.py)."""

import argparse
import builtins
import datetime as dt
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import re
import sys
import tokenize
from importlib.resources import files
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

SDK = "PureCloudPlatformClientV2"


class _Lazy(importlib.abc.MetaPathFinder):
    """Gives the Genesys SDK without its 8,000 modules: each comes when its class is first asked for.

    Importing them takes longer than everything else together, and a starting kernel looks at each of `sys.modules`, which
    would copy their pages into every fork.
    """

    _those = re.compile(rf"{SDK}(\.models|\.apis(\.\w+)?)?")

    def find_spec(self, name: str, path: Any = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(name, path) if self._those.fullmatch(name) else None
        if spec and spec.origin:
            spec.loader = _LazyLoader(name, spec.origin)
        return spec


class _LazyLoader(importlib.machinery.SourceFileLoader):
    """Runs a module as it is, but for its `from .models.site import Site`: what its functions don't use is put off."""

    def exec_module(self, module: ModuleType) -> None:
        used = {name for code in getattr(self.get_code(self.name), "co_consts", ()) for name in _names(code)}
        package, put_off, loading = module.__package__ or self.name, dict[str, str](), True

        def run(name: str, globals: Any = None, locals: Any = None, fromlist: tuple[str, ...] = (), level: int = 0) -> Any:
            wanted = importlib.util.resolve_name("." * level + name, package) if loading and level else ""
            if not wanted.startswith((f"{SDK}.models", f"{SDK}.apis.")) or used & {*fromlist}:
                return builtins.__import__(name, globals, locals, fromlist, level)
            put_off.update(dict.fromkeys(fromlist, wanted))
            return SimpleNamespace(**dict.fromkeys(fromlist))

        def find(name: str) -> Any:
            if name not in put_off:
                raise AttributeError(f"module {self.name!r} has no attribute {name!r}")
            found = getattr(importlib.import_module(put_off[name]), name)
            setattr(module, name, found)
            return found

        vars(module).update(__builtins__={**vars(builtins), "__import__": run}, __getattr__=find)
        super().exec_module(module)
        loading = False
        for name in put_off:
            delattr(module, name)


def _names(code: object) -> set[str]:
    """Every name that a code object and those within it use."""
    return {*code.co_names, *(name for inner in code.co_consts for name in _names(inner))} if isinstance(code, CodeType) else set()


sys.meta_path.insert(0, _Lazy())

import urllib.request

import phonenumbers
import pycountry
from ipykernel.kernelapp import IPKernelApp
from IPython.core.completer import IPCompleter
from IPython.core.inputtransformer2 import TransformerManager
from traitlets.config.loader import Config, DeferredConfigString

from . import params
from .chapters import CHAPTERS, TEARDOWN
from .clouds.transport import trusted
from .regions import data_file, edges, regions

# The SDK's classes that the chapters meet; one that is missing here comes when it is first asked for.
MODELS = (
    "addressable_entity_ref", "contact", "did_number", "did_number_entity_listing", "did_pool", "did_pool_entity_listing", "digit_length",
    "division", "domain_entity_ref", "domain_organization_product", "edge", "edge_auto_update_config", "edge_entity_listing", "edge_group",
    "edge_group_entity_listing", "ivr", "ivr_entity_listing", "location_address", "location_address_verification_details",
    "location_create_definition", "location_definition", "location_emergency_number", "location_entity_listing", "location_search_criteria",
    "location_search_request", "location_update_definition", "locations_search_response", "metabase", "ntp_settings", "number",
    "number_plan", "organization_product_entity_listing", "outbound_route_base", "outbound_route_base_entity_listing", "site",
    "site_entity_listing", "trunk", "trunk_base", "trunk_base_entity_listing", "trunk_connected_status", "trunk_entity_listing",
    "trunk_metabase_entity_listing", "trunk_metrics", "trunk_metrics_options", "update_user", "user", "user_entity_listing",
    "user_search_criteria", "user_search_request", "users_search_response",
)

for _name in ("byoc_helpers.clouds.genesys",  # first: it imports the SDK without the thread that this would start
              *(f"{SDK}.models.{_model}" for _model in MODELS), "faulthandler", "tzdata", "IPython.core.debugger", "IPython.core.logger",
              "IPython.core.completerlib", "IPython.core.magics", "IPython.core.oinspect", "IPython.extensions.storemagic", "byoc_helpers.runbook",
              "byoc_helpers.call_path", "byoc_helpers.sandbox.launch", "filelock", "httpcore", "ipykernel.debugger", "ipykernel.iostream",
              "ipykernel.ipkernel", "ipykernel.zmqshell", "pdb", "psutil", "sqlite3",
              "tornado.platform.asyncio", "twilio.rest.api.v2010", "twilio.rest.trunking.v1",
              *(f"{SDK}.apis.{_api}_api" for _api in ("architect", "authorization", "locations", "telephony_providers_edge", "users")),
              *(f"byoc_helpers.resources.{_kind}" for _chapter in CHAPTERS for _kind in _chapter.kinds)):
    importlib.import_module(_name)

# What the first use would read or compile: the data files, tables of countries and numbers, the certificates to trust, Python's tokens.
for _file in files("byoc_helpers").joinpath("data").iterdir():
    data_file(_file.name)
regions(), edges(), trusted()
pycountry.countries.get(alpha_2="FR")
argparse.ArgumentParser()
dt.datetime.strptime("2026-01-31", "%Y-%m-%d")
urllib.request.Request("http://127.0.0.1:1/")
TransformerManager().transform_cell("x = 'y'\n")
IPCompleter()
if params.DEMO.exists():
    _demo = params.load(params.DEMO)
    for _chapter in (*CHAPTERS, TEARDOWN):
        _fields = [_key for _key in _chapter.fields if _key != "params_file"]
        params.validate({_key: params.plain(_demo, _key) for _key in _fields}, source="", only=_chapter.fields)
phonenumbers.is_valid_number(phonenumbers.parse("+33123456789"))
list(tokenize.generate_tokens(io.StringIO("x = 1").readline))


class Application(IPKernelApp):
    """A kernel of ours: what a plain kernel is."""

    def parse_command_line(self, argv: Any = None) -> None:
        """The few settings that our engine gives; the parser of all there are, which takes a while to make, is for other arguments."""
        given, settings = list(argv or ()), Config()
        if given[:1] != ["-f"] or not all(re.fullmatch(r"--\w+\.\w+=.+", one) for one in given[2:]):
            super().parse_command_line(argv)
            return
        settings.IPKernelApp.connection_file = given[1]
        for key, value in (one[2:].split("=", 1) for one in given[2:]):
            section, _, trait = key.partition(".")
            settings[section][trait] = DeferredConfigString(value)
        self.argv, self.cli_config = given, settings
        self.update_config(settings)

    def write_connection_file(self, **kwargs: Any) -> None:
        """Who started the kernel wrote it, and reads it at this very moment: written again, even the same, it would be empty for an instant."""
        if not os.path.exists(self.abs_connection_file):
            super().write_connection_file(**kwargs)


# Frozen objects are not visited by the collector, so that their pages stay shared after a fork.
gc.collect()
gc.freeze()
