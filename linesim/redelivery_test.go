package linesim_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

// TestRedelivery sends to a bot that is down and comes back, and compares the bodies byte for byte.
func TestRedelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := listen(t, linesim.Config{}, linesim.WebhookFaults{Redelivery: linesim.Redelivery{Count: 2, IntervalMS: 1000}})
		l.status = 500
		b.write(t, "h:1")
		if err := b.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		again := strings.Replace(l.seen()[0], `"isRedelivery":false`, `"isRedelivery":true`, 1)
		if want := []string{l.seen()[0], again, again}; !slices.Equal(l.seen(), want) {
			t.Errorf("bodies %q, want %q", l.seen(), want)
		}
		if want := []time.Duration{0, time.Second, 2 * time.Second}; !slices.Equal(l.times(), want) {
			t.Errorf("sent at %v, want %v", l.times(), want)
		}
		var attempts []int
		for _, w := range b.Webhooks(2, 0) {
			attempts = append(attempts, w.Attempt)
		}
		if !slices.Equal(attempts, []int{1, 2, 3}) {
			t.Errorf("attempts %v", attempts)
		}
		raw := `{"events": [ {"type":"x","deliveryContext": { "isRedelivery" : false }}, {"type":"y"} ]}`
		if _, err := b.TriggerBody([]byte(raw), ""); err != nil {
			t.Fatal(err)
		}
		if err := b.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := l.seen()[4], strings.Replace(raw, "false", "true", 1); got != want {
			t.Errorf("redelivered %s, want %s", got, want)
		}
		if got := b.Stats().Faults["redelivered"]; got != 4 {
			t.Errorf("%d counted, want 4", got)
		}
	})
}

// TestRedeliveredToken follows a reply token over redeliveries: another minute each, up to 20 minutes after
// the event, unless it was used.
func TestRedeliveredToken(t *testing.T) {
	for _, tc := range []struct {
		name     string
		useAt    time.Duration // 0 = not
		replyAt  time.Duration
		want     int
		interval int64
	}{
		{"within the second minute", 0, 100 * time.Second, 200, 59_000},
		{"between two deliveries", 0, 30 * time.Second, 200, 60_000},
		{"used before", time.Second, 70 * time.Second, 400, 60_000},
		{"19 minutes after the event", 0, 19*time.Minute + 30*time.Second, 200, 60_000},
		{"20 minutes after the event", 0, 20 * time.Minute, 200, 60_000},
		{"later", 0, 20*time.Minute + time.Second, 400, 60_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, l := listen(t, linesim.Config{}, linesim.WebhookFaults{Redelivery: linesim.Redelivery{Count: 30, IntervalMS: tc.interval}})
				l.status = 503
				b.write(t, "h:1")
				synctest.Wait()
				b.token = gjson.Get(l.seen()[0], "events.0.replyToken").Str
				if tc.useAt > 0 {
					time.Sleep(tc.useAt)
					wantStatus(t, b.reply(), 200)
				}
				time.Sleep(tc.replyAt - tc.useAt)
				synctest.Wait()
				wantStatus(t, b.reply(), tc.want)
			})
		})
	}
}

func TestDuplicateGivesNoNewToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := listen(t, linesim.Config{}, linesim.WebhookFaults{Duplicates: linesim.Duplicates{Share: 1, AfterMS: 50_000}})
		b.write(t, "h:1")
		time.Sleep(70 * time.Second)
		if l.seen()[0] != l.seen()[1] {
			t.Errorf("the duplicate differs: %s", l.seen())
		}
		b.token = gjson.Get(l.seen()[0], "events.0.replyToken").Str
		wantStatus(t, b.reply(), 400)
	})
}
