package linesim_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

// roundTrip is a bot's server without a network, for tests in which time is made up.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// bubble is a simulator inside a synctest bubble; the last event's reply token is kept.
type bubble struct {
	*linesim.Simulator
	mu    sync.Mutex
	token string // guarded by mu
	// busy is how long the bot takes for a webhook.
	busy time.Duration
}

func newBubble(t *testing.T, cfg linesim.Config) *bubble {
	t.Helper()
	b := &bubble{}
	cfg.WebhookURL = "http://bot.example/callback"
	cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		b.mu.Lock()
		b.token = gjson.GetBytes(body, "events.0.replyToken").Str
		b.mu.Unlock()
		select {
		case <-time.After(b.busy):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	})
	sim, err := linesim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	b.Simulator = sim
	return b
}

// do makes one request without a network.
func (b *bubble) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+b.ChannelAccessToken())
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

// say lets a user write and waits until the bot has the webhook.
func (b *bubble) say(t *testing.T, userID string) {
	t.Helper()
	if _, err := b.SendText(userID, "hello"); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func (b *bubble) reply() *httptest.ResponseRecorder {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.do("POST", "/sim/line/v2/bot/message/reply", `{"replyToken":"`+b.token+`","messages":[{"type":"text","text":"hi"}]}`)
}

func (b *bubble) push(to string, header ...string) *httptest.ResponseRecorder {
	return b.do("POST", "/sim/line/v2/bot/message/push", `{"to":"`+to+`","messages":[{"type":"text","text":"hi"}]}`, header...)
}

func mustUser(t *testing.T, s *linesim.Simulator, n linesim.NewUser) string {
	t.Helper()
	n.DisplayName = "Hanako"
	u, err := s.AddUser(n)
	if err != nil {
		t.Fatal(err)
	}
	return u.UserID
}

func wantStatus(t *testing.T, w *httptest.ResponseRecorder, want int) {
	t.Helper()
	if w.Code != want {
		t.Errorf("answered %d %s, want %d", w.Code, w.Body, want)
	}
}

func TestReplyTokenLivesOneMinute(t *testing.T) {
	for _, tc := range []struct {
		name string
		wait time.Duration
		want int
	}{
		{"at once", 0, http.StatusOK},
		{"just in time", time.Minute, http.StatusOK},
		{"too late", time.Minute + time.Millisecond, http.StatusBadRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, linesim.Config{})
				b.say(t, mustUser(t, b.Simulator, linesim.NewUser{}))
				time.Sleep(tc.wait)
				wantStatus(t, b.reply(), tc.want)
			})
		})
	}
}

func TestReplyTokenMinuteBeginsWhenSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, linesim.Config{WebhookTimeout: 5 * time.Minute})
		b.busy = 2 * time.Minute
		id := mustUser(t, b.Simulator, linesim.NewUser{}) // its follow event takes two minutes
		b.say(t, id)
		time.Sleep(2*time.Minute + time.Second)
		wantStatus(t, b.reply(), http.StatusOK)
	})
}

func TestRetryKeyLivesOneDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, linesim.Config{})
		id := mustUser(t, b.Simulator, linesim.NewUser{})
		key := []string{"X-Line-Retry-Key", "123e4567-e89b-12d3-a456-426614174000"}
		wantStatus(t, b.push(id, key...), http.StatusOK)
		time.Sleep(24*time.Hour - time.Second)
		wantStatus(t, b.push(id, key...), http.StatusConflict)
		time.Sleep(time.Second)
		wantStatus(t, b.push(id, key...), http.StatusOK)
	})
}

func TestStrangerCanBePushedForSevenDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, linesim.Config{})
		id := mustUser(t, b.Simulator, linesim.NewUser{Stranger: true})
		count := func(want int) {
			t.Helper()
			wantStatus(t, b.push(id), http.StatusOK)
			msgs, err := b.Messages(id, linesim.Query{From: linesim.FromBot})
			if err != nil || len(msgs) != want {
				t.Errorf("%d messages of the bot on the phone (%v), want %d", len(msgs), err, want)
			}
		}
		count(0)
		b.say(t, id)
		count(1)
		time.Sleep(7 * 24 * time.Hour)
		count(2)
		time.Sleep(time.Second)
		count(2)
	})
}

func TestStatelessTokenLivesFifteenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, linesim.Config{ChannelID: "77"})
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"77"}, "client_secret": {b.ChannelSecret()}}
		w := b.do("POST", "/sim/line/oauth2/v3/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Authorization", "")
		wantStatus(t, w, http.StatusOK)
		var issued struct {
			Token     string `json:"access_token"`
			Type      string `json:"token_type"`
			ExpiresIn int    `json:"expires_in"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &issued); err != nil || issued.Type != "Bearer" || issued.ExpiresIn != 900 {
			t.Fatalf("issued %s (%v)", w.Body, err)
		}
		info := func() *httptest.ResponseRecorder {
			return b.do("GET", "/sim/line/v2/bot/info", "", "Authorization", "Bearer "+issued.Token)
		}
		wantStatus(t, info(), http.StatusOK)
		time.Sleep(15*time.Minute - time.Second)
		wantStatus(t, info(), http.StatusOK)
		time.Sleep(time.Second)
		wantStatus(t, info(), http.StatusUnauthorized)
	})
}

func TestQuotaBeginsAnewEveryMonthInJapan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble's clock begins at 2000-01-01 00:00 UTC
		b := newBubble(t, linesim.Config{MonthlyQuota: 1})
		id := mustUser(t, b.Simulator, linesim.NewUser{})
		wantStatus(t, b.push(id), http.StatusOK)
		wantStatus(t, b.push(id), http.StatusTooManyRequests)
		time.Sleep(time.Until(time.Date(2000, 1, 31, 15, 0, 0, 0, time.UTC)) - time.Second)
		wantStatus(t, b.push(id), http.StatusTooManyRequests)
		time.Sleep(time.Second)
		wantStatus(t, b.push(id), http.StatusOK)
	})
}

func TestContentIsPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, linesim.Config{})
		id := mustUser(t, b.Simulator, linesim.NewUser{})
		sent, err := b.SendMessage(id, linesim.UserMessage{Type: "video", PreparingMS: 3000})
		if err != nil {
			t.Fatal(err)
		}
		path := "/sim/line/v2/bot/message/" + sent.MessageID + "/content"
		wantStatus(t, b.do("GET", path, ""), http.StatusAccepted)
		if got := b.do("GET", path+"/transcoding", "").Body.String(); got != `{"status":"processing"}` {
			t.Errorf("transcoding: %s", got)
		}
		time.Sleep(3 * time.Second)
		wantStatus(t, b.do("GET", path, ""), http.StatusOK)
		if got := b.do("GET", path+"/transcoding", "").Body.String(); got != `{"status":"succeeded"}` {
			t.Errorf("transcoding: %s", got)
		}
	})
}

func TestWebhookTimesOutAfterTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, linesim.Config{})
		b.busy = time.Hour
		mustUser(t, b.Simulator, linesim.NewUser{})
		if err := b.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := b.Webhooks(0, 0)
		if len(got) != 1 || got[0].Status != 0 || got[0].MS != 2000 {
			t.Errorf("records: %+v", got)
		}
	})
}

func TestLongPollEndsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, linesim.Config{})
		id := mustUser(t, b.Simulator, linesim.NewUser{})
		start := time.Now()
		w := b.do("GET", "/sim/users/"+id+"/messages?wait=30", "")
		if took := time.Since(start); took != 30*time.Second || w.Code != http.StatusOK || w.Body.String() != `{"messages":[]}` {
			t.Errorf("after %v: %d %s", took, w.Code, w.Body)
		}
	})
}

func TestLatencyHoldsAnswerBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, linesim.Config{})
		if err := b.SetFaults(linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{"botInfo": {LatencyMS: 700}}}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		wantStatus(t, b.do("GET", "/sim/line/v2/bot/info", ""), http.StatusOK)
		if took := time.Since(start); took != 700*time.Millisecond {
			t.Errorf("answered after %v", took)
		}
		if got := b.Calls(linesim.CallQuery{Endpoint: "botInfo"})[0].MS; got != 700 {
			t.Errorf("recorded %v ms", got)
		}
	})
}
