# The words people type. Each installs what it needs: a fresh machine needs only python3 (3.11 or newer), make and git.
# Everything is installed into .venv, from requirements.lock, with hashes. Another interpreter: make PYTHON=python3.13 run

PYTHON  = python3
# The address that `make run` serves: make run HOST=0.0.0.0 PORT=9000
HOST    = 127.0.0.1
PORT    = 8000
# Tests that run at a time. More than two cores can carry would win little, and delay the ones that watch the clock.
JOBS    = 2
# Environments of `make test`; lint, types, docs and the tests on this interpreter run without tox, once.
TOXENVS = py311,py312,py313,dist-host,dist-oci,dist-cloudru,dist-docker-mcp,dist-hello

VENV    = .venv
PY      = $(VENV)/bin/python
UV      = $(VENV)/bin/uv
# An editable install needs no second look when only its code changes, so the stamps depend on metadata alone.
METADATA = requirements.lock host/pyproject.toml $(wildcard plugins/*/pyproject.toml)
MEMBERS  = host plugins/cloudru plugins/docker_mcp plugins/oci
SOURCES  = $(shell find host plugins examples -type f \( -path '*/src/*.py' -o -name '*.md' -o -name '*.tmpl' -o -name pyproject.toml \))
TYPED    = $(addsuffix /src,$(MEMBERS)) examples/hello_plugin/src examples/demo
# Tests of one file stay together: they share what they set up.
TOGETHER = -n $(JOBS) --dist loadfile
GROUPS   = lint types test docs release
# Any program that takes docker's words: make docker-build DOCKER=podman
DOCKER   = docker
IMAGE    = fuseboard

# Only the interpreters of this machine are used, and nothing asks for a newer pip.
export UV_PYTHON_DOWNLOADS = never
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export JOBS

# Property tests then draw the same examples in every run, so what a commit is told can be told again; pytest by hand explores.
test tests tox check: export CI = true

.NOTPARALLEL:
.PHONY: help install run demo tour test test-unit test-integration test-cov lint format types tests tox check coverage \
	env-check env-example health docker-build docker-run compose-up compose-down compose-logs deploy-check lock build bench clean

help: ## list these words
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | while IFS='|' read -r word text; do \
		printf '%-22s %s\n' "$$word" "$$text"; done

install: $(VENV)/.develop ## everything for working on fuseboard, into .venv

run: $(VENV)/.runtime ## serve the host and the plugins of this checkout at http://127.0.0.1:8000/mcp
	$(PY) -m fuseboard http --host $(HOST) --port $(PORT)

demo: $(VENV)/.runtime ## try it without an account: a registry in memory, a simulated Cloud.ru, two small servers
	@$(PY) examples/demo serve --port $(PORT)

tour: $(VENV)/.runtime ## the same, and a client that calls every tool once and tells of it
	@$(PY) examples/demo tour

env-check: $(VENV)/.runtime ## what is missing in the settings, and what is wrong
	@$(VENV)/bin/fuseboard check

env-example: $(VENV)/.runtime ## write .env.example: everything that can be set, with its default
	$(PY) -m fuseboard.cli.env_example .env.example

health: $(VENV)/.runtime ## ask the host that runs at HOST and PORT whether it is well
	@$(VENV)/bin/fuseboard health http://$(HOST):$(PORT)

test: lint types tox tests ## everything that CI runs, but for deploy-check

test-unit: $(VENV)/.develop dist/.built ## the tests that take little time and need nothing but Python
	$(PY) -m pytest $(TOGETHER) -m "not external and not slow"

test-integration: $(VENV)/.develop dist/.built ## the tests with foreign programs, and with CLOUD_RU_* set the real Cloud.ru
	$(PY) -m pytest $(TOGETHER) -m external
	FUSEBOARD_CLOUDRU_LIVE=1 $(PY) -m pytest tests/plugins/cloudru/test_live.py

test-cov: coverage ## the same as coverage

lint: $(VENV)/.develop ## ruff: rules and format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(VENV)/.develop ## let ruff rewrite what it can
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

types: $(VENV)/.develop ## mypy, strict, on everything that is shipped
	$(PY) -m mypy $(TYPED)

tests: $(VENV)/.develop dist/.built ## the whole test tree on this interpreter
	$(PY) -m pytest $(TOGETHER)

# pyenv hides its interpreters behind scripts that answer for one version only, so its folders are put on the path as well.
tox: $(VENV)/.develop dist/.built ## the built wheels: on the other interpreters, and each plugin alone with the host
	PATH="$$PATH$$(printf ':%s' "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/*/bin)" $(PY) -m tox run -e $(TOXENVS) \
		--skip-env "$$($(PY) -c 'import sys; print("py%d%d" % sys.version_info[:2])')"

