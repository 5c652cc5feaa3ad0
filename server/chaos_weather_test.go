package server_test

import (
	"math/rand/v2"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// weather is what LINE does to a server for some seconds.
type weather struct {
	name   string
	faults linesim.Faults
	rates  linesim.Rates // zero: LINE's own
}

// sendEndpoints are those of which the outcome matters.
func sendEndpoints() []string { return []string{"reply", "push", "multicast", "broadcast"} }

// onSends lets the calls that send, and nothing else, fail in a way.
func onSends(f linesim.EndpointFaults) linesim.Faults {
	faults := linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{}}
	for _, endpoint := range sendEndpoints() {
		faults.Endpoints[endpoint] = f
	}
	return faults
}

// onAll lets all calls fail in a way.
func onAll(f linesim.EndpointFaults) linesim.Faults {
	return linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{"*": f}}
}

// callWeather is all that happens to calls, each for the given time.
func callWeather(d time.Duration) []weather {
	return []weather{
		{name: "fine"},
		{name: "500", faults: onAll(linesim.EndpointFaults{ErrorShare: 0.3, AcceptedBeforeError: 0.5, Status: 500})},
		{name: "all 503", faults: onSends(linesim.EndpointFaults{ErrorShare: 1, AcceptedBeforeError: 0.5, Status: 503})},
		{name: "cut", faults: onAll(linesim.EndpointFaults{ErrorShare: 0.2, AcceptedBeforeError: 0.5})},
		{name: "reset", faults: onAll(linesim.EndpointFaults{ErrorShare: 0.2, AcceptedBeforeError: 0.5, Reset: true})},
		{name: "no answer", faults: onSends(linesim.EndpointFaults{ErrorShare: 0.2, AcceptedBeforeError: 0.5, Hang: true})},
		{name: "slow", faults: onSends(linesim.EndpointFaults{LatencyMS: 400})},
		{name: "outage", faults: linesim.Faults{OutageMS: d.Milliseconds()}},
		{name: "half the rate", rates: linesim.Rates{Factor: 0.5, BurstMS: 100}},
		{name: "a twentieth of the rate", rates: linesim.Rates{Factor: 0.05, BurstMS: 100}},
		{name: "429 below the rate", faults: onSends(linesim.EndpointFaults{ErrorShare: 0.1, Status: 429})},
	}
}

// webhookWeather is all that happens to webhooks.
func webhookWeather() []linesim.WebhookFaults {
	redelivery := linesim.Redelivery{Count: 10, IntervalMS: 300}
	return []linesim.WebhookFaults{
		{},
		{Redelivery: redelivery},
		{Duplicates: linesim.Duplicates{Share: 0.2, AfterMS: 20}},
		{Reorder: linesim.Reorder{Share: 0.2, HoldMS: 300}},
		{Late: linesim.Late{Share: 0.1, ByMS: 400}},
		{Batch: linesim.Batch{Size: 20, WindowMS: 30}},
		{
			Redelivery: redelivery, Duplicates: linesim.Duplicates{Share: 0.1},
			Reorder: linesim.Reorder{Share: 0.1, HoldMS: 200}, Late: linesim.Late{Share: 0.05, ByMS: 200}, Batch: linesim.Batch{Size: 5},
		},
	}
}

// forecast deals the weather: every kind comes up before one comes again.
type forecast struct {
	dice     *rand.Rand
	calls    []int
	webhooks []int
}

func (f *forecast) next(d time.Duration) weather {
	calls, webhooks := callWeather(d), webhookWeather()
	now := calls[f.deal(&f.calls, len(calls))]
	now.faults.Webhooks = webhooks[f.deal(&f.webhooks, len(webhooks))]
	now.faults.Seed = f.dice.Uint64()
	return now
}

// deal takes a card of a deck, which is shuffled anew when it is empty.
func (f *forecast) deal(deck *[]int, size int) int {
	if len(*deck) == 0 {
		*deck = f.dice.Perm(size)
	}
	card := (*deck)[0]
	*deck = (*deck)[1:]
	return card
}
