# Farmers Market Platform. `make help` lists what there is; docs/development.md says more.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Linters, built on demand into .bin/NAME-VERSION: a new version here is a new file there. The versions of the programs
# that run in the stack (Prometheus, Alertmanager, Jaeger and their checkers) are in lookout/stack.
GOLANGCI_LINT := .bin/golangci-lint-v2.15.0
GOVULNCHECK   := .bin/govulncheck-v1.9.0
ACTIONLINT    := .bin/actionlint-v1.7.12

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# The databases that the tests use. They are created and dropped by the tests; nothing else in the server is touched.
export TEST_POSTGRES_URL ?= postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable
export TEST_REDIS_URL    ?= redis://127.0.0.1:6379

COMPOSE := docker compose --file compose/docker-compose.yaml

##@ Run

.PHONY: run
run: .bin/server .bin/lookout ## Start the market with its telemetry, no Docker needed (UP="--traffic 0" passes flags)
	@exec .bin/lookout up $(UP)

.PHONY: drill
drill: .bin/lookout ## Break the running API and see the page arrive (needs `make run` in another terminal)
	@exec .bin/lookout drill api-outage $(DRILL)

.PHONY: up
up: compose-ready secrets ## Start the same with Docker: PostgreSQL, Redis, Grafana, Loki and the rest
	@for key in pagerduty_routing_key slack_api_url; do \
	  [[ "$${ALERTMANAGER_CONFIG:-}" != alertmanager.yml || -s $(SECRETS)/alertmanager/$$key ]] || { \
	    echo "alertmanager.yml needs $(SECRETS)/alertmanager/$$key: docs/compose.md says what goes into it" >&2; exit 2; }; \
	done
	@[[ -z "$${SENTRY_ORG:-}" || -s $(SECRETS)/collector/sentry_auth_token ]] || { \
	  echo "SENTRY_ORG needs $(SECRETS)/collector/sentry_auth_token: docs/compose.md says what goes into it" >&2; exit 2; }
	@VERSION=$(VERSION) $(COMPOSE) up --build --detach --remove-orphans
	@echo
	@echo "home http://localhost:8090   API http://localhost:8080/docs   pager http://localhost:8091"
	@echo "Grafana http://localhost:3000 (admin, password in compose/secrets/grafana_admin_password)"

.PHONY: down
down: compose-ready ## Stop what `make up` started; its data stays (DOWN=--volumes deletes it)
	@$(COMPOSE) down --remove-orphans $(DOWN)

##@ Build

.PHONY: build
build: .bin/server .bin/lookout rum ## Build both programs into .bin/, and /rum.js where there is npm

# Always asked: go build knows better than a time stamp what is up to date, and is done in a second when it is. The flags
# are those of `lookout up`, which asks again. No cgo: neither program has C in it.
.PHONY: .bin/server
.bin/server:
	@echo "building $@"
	@CGO_ENABLED=0 go build -o $@ ./server

.PHONY: .bin/lookout
.bin/lookout:
	@echo "building $@"
	@CGO_ENABLED=0 go build -o $@ ./lookout

# What pages load to be measured. The server does without it, and says so at /rum.js.
RUM_JS := sdk/typescript/dist/browser/rum.js

.PHONY: rum
rum:
	@if command -v npm >/dev/null; then $(MAKE) $(RUM_JS); else echo "npm is not on PATH: /rum.js is not built" >&2; fi

