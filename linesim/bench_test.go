package linesim_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

// BenchmarkPush measures a push of one text over loopback with keep-alive, client and simulator
// together.
func BenchmarkPush(b *testing.B) {
	f := newFixture(b, linesim.Config{Rates: linesim.Rates{Off: true}})
	const users = 100
	ids := make([]string, users)
	for i := range ids {
		ids[i] = f.user(b, fmt.Sprint("user ", i)).UserID
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	var n atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			body := `{"to":"` + ids[n.Add(1)%users] + `","messages":[{"type":"text","text":"hello"}]}`
			if status := postLine(b, client, f, "push", body); status != http.StatusOK {
				b.Errorf("push answered %d", status)
			}
		}
	})
}

// BenchmarkRoundTrip measures a text of a user through its webhook to a bot and the bot's reply back
// onto the phone, all three in this process.
func BenchmarkRoundTrip(b *testing.B) {
	f := newFixture(b, linesim.Config{Rates: linesim.Rates{Off: true}})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128}}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		ev := gjson.GetBytes(body, "events.0")
		if ev.Get("type").Str != "message" {
			return
		}
		answer := `{"replyToken":"` + ev.Get("replyToken").Str + `","messages":[{"type":"text","text":"hello"}]}`
		if status := postLine(b, client, f, "reply", answer); status != http.StatusOK {
			b.Errorf("reply answered %d", status)
		}
	}))
	defer srv.Close()
	if err := f.SetWebhookURL(srv.URL); err != nil {
		b.Fatal(err)
	}
	const users = 1000
	ids := make([]string, users)
	for i := range ids {
		ids[i] = f.user(b, fmt.Sprint("user ", i)).UserID
	}
	if err := f.WaitIdle(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for i := range b.N {
		for f.Stats().PendingWebhooks > 50_000 {
			if err := f.WaitIdle(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := f.SendText(ids[i%users], "hello"); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.WaitIdle(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	if got := f.Stats().Messages["reply"]; got != int64(b.N) {
		b.Errorf("%d replies for %d messages", got, b.N)
	}
}

// postLine calls a sending operation and returns the status.
func postLine(tb testing.TB, client *http.Client, f *fixture, endpoint, body string) int {
	req, err := http.NewRequest(http.MethodPost, f.url+"/sim/line/v2/bot/message/"+endpoint, strings.NewReader(body))
	if err != nil {
		tb.Error(err)
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+f.ChannelAccessToken())
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		tb.Error(err)
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	var sink bytes.Buffer
	_, _ = sink.ReadFrom(resp.Body)
	return resp.StatusCode
}