check: lint types ## lint, types and the tests that need nothing but Python: before a commit
	$(PY) -m pytest $(TOGETHER) -m "not external"

coverage: $(VENV)/.develop ## which lines those tests reach, child processes included
	$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest -q -m "not external"
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

docker-build: ## the image of the host and its plugins, by deploy/Dockerfile; PLUGINS="oci", "" for none
	$(DOCKER) build --file deploy/Dockerfile $(if $(filter undefined,$(origin PLUGINS)),,--build-arg PLUGINS="$(PLUGINS)") --tag $(IMAGE) .

# Nobody but this machine reaches the port that is published, so nobody has to sign in unless .env says so. What .env
# says of the address is for `make run`: inside, it would be the container's own loopback.
docker-run: ## serve from that image at PORT of this machine, with the settings of .env
	$(DOCKER) run --rm --init --publish 127.0.0.1:$(PORT):8000 --env FUSEBOARD_HTTP__ALLOW_UNAUTHENTICATED=true \
		--env FUSEBOARD_HTTP__HOST=0.0.0.0 --env FUSEBOARD_HTTP__PORT=8000 \
		$(addprefix --env-file ,$(wildcard .env)) $(IMAGE)

compose-up: ## serve in the background, by deploy/compose.yaml
	$(DOCKER) compose --file deploy/compose.yaml up --build --detach

compose-down: ## end what compose-up began
	$(DOCKER) compose --file deploy/compose.yaml down

compose-logs: ## follow its log
	$(DOCKER) compose --file deploy/compose.yaml logs --follow

# The files of deploy/ are read by their tools in `make test`. This takes minutes, and root for an engine of its own.
deploy-check: $(VENV)/.develop ## build the image by deploy/Dockerfile and run it, in a Docker engine that the tests start
	FUSEBOARD_DEPLOY_CHECK=1 $(PY) -m pytest tests/deploy/test_image.py

lock: $(VENV)/.uv ## resolve requirements.lock anew: make lock, or make lock UPGRADE=--upgrade
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
		--no-emit-package fuseboard --custom-compile-command "make lock" $(UPGRADE) $(addprefix --group ,$(GROUPS)) \
		$(addsuffix /pyproject.toml,$(MEMBERS)) examples/hello_plugin/pyproject.toml --output-file requirements.lock

build: dist/.built ## a wheel of every distribution, into dist/

bench: $(VENV)/.develop ## the benchmarks, see benchmarks/README.md; make bench BENCH=--quick
	$(PY) benchmarks/run.py $(BENCH)
	$(PY) benchmarks/run_oci.py $(BENCH)
	$(PY) benchmarks/run_docker_mcp.py $(BENCH)

clean: ## remove everything that these words made
	rm -rf $(VENV) .tox dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis .cache
	find . -type d \( -name __pycache__ -o -name node_modules -o -name .cache \) -prune -exec rm -rf {} +

# uv installs the rest, fast; uv itself comes by pip, with the hashes that the lock gives for it.
$(VENV)/.uv: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "fuseboard needs Python 3.11 or newer; $(PYTHON) is older. Name another: make PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
		echo "$(PYTHON) comes without venv; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.txt
	$(PY) -m pip install --quiet --require-hashes --only-binary :all: --requirement $(VENV)/uv.txt
	@touch $@

# Pins and hashes of the lock bind everything that is installed, and the build backend too.
$(VENV)/.runtime: $(VENV)/.uv $(METADATA)
	$(UV) pip install --quiet --compile-bytecode --python $(PY) --constraints requirements.lock \
		--build-constraints requirements.lock \
		$(addprefix --editable ./,$(MEMBERS))
	@touch $@

$(VENV)/.develop: $(VENV)/.runtime
	$(UV) pip install --quiet --python $(PY) --requirements requirements.lock
	@touch $@

dist/.built: $(VENV)/.uv $(SOURCES)
	rm -rf dist
	for member in $(MEMBERS) examples/hello_plugin; do \
		$(UV) build --quiet --wheel --python $(PY) --build-constraints requirements.lock --out-dir dist "$$member" || exit 1; done
	@touch $@
