package line_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"

	"github.com/line-frontdesk/frontdesk/line"
)

// BenchmarkPush pushes one text over loopback from parallel senders.
func BenchmarkPush(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(answer(200, `{"sentMessages":[{"id":"461230966842064897","quoteToken":"q"}]}`, "x-line-request-id: r1")))
	b.Cleanup(s.Close)
	c := newClient(b, s.URL)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Push(b.Context(), userID, text, retryKey); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkEncodeMessages(b *testing.B) {
	msg := &messaging_api.TextMessage{Text: "Your table is ready."}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := line.EncodeMessages(msg); err != nil {
			b.Fatal(err)
		}
	}
}
