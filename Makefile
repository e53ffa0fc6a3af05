# Every check of CI has the same name here; `make verify` is what CI runs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The exhaustive sweeps of the barrier and of XA are one goroutine, in which there are no races: they run without the detector.
# Two packages at a time: each real-server layer starts servers of its own. The go command's caches are kept.
GOTEST := go test -p 2 -timeout 30m
RACE ?= -race
ARGS ?=
FUZZTIME ?= 10s
STATEMENTS ?= 100000
SPELL ?= 10m
SEED ?=

# The packages whose tests stand beside the code.
UNIT = $(shell go list ./... | grep -vE '/heddle/tests(/|$$)')

# The layers below drive the heddle that is built once, here, with the race detector in it.
LAYER_ENV = HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle-race HEDDLE_TEST_RACE=1
# -count=1: whether a test against a process may be taken from the cache, the go command cannot know.
LAYER = $(LAYER_ENV) $(GOTEST) $(RACE) -count=1 -v

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-23s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Install MariaDB's programs if they are missing, build, run `heddle dev`; flags in ARGS="--servers 4".
	@scripts/need --install server client
	@$(MAKE) build
	bin/heddle dev $(ARGS)

.PHONY: demo-txn
demo-txn: ## Move money over two servers through two proxies, kill one in the middle, see the other finish its transactions; the money is counted.
	@scripts/need --install server client
	@$(MAKE) build
	HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go run ./tests/xa/demo

.PHONY: demo-mesh
demo-mesh: ## Call one service that calls another that asks for rows, through one heddle: one trace is printed as a tree, one deadline ends all of it.
	@scripts/need --install server client
	@$(MAKE) build
	HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go run ./tests/rpc/demo

.PHONY: demo-rw
demo-rw: ## Show a failover in the terminal: clients write, the primary is killed, others promote a replica, then a planned switch; under a minute.
	@scripts/need --install server client
	@$(MAKE) build
	HEDDLE_DEMO=1 HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -count=1 -timeout 5m -run '^TestDemo$$' ./tests/replicas

# What `heddle version` says where the go command has not noted the commit.
LDFLAGS = -X github.com/heddle-mesh/heddle/sidecar/cli.commit=$(shell git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null)

.PHONY: build
build: ## Build bin/heddle.
	go build -ldflags "$(LDFLAGS)" -o bin/heddle ./cmd/heddle

.PHONY: build-race
build-race: ## Build bin/heddle-race, which the test layers drive.
	@scripts/need race
	go build -race -tags failpoints -ldflags "$(LDFLAGS)" -o bin/heddle-race ./cmd/heddle

.PHONY: need
need: ## Check that all programs the tests use are there; with CI=true install those that are not.
	@scripts/need race server client drivers load calls

.PHONY: test
test: need build-race ## Run every test layer with the race detector.
	$(GOTEST) $(RACE) $(UNIT)
	$(GOTEST) -run '^Test(EveryPath|TheSweepSees|CrashPoints|TheExplorerSees|Walks|Pairs|PairsSee|ClientPaths|ClientPathsSee)$$' ./governance/reload/barrier ./txn/xa
	$(LAYER_ENV) $(GOTEST) $(RACE) -count=1 ./tests/...

.PHONY: unit
unit: ## Run the tests beside the code (sidecar/dev among them, which wants mariadbd).
	@scripts/need race server
	$(GOTEST) $(RACE) $(UNIT)

.PHONY: arch
arch: ## Check the repository's own rules: imports, package comments, names.
	go test -count=1 ./tests/arch

.PHONY: differential
differential: build-race ## Ask one plain server and heddle the same questions.
	@scripts/need server
	$(LAYER) ./tests/differential/...

.PHONY: differential-mariadb11
differential-mariadb11: build ## Ask a MariaDB 11.4 and heddle over such servers the same questions (not in CI: 150 MB to fetch).
	PATH="$$(scripts/mariadb11):$$PATH" HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -count=1 -timeout 60m -run '^TestDifferential$$' ./tests/differential

.PHONY: test-mysql
test-mysql: build ## Run heddle over MySQL's servers: logins, clients, both families, then differential-mysql (65 MB to fetch).
	HEDDLE_TEST_SERVER="$$(scripts/mysql)/mysqld" HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -count=1 -timeout 20m -tags mysql ./tests/mysql
	@$(MAKE) --no-print-directory differential-mysql

