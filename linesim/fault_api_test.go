package linesim_test

import (
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// TestFaultsByControlAPI puts faults as scripts do, and reads them back.
func TestFaultsByControlAPI(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	for _, tc := range []struct {
		name, body string
		status     int
	}{
		{"everything", `{"seed":7,"outageMs":1,"endpoints":{"*":{"errorShare":0.5,"acceptedBeforeError":0,"status":0,"reset":true,"hang":true,"latencyMs":1}},"webhooks":{"redelivery":{"count":3,"intervalMs":10},"duplicates":{"share":0.1,"afterMs":5},"reorder":{"share":0.1,"holdMs":5},"late":{"share":0.1,"byMs":5},"batch":{"size":10,"windowMs":5},"http":"1.1"}}`, 200},
		{"nothing", `{}`, 200},
		{"unknown", `{"outage":1}`, 400},
		{"unknown of webhooks", `{"webhooks":{"redeliver":{}}}`, 400},
		{"unknown of redelivery", `{"webhooks":{"redelivery":{"interval":1}}}`, 400},
		{"outage", `{"outageMs":-1}`, 400},
		{"count", `{"webhooks":{"redelivery":{"count":101}}}`, 400},
		{"interval", `{"webhooks":{"redelivery":{"count":1,"intervalMs":60001}}}`, 400},
		{"share", `{"webhooks":{"duplicates":{"share":1.5}}}`, 400},
		{"order", `{"webhooks":{"reorder":{"share":-1}}}`, 400},
		{"late", `{"webhooks":{"late":{"share":1,"byMs":-1}}}`, 400},
		{"size", `{"webhooks":{"batch":{"size":1001}}}`, 400},
		{"version", `{"webhooks":{"http":"3"}}`, 400},
	} {
		a := f.control(t, "PUT", "/sim/faults", tc.body)
		if a.status != tc.status || tc.status == 200 && a.body != tc.body {
			t.Errorf("%s: %d %s", tc.name, a.status, a.body)
		}
	}
	own := newFixture(t, linesim.Config{Transport: http.DefaultTransport})
	if err := own.SetFaults(linesim.Faults{Webhooks: linesim.WebhookFaults{HTTP: "2"}}); !errors.Is(err, linesim.ErrInvalid) {
		t.Errorf("a version of HTTP with a transport of one's own: %v", err)
	}
}

func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, linesim.Config{})
		u := mustUser(t, b.Simulator, linesim.NewUser{})
		if err := b.SetFaults(linesim.Faults{OutageMS: 60_000}); err != nil {
			t.Fatal(err)
		}
		cut := func() (cut bool) {
			defer func() { cut = recover() == any(http.ErrAbortHandler) }()
			b.push(u)
			return false
		}
		if !cut() {
			t.Error("a call during the outage was answered")
		}
		b.say(t, u) // webhooks go on
		time.Sleep(time.Minute - time.Millisecond)
		if !cut() {
			t.Error("a call at the end of the outage was answered")
		}
		time.Sleep(time.Millisecond)
		wantStatus(t, b.push(u), 200)
		calls := b.Calls(linesim.CallQuery{})
		if len(calls) != 3 || calls[0].Fault != linesim.FaultOutage || calls[0].Status != 0 || calls[2].Fault != "" {
			t.Errorf("records %+v", calls)
		}
		if diff := cmp.Diff(map[string]int64{"outage": 2}, b.Stats().Faults); diff != "" {
			t.Error(diff)
		}
		if got := b.Webhooks(0, 0); len(got) != 2 || got[1].Status != 200 {
			t.Errorf("webhooks %+v", got)
		}
	})
}

func TestReset(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	err := f.SetFaults(linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{"botInfo": {ErrorShare: 1, Reset: true}}})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("GET", f.url+"/sim/line/v2/bot/info", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.ChannelAccessToken())
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the call ended with %v, want a reset", err)
	}
}

func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, linesim.Config{})
		u := mustUser(t, b.Simulator, linesim.NewUser{})
		err := b.SetFaults(linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{"push": {ErrorShare: 1, AcceptedBeforeError: 1, Hang: true}}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		func() {
			defer func() {
				if recover() != any(http.ErrAbortHandler) {
					t.Error("the call was answered")
				}
			}()
			b.push(u) // by a client that never gives up
		}()
		if took := time.Since(start); took != time.Minute {
			t.Errorf("the call hung for %v, want a minute", took)
		}
		if got, err := b.Messages(u, linesim.Query{From: linesim.FromBot}); err != nil || len(got) != 1 {
			t.Errorf("%d messages came, want the one that was accepted; %v", len(got), err)
		}
	})
}
