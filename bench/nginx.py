"""nginx's configuration: one worker, access log on, no cache, connections to the archive kept."""

from pathlib import Path

_CONFIG = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/nginx-access.log;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    upstream archive {{
        server {upstream};
        keepalive 32;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://archive;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header Accept-Encoding identity;
{extra}        }}
    }}
}}
"""

# A frame does not fit into the default 64 KB of buffers, so that nginx may write it to a
# temporary file; these hold all of it, as somebody who tunes nginx for frames would have it.
TUNED = ("proxy_buffers 16 64k", "proxy_buffer_size 64k", "proxy_busy_buffers_size 512k")


def write_config(folder: Path, port: int, upstream: str, directives: tuple[str, ...] = ()) -> Path:
    """The file, in a folder of this nginx's own; `upstream` is host:port."""
    extra = "".join(f"            {directive};\n" for directive in directives)
    file = folder / "nginx.conf"
    file.write_text(_CONFIG.format(folder=folder, port=port, upstream=upstream, extra=extra))
    return file
