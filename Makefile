# Each target sets up what it needs (tools/setup skips what is ready). `make help` lists them.
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help up demo test test-unit test-integration test-faults failover infra mutants check bench-indexing bench-queue bench-listeners bench-beat bench-deploy loadtest down backup restore base-backup recover rotate-secrets worker beat pin-images bench-ledger wipe clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z -]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

up: ## Everything needed on a fresh machine, then Millrace on 127.0.0.1:5001 until Ctrl-C
	@tools/setup --quiet
	@MODE=all exec tools/run node worker/main.ts

demo: ## Index the sample documents and ask them questions; ends by itself
	@tools/setup --quiet
	@exec tools/run node worker/cli/main.ts demo

test: ## Every check and every suite, with what they need (Docker among it)
	@exec tools/test/all

test-unit: ## The unit tests only: seconds, no servers
	@tools/setup --quiet
	@exec tools/run vitest run --project unit

test-integration: ## The tests on real servers
	@tools/setup --quiet --for test
	@exec tools/run vitest run --project integration

test-faults: ## The tests that kill what they run on
	@tools/setup --quiet --for test
	@exec tools/run vitest run --project faults --passWithNoTests

failover: ## The faults that take too long for every day, those of Redis with 10,000 tasks each, those of processes on Sentinel and Cluster (about 50 min)
	@tools/setup --quiet --for test
	@exec tools/run vitest run --project failover

infra: ## Deployments: what make test deploys, and every topology with and without TLS, killed, stopped, started in any order (about an hour)
	@tools/setup --quiet --for test
	@exec tools/run vitest run --project infra --project matrix

mutants: ## Break each rule of delivery in a copy of the tree and see its test fail (MUTANTS="id …" or --no-docker; about half an hour)
	@tools/setup --quiet --for test
	@exec tools/run node tools/mutants/main.ts $(MUTANTS)

check: ## Types, format, lint, dead code, dependency arrows, generated docs, compose files, stacks; changes nothing
	@tools/setup --quiet --for check
	@exec tools/run node tools/check/main.ts

bench-indexing: ## Extraction and splitting against Python's libraries, and the whole pipeline
	@tools/setup --quiet --for bench
	@exec tools/run node tools/bench/indexing.ts

bench-queue: ## Enqueue, throughput and pickup against Celery and bare BullMQ (BENCH="--full": also 1,000,000 waiting)
	@tools/setup --quiet --for bench
	@tools/setup --quiet --for test
	@exec tools/run node tools/bench/queue/main.ts $(BENCH)

bench-listeners: ## 5,000 who listen to one API process: memory, processor, delay
	@tools/setup --quiet --for test
	@exec tools/run node tools/bench/listeners/main.ts $(BENCH)

bench-beat: ## Lateness of 1,000 schedules a second, 100,000 of one instant, the cost of an idle beat
	@tools/setup --quiet --for test
	@exec tools/run node tools/bench/beat/main.ts $(BENCH)

bench-ledger: ## Plans of the hot path's statements beside 10,000,000 finished tasks (BENCH="--rows 100000000"); writes docs/reference/query-plans.md
	@tools/setup --quiet --for test
	@exec tools/run node tools/bench/ledger-plans.ts $(BENCH)

bench-deploy: ## Seconds from deploy to the first task, from 1 worker to 3, memory at rest, by topology and door (BENCH="--only standalone")
	@tools/setup --quiet --for kit
	@exec tools/run node tools/bench/deploy/main.ts $(BENCH)

loadtest: ## k6 against a Millrace that runs: SCENARIO=smoke, throughput, latency, indexing or scaling (ARGS="…" for k6, or of scaling)
	@tools/run sh -c 'command -v k6' >/dev/null || tools/setup --for kit
	@if [ "$(SCENARIO)" = scaling ]; then exec tools/run node loadtest/scaling.ts $(ARGS); fi; \
	  SCENARIO="$(SCENARIO)" exec tools/run k6 run $(ARGS) loadtest/main.ts

pin-images: ## Write the kit's images with today's digests to compose/.env, where a registry answers
	@exec tools/pin-images

wipe: ## Remove the data that a destroyed stack left (STACK=standalone, sentinel, cluster or external; asks first, YES=1 does not)
	@exec tools/run node stacks/wipe.ts "$(STACK)" $(if $(YES),--yes)

down: ## Stop the deployment by compose, whatever its overlays; keeps its data
	@exec compose/day-two/down.sh

backup: ## Postgres and the stored files of the deployment by compose, or of STACK, while it runs (TO=folder)
	@STACK="$(STACK)" exec compose/day-two/backup.sh $(TO)

restore: ## Put a backup in the place of what the deployment by compose, or STACK, holds (FROM=folder; YES=1 asks nobody)
	@STACK="$(STACK)" exec compose/day-two/restore.sh "$(FROM)" $(if $(YES),--yes)

base-backup: ## Postgres into the archive of its WAL, while it runs (with MILLRACE_WAL=wal-archive)
	@exec compose/day-two/base-backup.sh

recover: ## Postgres anew from the newest base backup and the archived WAL (TO=time, WITHIN=seconds; YES=1 asks nobody)
	@TO="$(TO)" WITHIN="$(WITHIN)" exec compose/day-two/recover.sh $(if $(YES),--yes)

rotate-secrets: ## New passwords and certificates for the deployment by compose; work stays queued meanwhile
	@exec tools/run node worker/cli/main.ts rotate-secrets

worker beat: ## A worker (or beat) of this checkout, on the Redis and Postgres of compose
	@tools/setup --quiet --for kit
	@exec compose/day-two/dev.sh $@

clean: ## Remove benchmark results and caches in the tree; keeps .millrace (data) and the cache folder
	@rm -rf .bench coverage node_modules/.vite node_modules/.vitest node_modules/.cache
	@echo "removed .bench, coverage and caches in node_modules"
	@if [ -d "$${MILLRACE_HOME:-.millrace}" ]; then echo "kept $${MILLRACE_HOME:-.millrace}, which holds data: remove it by hand to start anew"; fi
