"""A stand-in of the Hugging Face hub's HTTP interface: what `huggingface_hub` asks of it about models."""

import base64
import contextlib
import hashlib
import http.server
import json
import re
import threading
import urllib.parse

TOKEN = "hf_tested"


class Repository:
    """A model repository: commits by hash, each a dict of file -> bytes; branches point to them."""

    def __init__(self, files, private=False, gated=False):
        self.commits, self.branches, self.private, self.gated = {}, {}, private, gated
        self.commit(files)

    def commit(self, files, branch="main"):
        described = repr(sorted((name, hashlib.sha1(content).hexdigest()) for name, content in files.items()))
        name = hashlib.sha1(f"{len(self.commits)}{described}".encode()).hexdigest()
        self.commits[name] = dict(files)
        self.branches[branch] = name
        return name

    def at(self, revision):
        """Return the commit and the files of a revision; `None` where there is none."""
        name = self.branches.get(revision, revision)
        return (name, self.commits[name]) if name in self.commits else None

    @property
    def files(self):
        return self.at("main")[1]


class Hub:
    """The stand-in, running: its address, its repositories, and what was asked of it ("METHOD /path")."""

    def __init__(self):
        self.repositories, self.requests, self.large, self.status = {}, [], {}, None
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def add(self, name, files, **options):
        encoded = {k: v if isinstance(v, bytes) else json.dumps(v).encode() for k, v in files.items()}
        self.repositories[name] = Repository(encoded, **options)
        return self.repositories[name]

    def asked(self):
        """Return the requests since the last call."""
        requests, self.requests = self.requests, []
        return requests

    def stop(self):
        if not self.thread.is_alive():
            return
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # a connection ends with its answer, so a hub that is stopped is silent

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b"", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code):
        self.answer(status, {"error": code}, X_Error_Code=code, X_Error_Message=f"refused: {code}")

    def handle_one(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            self.body = self.chunks()
        if path != "/api/agent-harnesses":  # which huggingface_hub asks once in some environments
            self.hub.requests.append(f"{self.command} {path}")
        if self.hub.status:
            return self.refuse(self.hub.status, "Busy")
        for pattern, action in ROUTES:
            match = re.fullmatch(pattern, f"{self.command} {path}")
            if match:
                return action(self, *match.groups())
        return self.refuse(404, "Unknown")

    def chunks(self):
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    do_GET = do_HEAD = do_POST = do_PUT = handle_one

    def signed_in(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def found(self, name, revision):
        """Return the repository's commit, or answer why not."""
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and not self.signed_in()):
            return self.refuse(401 if not self.signed_in() else 404, "RepoNotFound")
        commit = repository.at(revision or "main")
        return commit or self.refuse(404, "RevisionNotFound")

    def info(self, name, revision=None):
        found = self.found(name, revision)
        if found:
            private = self.hub.repositories[name].private
            siblings = [{"rfilename": file, "size": len(content)} for file, content in found[1].items()]
            self.answer(200, {"id": name, "sha": found[0], "siblings": siblings, "private": private, "tags": []})

    def resolve(self, name, revision, file):
        found = self.found(name, revision)
        if not found:
            return
        commit, files = found
        if self.hub.repositories[name].gated and not self.signed_in():
            return self.refuse(401, "GatedRepo")
        if file not in files:
            return self.answer(404, b"", X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
        etag = hashlib.sha256(files[file]).hexdigest()
        self.answer(200, files[file], ETag=f'"{etag}"', X_Repo_Commit=commit, Accept_Ranges="bytes")

    def create(self):
        if not self.signed_in():
            return self.refuse(401, "Unauthorized")
        asked = json.loads(self.body)
        name = f"{asked['organization']}/{asked['name']}"
        if asked["organization"] == "others":
            return self.refuse(403, "Forbidden")
        url = f"{self.hub.address}/{name}"
        if name in self.hub.repositories:
            return self.answer(409, {"error": "You already created this model repo", "url": url})
        private = asked.get("private") or asked.get("visibility") == "private"
        self.hub.add(name, {".gitattributes": b""}, private=bool(private))
        self.answer(200, {"url": url, "id": name})

    def validate(self):
        self.hub.validated = json.loads(self.body)["content"]
        self.answer(200, {"errors": [], "warnings": []})

    def preupload(self, name, revision):
        files = json.loads(self.body)["files"]
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith((".keras", ".png")) else "regular",
                "shouldIgnore": False,
            }
            for file in files
        ]
        self.answer(200, {"files": modes})

    def batch(self, name):
        asked = json.loads(self.body)
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.hub.address}/lfs/{each['oid']}"}}}
            for each in asked["objects"]
        ]
        self.answer(200, {"transfer": "basic", "objects": objects})

    def put(self, oid):
        assert hashlib.sha256(self.body).hexdigest() == oid
        self.hub.large[oid] = self.body
        self.answer(200)

    def commit(self, name, revision):
        if not self.signed_in():
            return self.refuse(401, "Unauthorized")
        repository = self.hub.repositories[name]
        files = dict(repository.files)
        for line in self.body.decode().splitlines():
            operation = json.loads(line)
            value = operation["value"]
            if operation["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif operation["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
        commit = repository.commit(files)
        url = f"{self.hub.address}/{name}/commit/{commit}"
        self.answer(200, {"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""})


NAME = r"([\w.-]+/[\w.-]+)"
ROUTES = (
    (rf"GET /api/models/{NAME}", _Handler.info),
    (rf"GET /api/models/{NAME}/revision/(.+)", _Handler.info),
    (rf"(?:GET|HEAD) /{NAME}/resolve/(refs/pr/\d+|[^/]+)/(.+)", _Handler.resolve),
    (r"POST /api/repos/create", _Handler.create),
    (r"POST /api/validate-yaml", _Handler.validate),
    (rf"POST /api/models/{NAME}/preupload/(.+)", _Handler.preupload),
    (rf"POST /{NAME}\.git/info/lfs/objects/batch", _Handler.batch),
    (r"PUT /lfs/(\w+)", _Handler.put),
    (rf"POST /api/models/{NAME}/commit/(.+)", _Handler.commit),
)


@contextlib.contextmanager
def running(patch, cache, token=None):
    """Give a `Hub` that `huggingface_hub` asks in this process, with an empty cache of its own in a folder."""
    from huggingface_hub import constants

    hub = Hub()
    template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    values = {"ENDPOINT": hub.address, "HF_HUB_CACHE": str(cache), "HF_HUB_DISABLE_XET": True, "HF_HUB_OFFLINE": False}
    for name, value in values.items():
        patch.setattr(constants, name, value)
    patch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
    patch.setenv("HF_TOKEN", token) if token else patch.delenv("HF_TOKEN", raising=False)
    try:
        yield hub
    finally:
        hub.stop()
