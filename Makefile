# Every verb of the project. `make` alone lists them.

VENV   ?= .venv
PYTHON ?=
ARGS   ?=
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
RUN    := $(VENV)/run.stamp
DEV    := $(VENV)/dev.stamp
CHART  := deploy/helm/dicomweb-gateway
IMAGE  ?= dicomweb-gateway

# What tests and benchmarks put around the gateway; see scripts/install-servers.
TEST_SERVERS  := orthanc dcmtk
BENCH_SERVERS := orthanc nginx wrk

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header $(UPGRADE)

export BACKEND CONFIG

.DELETE_ON_ERROR:
.PHONY: help run test unit test-python check format bench e2e docs image chart lock clean

help: ## List these verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

ifneq ($(strip $(BACKEND)),)
run: $(RUN) ## Put the gateway in front of a PACS: make run BACKEND=http://host:8042/dicom-web
	@exec $(BIN)/dicomweb-gateway serve --backend "$$BACKEND"
else ifneq ($(strip $(CONFIG)),)
run: $(RUN)
	@exec $(BIN)/dicomweb-gateway serve --config "$$CONFIG"
else
run:
	@echo "Say which PACS to put the gateway in front of, by the base URL of its DICOMweb service:" >&2
	@echo "    make run BACKEND=http://host:8042/dicom-web" >&2
	@echo "No PACS at hand? docs/run-in-front-of-a-pacs.md starts an Orthanc in one minute." >&2
	@exit 2
endif

test: $(DEV) ## Run the whole default test suite; installs the servers that it needs
	$(BIN)/pytest $$(scripts/install-servers $(TEST_SERVERS) | sed 's/^/--without=/') $(ARGS)

unit: $(DEV) ## Run the unit tests, which need no server
	$(BIN)/pytest tests/unit $$(scripts/install-servers dcmtk | sed 's/^/--without=/') $(ARGS)

test-python: ## Run the whole suite in another Python: make test-python PYTHON=/path/to/python3.13
	@python=$$(scripts/find-python $(PYTHON)) && \
	venv=.venv-$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') && \
	$(MAKE) --no-print-directory test PYTHON="$$python" VENV="$$venv"

check: $(DEV) ## Lint, format and type checks, and whether docs/configuration.md is up to date
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/dicomweb-gateway config-docs | diff -u docs/configuration.md -

format: $(DEV) ## Format the source, and mend what the linter can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(DEV) ## Compare the gateway with nginx, side by side in one run
	scripts/install-servers $(BENCH_SERVERS)
	$(BIN)/python -m bench $(ARGS)

e2e: $(DEV) ## Run the product tests against a newer Orthanc (Debian, as root)
	scripts/install-newer-orthanc .cache/newer-orthanc
	GATEWAY_ORTHANC_ROOT=$(CURDIR)/.cache/newer-orthanc $(BIN)/pytest tests/product $(ARGS)

docs: $(DEV) ## Generate docs/configuration.md from the configuration models
	$(BIN)/dicomweb-gateway config-docs > docs/configuration.md

image: ## Build the container image, with whichever of docker, podman and buildah is here
	@for tool in docker podman buildah; do \
		command -v $$tool >/dev/null && exec $$tool build -t $(IMAGE) $(ARGS) .; \
	done; echo "Install docker, podman or buildah to build the image." >&2; exit 1

chart: $(DEV) ## Test the Helm chart, and pack it into dist/
	$(BIN)/pytest tests/deploy $(ARGS)
	mkdir -p dist
	$(BIN)/python -c "import helm_python; print(helm_python.package('$(CHART)', destination='dist'))"

lock: $(DEV) ## Write requirements/*.txt from pyproject.toml; with UPGRADE=--upgrade to newer releases
	$(LOCK) --group build -o requirements/build.txt
	$(LOCK) pyproject.toml -o requirements/run.txt
	$(LOCK) pyproject.toml --all-extras -c requirements/run.txt -o requirements/cloud.txt
	$(LOCK) pyproject.toml --group dev --all-extras -c requirements/run.txt -o requirements/dev.txt

clean: ## Remove environments, caches and what was built
	rm -rf .venv .venv-* .cache build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@python=$$(scripts/find-python $(PYTHON)) && echo "Making $(VENV) with $$python" && \
	{ "$$python" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }; }

# Only what the lock files name, by hash; the project itself is linked, so an edit is live.
$(RUN): requirements/build.txt requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing what the gateway runs on"
	@$(PIP) --require-hashes -r requirements/build.txt -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.txt $(RUN)
	@echo "Installing what development needs"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@