.PHONY: differential-replicas
# A server that logs refuses a LIMIT of '-1' in DELETE and UPDATE, which the plain one takes: parameters/limits differ by that.
differential-replicas: build-race ## Ask one server and heddle the same questions while it reads from replicas (four servers more).
	@scripts/need server
	HEDDLE_DIFFERENTIAL_REPLICAS=1 $(LAYER) -timeout 30m -run '^TestDifferential$$' ./tests/differential

.PHONY: differential-mysql
differential-mysql: build ## Ask a MySQL server and heddle over such servers the same questions, in all states of XA too (65 MB to fetch).
	HEDDLE_TEST_SERVER="$$(scripts/mysql)/mysqld" HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -count=1 -timeout 90m -run '^Test(Differential|ClientXAStates)$$' ./tests/differential

.PHONY: interop
interop: build-race ## Run stock drivers and command-line clients against heddle.
	@scripts/need server client drivers load
	$(LAYER) ./tests/interop/...

.PHONY: fault
fault: build-race ## Kill servers, cut links, fill pools, lose the store.
	@scripts/need server
	$(LAYER) ./tests/fault/...

.PHONY: replicas
replicas: build-race ## Run heddle before real replication: late, killed, frozen and promoted servers.
	@scripts/need server
	$(LAYER) ./tests/replicas/...

.PHONY: replicas-mysql
# Left out is what MariaDB's binary log does to XA.
replicas-mysql: build-race ## Run heddle before real replication of MySQL's servers (65 MB to fetch).
	HEDDLE_TEST_SERVER="$$(scripts/mysql)/mysqld" $(LAYER) -tags mysql -skip '^TestBinaryLog.*$$' ./tests/replicas

PAIRS ?= 10000
# Over MySQL: make replicas-pairs HEDDLE_TEST_SERVER="$(scripts/mysql)/mysqld".
.PHONY: replicas-pairs
replicas-pairs: build ## Write and read back PAIRS (10000) rows over late and stopped replicas of two primaries: no user sees less than he wrote.
	@scripts/need server
	HEDDLE_PAIRS=$(PAIRS) HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -count=1 -v -timeout 30m -run '^TestReadYourWrites$$' ./tests/replicas

.PHONY: rpc
rpc: build-race ## Run heddle between stock clients and servers of HTTP.
	@scripts/need server calls
	$(LAYER) ./tests/rpc/...

SWITCHES ?= 20
# Over MySQL: make switches HEDDLE_TEST_SERVER="$(scripts/mysql)/mysqld".
.PHONY: switches
switches: build ## Move a primary SWITCHES (20) times under sysbench and other load: no client sees an error; then let every step fail, and commands and instances die there.
	@scripts/need server load
	HEDDLE_SWITCHES=$(SWITCHES) HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -timeout 0 -count=1 -v -run '^Test(PlannedSwitches|SwitchFails|PrimaryKilledInSwitch|InstanceDiesInSwitch|SuccessorDiesInSwitch)$$' ./tests/replicas

N ?= 20
# Over MySQL: make failovers HEDDLE_TEST_SERVER="$(scripts/mysql)/mysqld".
.PHONY: failovers
failovers: build ## Kill a primary under load, promote another, N (20) times: how long until the first write is told.
	@scripts/need server
	HEDDLE_FAILOVERS=$(N) HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -timeout 0 -count=1 -v -run '^TestFailovers$$' ./tests/replicas

.PHONY: xa-mysql
xa-mysql: ## Let distributed transactions die everywhere over MySQL's servers, and recover them (65 MB to fetch).
	go build -tags failpoints -o bin/heddle-failpoints ./cmd/heddle
	HEDDLE_TEST_SERVER="$$(scripts/mysql)/mysqld" HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle-failpoints $(GOTEST) -count=1 -v ./tests/xa

TYPES ?= local xa
.PHONY: fault-sweep
fault-sweep: build-race ## Try every fault at every moment of every kind of statement, with transactions of TYPES ("local xa"); the figures go to bin/fault-sweep-*.md.
	@scripts/need server
	for type in $(TYPES); do HEDDLE_FAULT_TRANSACTIONS=$$type HEDDLE_FAULT_SWEEP=$(CURDIR)/bin/fault-sweep-$$type.md $(LAYER_ENV) go test $(RACE) -timeout 0 -count=1 -v -run '^TestFaultSweep$$' ./tests/fault; done

