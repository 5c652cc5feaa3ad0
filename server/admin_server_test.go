package server_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/server"
)

// TestAdminOfRunningServer gives up an event, finds it through the server's
// socket, and retries it when the handler has been mended.
func TestAdminOfRunningServer(t *testing.T) {
	data, err := os.MkdirTemp("", "fd") // socket paths must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(data)
	var mended atomic.Bool
	handled := make(chan string, 10)
	bot := frontdesk.HandlerFunc(func(_ context.Context, _ frontdesk.Desk, ev *frontdesk.Event) error {
		if !mended.Load() {
			return frontdesk.Drop(errors.New("out of order"))
		}
		handled <- ev.ID
		return nil
	})
	cfg := server.Config{
		Listen: "127.0.0.1:0", Data: data,
		LINE:     server.LINE{API: "http://127.0.0.1:1"}, // nobody is there
		Channels: []server.Channel{{Name: "main", Secrets: []string{"s"}, AccessToken: "t"}},
	}
	ctx, cancel := context.WithCancel(t.Context())
	srv, err := server.New(ctx, cfg, bot)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }() // awaited below
	deliver(t, "http://"+srv.Addr().String()+"/callback", "s",
		`{"events":[{"type":"message","webhookEventId":"e1","timestamp":1,"mode":"active","source":{"type":"user","userId":"Ua"},"message":{"type":"text","id":"1","text":"hi"}}]}`)

	admin, err := server.OpenAdmin(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !admin.Running() {
		t.Error("the running server was not found")
	}
	letter := awaitLetter(t, admin)
	if letter.EventID != "e1" || !strings.Contains(letter.Reason, "out of order") {
		t.Errorf("got letter %+v", letter)
	}
	detail, err := admin.Event(ctx, "e1")
	if err != nil || len(detail.Letters) != 1 || len(detail.Steps) < 3 {
		t.Errorf("got event %+v, %v; want its steps and its letter", detail, err)
	}
	mended.Store(true)
	if _, err := admin.Retry(ctx, letter.ID); err != nil {
		t.Fatal(err)
	}
	select {
	case id := <-handled:
		if id != "e1" {
			t.Errorf("handled %s, want e1", id)
		}
	case <-time.After(10 * time.Second):
		t.Error("the retried event was not handled")
	}
	if err := admin.Close(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(handled) > 0 {
		t.Errorf("handled %d times too often", len(handled))
	}
}

// deliver sends a signed webhook that must be answered 200.
func deliver(t *testing.T, url, secret, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	req.Header.Set("X-Line-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("webhook was answered %s", resp.Status)
	}
}

// awaitLetter waits for the first dead letter.
func awaitLetter(t *testing.T, admin *server.Admin) server.LetterRow {
	t.Helper()
	limit := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		page, err := admin.Letters(t.Context(), server.LetterQuery{})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Letters) > 0 {
			return page.Letters[0]
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("no dead letter came")
		}
	}
}
