package linesim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

// Test your own bot: start the simulator, point the bot's API at it, point its webhooks at the bot, and
// look at the phone.
func Example() {
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		panic(err)
	}
	line := httptest.NewServer(sim)
	defer line.Close()

	// The bot under test; give yours line.URL + "/sim/line", sim.ChannelAccessToken() and
	// sim.ChannelSecret().
	bot := httptest.NewServer(shoutingBot(line.URL+"/sim/line", sim.ChannelAccessToken()))
	defer bot.Close()
	if err := sim.SetWebhookURL(bot.URL); err != nil {
		panic(err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	hanako, err := sim.AddUser(linesim.NewUser{DisplayName: "Hanako", Language: "ja"})
	if err != nil {
		panic(err)
	}
	if _, err := sim.SendText(hanako.UserID, "hello"); err != nil {
		panic(err)
	}
	answers, err := sim.WaitForMessages(ctx, hanako.UserID, linesim.Query{From: linesim.FromBot}, 1)
	if err != nil {
		panic(err)
	}
	fmt.Println(answers[0].Via, answers[0].Text())
	if err := sim.Close(ctx); err != nil {
		panic(err)
	}
	// Output: reply HELLO!
}

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

// shoutingBot answers every text in capitals.
func shoutingBot(lineAPI, token string) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		ev := gjson.GetBytes(body, "events.0")
		if ev.Get("message.type").Str != "text" {
			return
		}
		answer := fmt.Sprintf(`{"replyToken":%q,"messages":[{"type":"text","text":%q}]}`,
			ev.Get("replyToken").Str, strings.ToUpper(ev.Get("message.text").Str)+"!")
		req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, lineAPI+"/v2/bot/message/reply", strings.NewReader(answer))
		if err != nil {
			return
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	})
}
