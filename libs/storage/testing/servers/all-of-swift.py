"""OpenStack Swift with its S3 side, whole and on loopback: account, container, object and proxy server in one process.

    all-of-swift.py ACCESS_KEY SECRET_KEY FOLDER…

Keeps its things below the first of the folders that can hold them (Swift wants extended attributes, and room).
The access key is ACCOUNT:USER. Prints the port and the folder when it serves, and ends when its standard input
does, so that it never outlives who started it.
"""

import json
import os
import shutil
import sys
import tempfile

from swift.common.utils import eventlet_monkey_patch

eventlet_monkey_patch()

import eventlet
import eventlet.wsgi
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.ring import RingBuilder
from swift.common.utils import NullLogger
from swift.common.wsgi import loadapp

COMMON = """
[DEFAULT]
swift_dir = {folder}
devices = {folder}
mount_check = false
log_level = CRITICAL
"""

STORAGE = COMMON + """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

PROXY = COMMON + """
[pipeline:main]
pipeline = catch_errors s3api tempauth bulk slo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_{user} = {secret} .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:symlink]
use = egg:swift#symlink
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
"""


class Cache(object):
    """What memcached is to Swift, for one process."""

    def __init__(self):
        self.kept = {}

    def get(self, key, raise_on_error=False):
        return self.kept.get(key)

    def set(self, key, value, *args, **kwargs):
        self.kept[key] = value

    def delete(self, key, server_key=None):
        self.kept.pop(key, None)


def listen():
    return eventlet.listen(("127.0.0.1", 0), backlog=256)


def serve(listening, app):
    eventlet.spawn(
        eventlet.wsgi.server,
        listening,
        app,
        NullLogger(),
        protocol=SwiftHttpProtocol,
        # The SDK reads «ETag», not «Etag».
        capitalize_response_headers=False,
    )


def load(folder, name, text):
    path = os.path.join(folder, name + ".conf")
    with open(path, "w") as conf:
        conf.write(text)
    return loadapp(path, global_conf={"log_name": name}, allow_modify_pipeline=False)


def make_folder(parents):
    for parent in parents:
        try:
            stat = os.statvfs(parent)
            if stat.f_bavail * stat.f_frsize < 1 << 30:
                continue
            folder = tempfile.mkdtemp(prefix="swift-", dir=parent)
        except OSError:
            continue
        try:
            os.setxattr(folder, "user.swift", b"?")
            return folder
        except OSError:
            os.rmdir(folder)
    raise SystemExit("no folder can hold what Swift keeps: " + ", ".join(parents))


def main():
    access, secret = sys.argv[1:3]
    folder = make_folder(sys.argv[3:])
    os.mkdir(os.path.join(folder, "disk"))
    sockets = {}
    for kind in ("account", "container", "object"):
        sockets[kind] = listen()
        builder = RingBuilder(4, 1, 0)
        builder.add_dev(
            {
                "region": 1,
                "zone": 1,
                "ip": "127.0.0.1",
                "port": sockets[kind].getsockname()[1],
                "replication_ip": "127.0.0.1",
                "replication_port": sockets[kind].getsockname()[1],
                "device": "disk",
                "weight": 1.0,
            }
        )
        builder.rebalance()
        builder.get_ring().save(os.path.join(folder, kind + ".ring.gz"))
    for kind, listening in sockets.items():
        serve(listening, load(folder, kind, STORAGE.format(folder=folder, kind=kind)))
    proxy = load(folder, "proxy", PROXY.format(folder=folder, user=access.replace(":", "_"), secret=secret))
    cache = Cache()

    def cached(env, start_response):
        env["swift.cache"] = cache
        return proxy(env, start_response)

    listening = listen()
    serve(listening, cached)
    print(json.dumps({"port": listening.getsockname()[1], "folder": folder}), flush=True)
    eventlet.hubs.trampoline(sys.stdin.fileno(), read=True)
    shutil.rmtree(folder, ignore_errors=True)


main()
