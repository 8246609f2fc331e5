# Every target works in a bare checkout on Debian 12; elsewhere see scripts/install-deps.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

JOBS ?= $(shell nproc)
# What is left of ctest's output: failures and the summary.
WITHOUT_PASSED := grep -vE '^ +Start +[0-9]+: | Passed +[0-9.]+ sec$$'
PYTEST := .venv/bin/python -m pytest -rs --color=auto

# The tests and the demo take a mongod from PATH, else the one that install-deps brings.
export PATH := $(PATH):$(CURDIR)/.venv/bin
export FM_BIN_DIR := $(CURDIR)/build/bin

.PHONY: help run build docs test test-long bench lint format mutants wheels index deps clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: deps build/build.ninja ## see a migration happen, on a server of its own
	@cmake --build --preset release -j $(JOBS) --target fiftyone-migrator fiftyone
	@scripts/demo

build: deps build/build.ninja ## install what is missing, build build/bin/fiftyone-migrator and build/bin/fiftyone
	@cmake --build --preset release -j $(JOBS)

test: build build-asan/build.ninja ## what CI runs: unit tests plain and sanitized, corpus, command line, properties
	cmake --build --preset asan -j $(JOBS)
	ctest --preset release -j $(JOBS) | $(WITHOUT_PASSED)
	ctest --preset asan -j $(JOBS) | $(WITHOUT_PASSED)
	$(PYTEST) -n $(JOBS) --dist loadfile -m 'not long' --junitxml=build/pytest.xml tests/corpus tests/cli tests/enterprise tests/python tests/property tests/deploy tests/docs

test-long: build build-tsan/build.ninja ## thread sanitizer, everything marked long, side by side with the real package
	@scripts/install-peer
	@scripts/install-tools
	@scripts/install-dist
	@scripts/install-browser
	@scripts/install-azurite
	@scripts/install-bench || echo "The tests against MinIO are skipped."
	cmake --build --preset tsan -j $(JOBS)
	ctest --preset tsan -j $(JOBS) | $(WITHOUT_PASSED)
	FM_CRASH_CASES=all build/bin/crash_test
	FM_CRASH_CASES=all $(PYTEST) -m long tests
	@scripts/fuzz

bench: build ## measure everything; REPORT=1 puts tables and charts into docs/benchmarks.md
	@scripts/install-peer
	@for part in run safety archives; do bench/$$part $(if $(REPORT),--report); done
	@if scripts/install-bench; then bench/media $(if $(REPORT),--report); else echo "bench/media is left out."; fi

docs: build ## the documentation as a site, in site/
	@scripts/install-tools
	@scripts/generate-reference
	NO_MKDOCS_2_WARNING=1 .venv-tools/bin/mkdocs build -q

lint: build ## format, clang-tidy, layers
	@scripts/lint

format: deps ## clang-format everything in place
	@scripts/lint --fix

mutants: build ## seeded faults, each to be caught by a test
	@tests/mutants/run

wheels: deps ## packages into dist/: wheel, sources, SDK facade, tarball
	@JOBS=$(JOBS) scripts/wheels

INDEX ?= dist/index
BIND ?= 127.0.0.1:8415
index: ## serve dist/ behind tokens on BIND, 127.0.0.1:8415 (docs/install.md)
	@scripts/install-dist
	@.venv-dist/bin/python deploy/index/index init $(INDEX)
	@for f in dist/*.whl dist/*.tar.gz; do case $$f in *linux*.tar.gz) ;; *) \
	  [[ -e $(INDEX)/packages/$${f##*/} ]] || .venv-dist/bin/python deploy/index/index add $(INDEX) $$f;; esac; done
	@.venv-dist/bin/python deploy/index/index serve $(INDEX) --bind $(BIND)

deps:
	@scripts/install-deps

# Ninja configures again by itself when a CMakeLists.txt changes.
build/build.ninja: CMakePresets.json | deps
	@cmake --preset release --log-level=NOTICE
build-asan/build.ninja: CMakePresets.json | deps
	@cmake --preset asan --log-level=NOTICE
build-tsan/build.ninja: CMakePresets.json | deps
	@cmake --preset tsan --log-level=NOTICE

clean: ## remove what was built; what was installed stays
	rm -rf build build-asan build-tsan build-fuzz build-wheel dist
