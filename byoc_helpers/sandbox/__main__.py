"""`python -m byoc_helpers.sandbox serve|status|stop|reset`"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import launch


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m byoc_helpers.sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the practice clouds in this process")
    serve.add_argument("--port", type=int, default=0, help="0: the last one, or any that is free")
    serve.add_argument(
        "--idle", type=float, default=launch.IDLE_SECONDS, help="exit after so many idle seconds; 0: never"
    )
    serve.add_argument("--fixed", action="store_true", help="reproducible ids and clock")
    serve.add_argument("--foreground", action="store_true", help="say where it listens")
    for name in ("status", "stop", "reset"):
        commands.add_parser(name)
    for command in commands.choices.values():
        command.add_argument("--home", type=Path, default=None, help="state directory")
    args = parser.parse_args(argv)
    home = args.home or launch.home_dir()
    if args.command == "serve":
        from .server import serve as run

        return run(home, port=args.port, idle=args.idle, fixed=args.fixed, foreground=args.foreground)
    if args.command == "status":
        print(json.dumps(launch.status(home), indent=2))
    elif args.command == "stop":
        print("stopped" if launch.stop(home) else "was not running")
    else:
        launch.reset(home)
        print("all tenants removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