$(RUM_JS): $(addprefix sdk/typescript/,package-lock.json package.json bundle.mjs) $(wildcard sdk/typescript/src/rum/*.ts)
	@echo "building $@"
	@cd sdk/typescript && npm ci --silent --no-audit --no-fund --prefer-offline && npm run --silent bundle

.PHONY: generate
generate: .bin/lookout ## Write the generated files: rules, Alertmanager configuration, dashboards
	@.bin/lookout build

# The OpenAPI document and all that is made from it. Needs npm; docs/sdk.md says more.
.PHONY: sdk
sdk: ## Write docs/openapi.json and the clients in sdk/ from the API's code
	@go run ./sdk/generate

.PHONY: clean
clean: ## Delete what was built and all state of the embedded mode
	@rm -rf .bin .run coverage.out coverage.txt sdk/typescript/node_modules sdk/typescript/dist

##@ Check

.PHONY: test
test: services upstream checkers collectors ## Run all tests with the race detector; print coverage
	@.ci/test

.PHONY: check
check: .bin/lookout ## Check every SLO, alert and dashboard against the telemetry catalogue
	@.bin/lookout check

.PHONY: lint
lint: lint-go lint-workflows lint-telemetry ## Run all linters

.PHONY: fresh
fresh: .bin/lookout ## Fail when a generated file is not what its source would generate
	@.bin/lookout build --check
	@go run ./sdk/generate --check
	@go mod verify >/dev/null
	@go mod tidy -diff

.PHONY: e2e
e2e: .bin/server upstream checkers ## Run the outage drill on real programs, in a stack of its own
	@.ci/e2e

.PHONY: bench
bench: .bin/server upstream ## Measure start-up, memory, detection time, lists and load, and what telemetry costs
	@.bin/lookout bench $(BENCH)
	@$(MAKE) bench-market

.PHONY: bench-market
bench-market: .bin/server ## The market's part of bench: a million products, load, the cost of HTTP (BENCH_MARKET=load)
	@go run ./server/bench $(BENCH_MARKET)

# The peers' dependencies are in a module of their own. PEERBENCH=--check fails when an aim is missed.
.PHONY: bench-telemetry
bench-telemetry: .bin/server ## Measure what telemetry costs, beside the usual middlewares, and with it off
	@cd telemetry/peerbench && go run . --server ../../.bin/server $(PEERBENCH)

bench: bench-telemetry

# Cheap failures first. The steps share two cores, so they run one after the other; each uses both.
.PHONY: ci
ci: ## Everything CI does, in its order
	@$(MAKE) lint-workflows
	@$(MAKE) fresh
	@$(MAKE) lint-telemetry
	@$(MAKE) lint-go
	@$(MAKE) test
	@$(MAKE) e2e

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Parts of the above.

.PHONY: lint-go
lint-go: $(GOLANGCI_LINT) $(GOVULNCHECK)
	@echo "golangci-lint"
	@$(GOLANGCI_LINT) run ./...
	@echo "govulncheck"
	@.ci/vulnerabilities $(GOVULNCHECK)

.PHONY: lint-workflows
lint-workflows: $(ACTIONLINT)
	@echo "actionlint"
	@$(ACTIONLINT)

.PHONY: lint-telemetry
lint-telemetry: checkers check lint-collectors
	@echo "promtool (with the rules that the configuration names), amtool"
	@export PATH="$(CURDIR)/.bin:$$PATH"; \
	  promtool check config --lint=all --lint-fatal compose/prometheus/prometheus.yml; \
	  amtool check-config compose/alertmanager/*.yml

.PHONY: lint-collectors
lint-collectors: collectors
	@echo "jaeger validate, otelcol-contrib validate (every combination of files)"
	@.ci/collectors

.PHONY: upstream
upstream: .bin/lookout
	@.bin/lookout tools --install prometheus alertmanager jaeger blackbox_exporter

.PHONY: collectors
collectors: .bin/lookout
	@.bin/lookout tools --install jaeger otelcol-contrib

.PHONY: checkers
checkers: .bin/lookout
	@.bin/lookout tools --install promtool amtool

.PHONY: services
services:
	@.ci/services

.PHONY: compose-ready
compose-ready:
	@docker compose version >/dev/null 2>&1 || { \
	  echo "make up needs Docker with Compose v2 (https://docs.docker.com/compose/install/); make run needs neither" >&2; exit 2; }

# Secrets of the Docker stack, made once. The folder is closed to other users of this machine; the files in it can be
# read by the containers' users, whose ids are not ours.
SECRETS := compose/secrets

.PHONY: secrets
secrets: $(addprefix $(SECRETS)/,postgres_password pgpass auth_keys grafana_admin_password \
  postgres_monitor_password probe_password stripe_secret_key stripe_webhook_secret \
  alertmanager/pager_url alertmanager/watchdog_url collector)

$(SECRETS):
	@mkdir -m 0700 $@

$(SECRETS)/alertmanager: | $(SECRETS)
	@mkdir -m 0755 $@

# Empty, unless the Collector is to send to Sentry.
$(SECRETS)/collector: | $(SECRETS)
	@mkdir -m 0755 $@

$(SECRETS)/%_password: | $(SECRETS)
	@head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' > $@
	@chmod 0444 $@

$(SECRETS)/pgpass: $(SECRETS)/postgres_password
	@printf 'postgres:5432:market:market:%s\n' "$$(cat $<)" > $@
	@chmod 0444 $@

$(SECRETS)/auth_keys: | $(SECRETS)
	@printf 'compose:%s' "$$(head -c 32 /dev/urandom | base64)" > $@
	@chmod 0444 $@

# Empty until somebody writes Stripe's into them.
$(SECRETS)/stripe_%: | $(SECRETS)
	@touch $@

$(SECRETS)/alertmanager/pager_url: | $(SECRETS)/alertmanager
	@printf 'http://pager:8091/webhook' > $@
	@chmod 0444 $@

$(SECRETS)/alertmanager/watchdog_url: | $(SECRETS)/alertmanager
	@printf 'http://pager:8091/watchdog' > $@
	@chmod 0444 $@

# The version is the one in the file's name. go install writes a program in one go at $GOBIN/NAME; it gets its name here
# only when it is complete, and replaces older versions.
define install
	@version=v$(lastword $(subst -v, ,$@)); echo "installing $(1)@$$version"; mkdir -p .bin; \
	  dir=$$(mktemp -d "$(CURDIR)/.bin/install.XXXXXX"); trap 'rm -rf "$$dir"' EXIT; \
	  GOBIN="$$dir" go install "$(1)@$$version"; rm -f .bin/$(notdir $(1))-v*; mv "$$dir/$(notdir $(1))" $@
endef

$(GOLANGCI_LINT):
	$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)

$(GOVULNCHECK):
	$(call install,golang.org/x/vuln/cmd/govulncheck)

$(ACTIONLINT):
	$(call install,github.com/rhysd/actionlint/cmd/actionlint)
