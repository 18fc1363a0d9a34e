"""The other limit for reading: nginx, one worker, serving a folder of files, with a line a request.

Becomes nginx: `nginx.py FOLDER --port N`.
"""

import argparse
import os
import shutil
from pathlib import Path

MISSING = "skipped, nginx is missing: apt-get install nginx"
_CONFIGURATION = """
user root; # means nothing to others; root's own workers may not read what is root's
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-errors.log;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/nginx-requests.log;
    sendfile on;
    keepalive_requests 1000000000;
    default_type application/json;
    client_body_temp_path {folder}/nginx-bodies;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        root {folder};
    }}
}}
"""


def program() -> str | None:
    """Where it is; it lies where only root looks."""
    return shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    configuration = options.folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=options.folder, port=options.port))
    os.execv(program(), ["nginx", "-p", str(options.folder), "-c", str(configuration)])


if __name__ == "__main__":
    main()