.PHONY: xa
xa: ## Let distributed transactions die everywhere over real servers, and recover them; SEED= what chance decides, as a run has printed it.
	@scripts/need server
	HEDDLE_SEED=$(SEED) $(GOTEST) $(RACE) -count=1 -v ./tests/xa
	$(GOTEST) -v -run '^Test(EveryPath|CrashPoints|TheExplorerSees|Walks|Pairs|PairsSee|ClientPaths|ClientPathsSee)$$' ./txn/xa

.PHONY: xa-spells
xa-spells: build-race ## Freeze servers for 20 s in every step of a commit, a proxy and the etcd for 60 s: what make xa has for as long as it takes.
	@scripts/need server
	HEDDLE_XA_SPELL=20s $(LAYER) -run '^TestServersFreezeInEveryStep$$' ./tests/xa
	HEDDLE_XA_SPELL=60s $(LAYER) -run '^Test(Scenarios|StoreAway)$$' ./tests/xa

INJECTIONS ?= 10000
FAULTS ?= 1000
.PHONY: torture
torture: ## Let drivers of XA transactions die at INJECTIONS (10000) failpoints, then processes, servers and links by FAULTS (1000); goes on from bin/torture*; SEED= another run.
	@scripts/need server
	HEDDLE_EXPLORE=1 go test -timeout 0 -count=1 -v -run '^Test(EveryPath|Pairs)$$' ./txn/xa
	mkdir -p bin
	HEDDLE_TORTURE=$(CURDIR)/bin/torture.txt HEDDLE_TORTURE_COUNT=$(INJECTIONS) HEDDLE_SEED=$(SEED) go test -timeout 0 -count=1 -v -run '^TestTorture$$' ./tests/xa
	@$(MAKE) torture-processes

DEATHS ?= 10000
.PHONY: torture-deaths
torture-deaths: ## Let drivers of XA transactions die at DEATHS (10000) failpoints, over servers without a binary log; goes on from bin/torture-deaths.txt; SEED= another run.
	@scripts/need server
	mkdir -p bin
	HEDDLE_XA_FLAGS= HEDDLE_TORTURE=$(CURDIR)/bin/torture-deaths.txt HEDDLE_TORTURE_DEATHS=$(DEATHS) HEDDLE_SEED=$(SEED) go test -timeout 0 -count=1 -v -run '^TestTorture$$' ./tests/xa

.PHONY: torture-processes
torture-processes: ## Its second half: kill, freeze and cut off real processes FAULTS (1000) times; goes on from bin/torture-processes.json; SEED= another run; THEMES="stand mend" of these only.
	@scripts/need server
	go build -tags failpoints -o bin/heddle-failpoints ./cmd/heddle
	HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle-failpoints HEDDLE_TORTURE_PROCESSES=$(CURDIR)/bin/torture-processes.json HEDDLE_TORTURE_COUNT=$(FAULTS) \
		HEDDLE_SEED=$(SEED) HEDDLE_TORTURE_THEMES="$(THEMES)" go test -timeout 0 -count=1 -v -run '^TestProcesses$$' ./tests/xa

READS ?= 100000
.PHONY: atomic-reads
atomic-reads: build ## Read READS (100000) times with heddle_read = 'atomic' while money is moved over four data sources.
	@scripts/need server
	HEDDLE_READS=$(READS) HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -timeout 0 -count=1 -v -run '^TestAtomicReads$$' ./tests/fault

.PHONY: crosstalk
crosstalk: build ## Have 64 clients on few connections read back what they wrote, for SPELL (10m).
	@scripts/need server
	HEDDLE_CROSSTALK=$(SPELL) HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -timeout 0 -count=1 -v -run '^TestCrossTalk$$' ./tests/fault

.PHONY: soak
soak: SPELL = 1h
soak: build ## Have clients of all kinds work for SPELL (1h) while rules change every second; what is held goes to bin/soak.md.
	@scripts/need server
	HEDDLE_SOAK=$(CURDIR)/bin/soak.md HEDDLE_SOAK_SPELL=$(SPELL) HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -timeout 0 -count=1 -v -run '^TestSoak$$' ./tests/fault

.PHONY: rule-changes
rule-changes: CHANGES ?= 500
rule-changes: build ## Change rules CHANGES (500) times while two instances are under load: no statement fails.
	@scripts/need server
	HEDDLE_RULE_CHANGES=$(CHANGES) HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -timeout 0 -count=1 -v -run '^TestManyChanges$$' ./tests/mesh

