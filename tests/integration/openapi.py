"""Compares real answers with docs/openapi.yaml: status documented, Content-Type and body as the schema says."""

import functools
import json
import pathlib
import urllib.parse

import jsonschema
import yaml

# What the HTTP library answers by itself while parsing may be plain (protocol.md section 1).
LIBRARY = {400, 413, 414, 431}


@functools.lru_cache(maxsize=None)
def document(path):
    return yaml.safe_load(pathlib.Path(path).read_text())


def resolve(doc, node):
    while "$ref" in node:
        at = doc
        for part in node["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        node = at
    return node


@functools.lru_cache(maxsize=None)
def validator(path, schema):
    doc = document(path)
    whole = dict(json.loads(schema), components=doc["components"])
    return jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())


def check_body(path, schema, body):
    errors = [f"{'/'.join(map(str, e.path))}: {e.message}" for e in validator(path, json.dumps(schema, sort_keys=True)).iter_errors(body)]
    assert not errors, f"{errors} in {body}"


def check(path, method, url, answer):
    """Assert that an answer is one that the document allows."""
    doc = document(path)
    type_ = (answer.headers.get("Content-Type") or "").split(";")[0]
    operation = doc["paths"].get(urllib.parse.urlsplit(url).path, {}).get("get" if method == "HEAD" else method.lower())
    if answer.status in LIBRARY and type_ != "application/problem+json":
        return
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["X-Content-Type-Options"] == "nosniff", answer.headers
    assert not [h for h in answer.headers if h.lower().startswith("access-control")]
    if operation is None:
        # Another path, or another method of a known one: a problem all the same.
        assert answer.status in (403, 404, 405, 413, 429, 431), answer
        check_body(path, {"$ref": "#/components/schemas/Problem"}, answer.json)
        return
    assert str(answer.status) in operation["responses"], f"{method} {url}: {answer.status} is not documented: {answer}"
    response = resolve(doc, operation["responses"][str(answer.status)])
    for name, header in response.get("headers", {}).items():
        value = answer.headers.get(name)
        if value is not None:
            check_body(path, resolve(doc, header)["schema"], int(value))
    assert type_ in response["content"], f"{method} {url} {answer.status}: {type_}"
    schema = response["content"][type_]["schema"]
    if method == "HEAD":
        assert answer.body == b""
    elif type_.endswith("json"):
        check_body(path, schema, answer.json)
        if type_ == "application/problem+json":
            assert answer.json["status"] == answer.status and len(answer.body) <= 8192
            retry = answer.json.get("retry_after_seconds")
            assert (answer.headers.get("Retry-After") == str(retry)) if retry else "Retry-After" not in answer.headers, answer
