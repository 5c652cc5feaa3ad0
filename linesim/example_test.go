package linesim_test

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

// Let one push in two fail after LINE took it, to see whether a bot sends it twice.
func ExampleSimulator_SetFaults() {
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		panic(err)
	}
	err = sim.SetFaults(linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{
		"push": {ErrorShare: 0.5, AcceptedBeforeError: 1, Status: http.StatusInternalServerError},
	}})
	fmt.Println(err)
	err = sim.SetFaults(linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{"push": {ErrorShare: 50}}})
	fmt.Println(err)
	// Output:
	// <nil>
	// invalid faults of push: errorShare is 50, want 0 to 1
}

// Let a webhook that the bot did not take come again, late and beside others, as LINE does in a rush.
func ExampleFaults() {
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		panic(err)
	}
	fmt.Println(sim.SetFaults(linesim.Faults{Seed: 42, Webhooks: linesim.WebhookFaults{
		Redelivery: linesim.Redelivery{Count: 5, IntervalMS: 10_000},
		Duplicates: linesim.Duplicates{Share: 0.01},
		Reorder:    linesim.Reorder{Share: 0.05},
		Batch:      linesim.Batch{Size: 20, WindowMS: 50},
	}}))
	// Output: <nil>
}

// Send an event of any of LINE's types, changed where the test needs it.
func ExampleSimulator_TriggerTemplate() {
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		panic(err)
	}
	ids, err := sim.TriggerTemplate(linesim.Template{
		Type: "beacon", UserID: "U00000000000000000000000000000001",
		Override: json.RawMessage(`{"beacon":{"type":"stay"}}`), Remove: []string{"replyToken"}, Repeat: 3,
	})
	if err != nil {
		panic(err)
	}
	ev, err := sim.Event(ids[2])
	if err != nil {
		panic(err)
	}
	fmt.Println(len(ids), gjson.GetBytes(ev, "type"), gjson.GetBytes(ev, "beacon"))
	// Output: 3 beacon {"hwid":"d41d8cd98f","type":"stay"}
}

// Give the channel half of LINE's rates, to see whether a bot finds them.
func ExampleRates() {
	sim, err := linesim.New(linesim.Config{Rates: linesim.Rates{Factor: 0.5}})
	if err != nil {
		panic(err)
	}
	fmt.Println(sim.SetRates(linesim.Rates{Endpoints: map[string]linesim.Rate{"push": {Calls: 100, PerMS: 1000}}}))
	fmt.Println(sim.SetRates(linesim.Rates{Factor: -1}))
	// Output:
	// <nil>
	// invalid rates: factor is -1, want 0 to 1000
}
