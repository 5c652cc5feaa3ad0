STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI    = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: help run test check staticcheck lint fuzz chaos chaos-pipe chaos-timers chaos-chat bench

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 13

run: ## all in one with the LINE simulator, on http://127.0.0.1:8080
	go run ./cmd/frontdesk dev

test: ## all tests, as in the README
	go test ./...

check: ## what a change must pass: format, vet, staticcheck, tests with the race detector
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	go vet ./...
	@$(MAKE) -s staticcheck
	go test -race ./...

staticcheck: ## the analyser alone
	go run $(STATICCHECK) ./...

lint: ## the linters of .golangci.yml (slow to build the first time)
	go run $(GOLANGCI) run

fuzz: ## fuzz every parser of foreign bytes with FUZZ inputs each (default 500000x)
	./scripts/fuzz $${FUZZ:-500000x}

chaos: ## kill the server under load while LINE fails in every way (CHAOS, default 3m30s)
	FRONTDESK_CHAOS_DURATION=$${CHAOS:-3m30s} go test ./server -run 'TestChaos$$' -count=1 -v -timeout 20m

chaos-pipe: ## the same with a bot by pipe, whose processes are killed as well (CHAOS)
	FRONTDESK_CHAOS_DURATION=$${CHAOS:-3m30s} go test ./server -run 'TestChaosPipe$$' -count=1 -v -timeout 20m

chaos-timers: ## kill the server KILLS times (default 100), with 100 timers waiting for each
	FRONTDESK_TIMER_KILLS=$${KILLS:-100} go test ./server -run 'TestTimerKills$$' -count=1 -v -timeout 20m

chaos-chat: ## RUNS runs (default 100) of chat clients that lose connections, acks and messages at random
	FRONTDESK_CHAT_RUNS=$${RUNS:-100} go test ./internal/room -run 'TestEveryListIsTheStreams$$' -count=1 -v -timeout 20m

bench: ## webhooks and sending per second beside references (8 minutes)
	go run ./cmd/frontdesk bench ingest
	go run ./cmd/frontdesk bench send
