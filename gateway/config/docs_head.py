"""What docs/configuration.md says before its tables."""

HEAD = """\
<!-- Made by `dicomweb-gateway config-docs`: change the models in gateway/config, then run
     `dicomweb-gateway config-docs > docs/configuration.md`. A test fails when the two differ. -->

# Configuration

One YAML file holds everything. All that must be given is the version of the format, and of at
least one archive its name, type and address:

```yaml
version: 1
backends:
  - name: orthanc
    type: dicomweb
    url: http://127.0.0.1:8042/dicom-web
```

```sh
dicomweb-gateway check-config gateway.yaml
dicomweb-gateway serve --config gateway.yaml
```

`check-config` prints every problem at once, each with its path, its line and what to do, and exits
with 1; a valid file gets a summary, and warnings for what is allowed but may not be meant:

```text
gateway.yaml has 2 problems:
  server.prot (line 3): is not a known key: did you mean port?
  backends[0].timeouts.connect (line 8): 5 has no unit: write 5s (ms, s, m, h, d)
```

A key that is left out or left empty has its default. A key that is not known is an error, and so is
one that is given twice. Anchors, aliases and `<<` work; `yes`, `no` and `on` are text, `true` and
`false` are what they seem. A file is at most 256 KiB.

Some keys belong to the format but not to this version. They are marked below: what is *not in this
version* is refused when it is switched on, and secrets of what is off are not read.

## Units

A duration or a size is written with its unit; a bare number is an error.

| what | units | such as |
|---|---|---|
| duration | `ms` `s` `m` (minutes) `h` `d` | `500ms` `30s` `5m` `24h` `7d` |
| size | `B` `KiB` `MiB` `GiB` `TiB` (powers of 1024) | `64KiB` `512MiB` `20GiB` |

## Secrets

A password, token or key is never in the file itself. The file says where it is:

```yaml
password: { env: PACS_PASSWORD }              # an environment variable
password: { file: /run/secrets/pacs }         # a file; a line break at its end does not count
headers: { X-Api-Key: { env: PACS_API_KEY } } # the value of a header may be one too
```

Each is read once, at the start; one that is missing or empty is a problem like any other. User
names and client ids are no secrets and are written as they are.

## Overrides

An environment variable overrides a key of the file. Its name is `GATEWAY__` and the path, with two
underscores between levels; an entry of a list has its number, and the number after the last adds
one. Its value is YAML.

```sh
GATEWAY__SERVER__PORT=9000
GATEWAY__SERVER__ALLOWED_HOSTS='[pacs.example.org]'
GATEWAY__BACKENDS__0__URL=https://archive.example.org/dicom-web
GATEWAY__BACKENDS__0__AUTH='{ type: bearer, token: { env: PACS_TOKEN } }'
GATEWAY__SERVER__PUBLIC_URL=                    # empty: the default again
```

A name that leads to no key is an error. A variable that a secret names holds that secret and
overrides nothing, whatever it is called. Names of headers have no place in a variable's name: give
`HEADERS` as a whole.

## Editors

`dicomweb-gateway config-schema > gateway.schema.json` writes a JSON Schema. With it, an editor that
runs the YAML language server completes keys and shows what they mean:

```yaml
# yaml-language-server: $schema=./gateway.schema.json
version: 1
```

# Reference

Each section begins with all its defaults, as they would be written. A dot in a key is a level, `[]`
an entry of a list.

`version` must be `1`.
"""
