package line_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/line"
)

// Calls that do not send keep to LINE's rate of their endpoint, each endpoint for
// itself, and say so when their time is over before their turn.
func TestCallsKeepToTheRate(t *testing.T) {
	var calls atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
	}))
	defer srv.Close()
	client, err := line.NewClient(line.Config{BaseURL: srv.URL, Token: line.FixedToken("token")})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	const user = "U0123456789abcdef0123456789abcdef"
	start := time.Now()
	var wg sync.WaitGroup
	for range 25 { // 5 at once, then 100 a second
		wg.Go(func() {
			if err := client.ShowLoading(t.Context(), user, 5*time.Second); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took < 19*time.Second/100 {
		t.Errorf("25 calls took %v at 100 a second", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	before := calls.Load()
	for err = nil; err == nil; {
		before++
		err = client.ShowLoading(ctx, user, 5*time.Second)
	}
	before--
	if e := (*line.Error)(nil); !errors.As(err, &e) || !e.Unsent || !line.NotSent(err) || calls.Load() != before {
		t.Errorf("got %v and %d calls, want an error of a call that was not sent", err, calls.Load()-before)
	}
}
