"""What kernels need, imported once by the process they are forked from (kernels.py)."""

import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from types import ModuleType

import phonenumbers
import pycountry

from .chapters import CHAPTERS
from .clouds.transport import trusted
from .regions import data_file, edges, regions

for _name in ("IPython.core.completerlib", "IPython.core.magics", "IPython.core.oinspect", "IPython.extensions.storemagic",
              "PureCloudPlatformClientV2", "byoc_helpers.runbook", "byoc_helpers.sandbox.launch", "httpcore", "ipykernel.debugger", "ipykernel.iostream",
              "ipykernel.ipkernel", "ipykernel.kernelapp", "ipykernel.zmqshell", "pandas", "pdb", "psutil", "sqlite3",
              "tornado.platform.asyncio", "twilio.rest.api.v2010", "twilio.rest.trunking.v1",
              *(f"byoc_helpers.resources.{_kind}" for _chapter in CHAPTERS for _kind in _chapter.kinds)):
    importlib.import_module(_name)

# What the first use would read: tables of regions, countries and numbers, the certificates to trust.
regions(), edges(), data_file("permissions.yaml"), trusted()
pycountry.countries.get(alpha_2="FR")
phonenumbers.is_possible_number(phonenumbers.parse("+33123456789"))


class _Stash(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives a module back that was taken out of `sys.modules`.

    The Genesys SDK is some 8,000 modules; a starting kernel looks at each of `sys.modules`, which would copy their
    pages (70 MB) into every fork. The classes stay where everybody finds them, in the package.
    """

    def __init__(self, prefix: str):
        self._modules = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith(prefix)}

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name in self._modules else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self._modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """It was executed once."""


sys.meta_path.insert(0, _Stash("PureCloudPlatformClientV2."))

# Frozen objects are not visited by the collector, so that their pages stay shared after a fork.
gc.collect()
gc.freeze()
