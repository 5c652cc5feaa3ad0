package gateway

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkForward is one event after the other to a bot that does nothing: what
// the gateway adds beside the bot's own time is an HTTP request over loopback.
func BenchmarkForward(b *testing.B) {
	h := newHall(b, nil, nil)
	bot, ev := h.g.Handler("main"), said("E1", hanako)
	for b.Loop() {
		if err := bot.Handle(b.Context(), nil, ev); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWebhook is making the body of a webhook and its signature.
func BenchmarkWebhook(b *testing.B) {
	h := newHall(b, nil, nil)
	f, ev := h.g.channels["main"].forwarder, said("E1", hanako)
	for b.Loop() {
		f.sign(f.webhook(b.Context(), ev))
	}
}

// BenchmarkPush is many pushes at once, each answered when it is on disk.
func BenchmarkPush(b *testing.B) {
	h := newHall(b, nil, nil)
	body := `{"to":"` + hanako + `","messages":` + hello + `}`
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest("POST", "/v2/bot/message/push", strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+botToken)
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			if h.g.ServeHTTP(w, r); w.Code != 200 {
				b.Fatal(w.Code, w.Body)
			}
		}
	})
}