.PHONY: large-rules
large-rules: build ## Time what validates 10,000 tables (the parser and the command), what applies them, and a rollback of small rules on three instances.
	@scripts/need server
	go test ./router/rule -run '^$$' -bench 'Validate10000Tables'
	HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -count=1 -v -run '^Test(TenThousandTables|RollbackLatency)$$' ./tests/mesh

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (10s); bin/fuzz.tsv adds up, `scripts/fuzz sum` shows it.
	scripts/fuzz $(FUZZTIME)

.PHONY: fuzz-sql
fuzz-sql: build-race ## Run STATEMENTS (100000) generated statements on both sides; SEED= repeats a run.
	@scripts/need server
	HEDDLE_FUZZ_STATEMENTS=$(STATEMENTS) HEDDLE_FUZZ_SEED=$(SEED) $(LAYER_ENV) go test $(RACE) -timeout 0 -count=1 -v -run '^TestGenerated' ./tests/differential/...

.PHONY: bench
bench: build ## Measure point selects: direct, HAProxy, a bare relay, heddle, in turns; flags in ARGS. Transactions: bench-xa.
	@scripts/need server haproxy
	go run ./bench $(ARGS)

.PHONY: bench-xa
bench-xa: build ## Measure what atomic transactions cost: fsyncs, and two written servers in LOCAL, XA and textbook XA, in turns; flags in ARGS.
	@scripts/need server
	HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go run ./bench/xa $(ARGS)

.PHONY: bench-rpc
bench-rpc: build ## Measure what the hop of a call costs beside nginx, HAProxy, a bare relay and net/http, in turns; flags in ARGS (-grpc, -outstanding).
	@scripts/need server haproxy
	go run ./bench/rpc $(ARGS)

.PHONY: bench-hedge
bench-hedge: build ## Measure the slowest calls where one server of ten is slow for some, with and without hedging, by round robin and peak EWMA; flags in ARGS.
	go run ./bench/hedge $(ARGS)

.PHONY: offered-load
offered-load: build ## Count what comes to servers that fail every request, in five ways by four protocols, beside the calls: at most 1.25 times as much; under a minute.
	@scripts/need server
	HEDDLE_OFFERED=2s HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -timeout 0 -count=1 -v -run '^TestOfferedLoad$$' ./tests/rpc

ROTATIONS ?= 30
.PHONY: rotations
rotations: build ## Write the certificates of a process anew ROTATIONS (30) times, every 2 s, while clients call by TLS on kept connections and on new ones: none fails.
	@scripts/need server
	HEDDLE_ROTATIONS=$(ROTATIONS) HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -timeout 0 -count=1 -v -run '^TestCertificatesInFilesAreRotated$$' ./tests/rpc

CALLS ?= 500
.PHONY: deadlines
deadlines: build ## Measure by how much callers and statements outlive the time of CALLS (500) calls through three services, one after the other.
	@scripts/need server
	HEDDLE_DEADLINES=$(CALLS) HEDDLE_TEST_BINARY=$(CURDIR)/bin/heddle go test -timeout 0 -count=1 -v -run '^TestDeadlines$$' ./tests/rpc

.PHONY: bench-compare
bench-compare: ## Measure two commits in one run: OLD=main~5 NEW=main; flags in ARGS.
	@scripts/need server haproxy
	scripts/bench-compare $(OLD) $(NEW) $(ARGS)

.PHONY: vet
vet: ## Run go vet.
	go vet ./...
	go vet -tags failpoints ./sidecar
	go vet -tags mysql ./tests/mysql ./tests/replicas

.PHONY: fmt
fmt: ## Fail if gofmt would change a file.
	@scripts/fmt

.PHONY: fmt-write
fmt-write: ## Let gofmt change the files.
	@scripts/fmt -w

.PHONY: tidy
tidy: ## Fail if go.mod or go.sum would be changed by go mod tidy.
	go mod tidy -diff

.PHONY: cross
cross: ## Build and vet for linux/arm64, darwin/arm64 and darwin/amd64.
	for target in linux/arm64 darwin/arm64 darwin/amd64; do \
		echo "== $$target"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0 go vet ./...; \
		GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0 go build -o /dev/null ./cmd/heddle; \
	done

.PHONY: verify
verify: fmt vet tidy test cross ## What CI runs; there with CI=true, so that what is missing is installed.

.PHONY: clean
clean: ## Remove what was built here; the go command's caches and kept demo data stay.
	rm -rf bin
