package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

// shop is a server beside a simulator.
type shop struct {
	sim   *linesim.Simulator
	cfg   server.Config
	admin *server.Admin
	stop  func()
}

func newShop(t *testing.T, quota int64) *shop {
	t.Helper()
	sim, err := linesim.New(linesim.Config{MonthlyQuota: quota})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(sim)
	data, err := os.MkdirTemp("", "fd") // socket paths must be short
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{sim: sim, cfg: server.Config{
		Listen: "127.0.0.1:0", Data: data, Logger: slog.New(slog.DiscardHandler), LINE: server.LINE{API: api.URL + "/sim/line"},
		Channels: []server.Channel{{Name: "main", Secrets: []string{sim.ChannelSecret()}, AccessToken: sim.ChannelAccessToken()}},
	}}
	ctx, cancel := context.WithCancel(context.Background())
	bot := frontdesk.HandlerFunc(func(context.Context, frontdesk.Desk, *frontdesk.Event) error { return nil })
	srv, err := server.New(ctx, s.cfg, bot)
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.SetWebhookURL("http://" + srv.Addr().String() + "/callback"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }() // awaited by stop
	if s.admin, err = server.OpenAdmin(t.Context(), s.cfg); err != nil {
		t.Fatal(err)
	}
	s.stop = sync.OnceFunc(func() {
		err := s.admin.Close()
		cancel()
		if err := errors.Join(err, <-ended); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		s.stop()
		api.Close()
		if err := sim.Close(context.Background()); err != nil {
			t.Error(err)
		}
		os.RemoveAll(data)
	})
	return s
}

// awaitCampaign waits until a campaign has ended.
func (s *shop) awaitCampaign(t *testing.T, id string) server.CampaignRow {
	t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		row, err := s.admin.Campaign(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if !row.Ended.IsZero() {
			return row
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("campaign %s does not end: %+v", id, row)
		}
	}
}

func hello(audience string) server.NewCampaign {
	return server.NewCampaign{ID: "hello-" + audience, Audience: audience, Messages: []json.RawMessage{json.RawMessage(`{"type":"text","text":"hello"}`)}}
}

// A campaign to friends as the directory learned of them, one to a list, and
// what remains when no server runs.
func TestCampaigns(t *testing.T) {
	s := newShop(t, 100)
	ctx := t.Context()
	var users []string
	for range 7 {
		u, err := s.sim.AddUser(linesim.NewUser{DisplayName: "Hanako"})
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, u.UserID)
	}
	if _, err := s.sim.Unfollow(users[0]); err != nil {
		t.Fatal(err)
	}
	plan := server.CampaignPlan{}
	for limit := time.Now().Add(20 * time.Second); plan.Users != 6 && time.Now().Before(limit); <-time.After(5 * time.Millisecond) {
		plan, _ = s.admin.PlanCampaign(ctx, hello("all"), nil) // fails while nobody is known
	}
	if plan.Users != 6 || plan.Cost != 6 || plan.Calls != 1 || !plan.Fits || !plan.Checked || plan.Quota == nil || plan.Quota.Left != 100 {
		t.Fatalf("got plan %+v", plan)
	}
	if _, err := s.admin.CreateCampaign(ctx, hello("all"), nil); err != nil {
		t.Fatal(err)
	}
	if row := s.awaitCampaign(t, "hello-all"); row.State != "done" || row.Sent != 6 || row.Left != 0 || len(row.Messages) != 1 {
		t.Errorf("to all: got %+v", row)
	}
	list := strings.Join(append(users, users[1], "# the end"), "\n")
	if _, err := s.admin.CreateCampaign(ctx, hello("users"), strings.NewReader(list)); err != nil {
		t.Fatal(err)
	}
	if row := s.awaitCampaign(t, "hello-users"); row.State != "done" || row.Sent != 7 || row.Duplicates != 1 {
		t.Errorf("to a list: got %+v", row)
	}
	for i, u := range users {
		msgs, err := s.sim.Messages(u, linesim.Query{From: linesim.FromBot})
		if want := min(2*i, 2); err != nil || len(msgs) != want {
			t.Errorf("user %d got %d messages, want %d", i, len(msgs), want)
		}
	}
	for _, tc := range []struct {
		q    server.CampaignQuery
		want string
	}{
		{server.CampaignQuery{}, "hello-users hello-all of 2"},
		{server.CampaignQuery{Limit: 1}, "hello-users of 2"},
		{server.CampaignQuery{State: "running"}, "of 0"},
		{server.CampaignQuery{Channel: "main", State: "done"}, "hello-users hello-all of 2"},
		{server.CampaignQuery{Channel: "shop"}, "of 0"},
	} {
		page, err := s.admin.Campaigns(ctx, tc.q)
		got := ""
		for _, c := range page.Campaigns {
			got += c.ID + " "
		}
		if got += fmt.Sprintf("of %d", page.Total); err != nil || got != tc.want {
			t.Errorf("%+v: got %s, %v; want %s", tc.q, got, err, tc.want)
		}
	}
	if _, err := s.admin.PauseCampaign(ctx, "hello-all"); err == nil || !strings.Contains(err.Error(), "is done") {
		t.Errorf("paused what is done: %v", err)
	}
	if _, err := s.admin.Campaign(ctx, "nobody"); !errors.Is(err, server.ErrNotFound) {
		t.Errorf("got error %v, want that it is not found", err)
	}
	s.stop()
	admin, err := server.OpenAdmin(ctx, s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if page, err := admin.Campaigns(ctx, server.CampaignQuery{}); err != nil || page.Total != 2 {
		t.Errorf("without a server: got %+v, %v", page, err)
	}
	if _, err := admin.CreateCampaign(ctx, hello("more"), strings.NewReader(list)); err == nil || !strings.Contains(err.Error(), "by a running server") {
		t.Errorf("created without a server: %v", err)
	}
}

// What cannot be a campaign is refused with the reason, however it comes.
func TestCampaignRequests(t *testing.T) {
	s := newShop(t, 3)
	user := "U" + strings.Repeat("a", 32)
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	good := `{"messages":[{"type":"text","text":"hi"}]}`
	form := func(parts ...string) (kind string, body []byte) {
		var buf bytes.Buffer
		w := multipart.NewWriter(&buf)
		for i := 0; i < len(parts); i += 2 {
			if err := w.WriteField(parts[i], parts[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return w.FormDataContentType(), buf.Bytes()
	}
	type request func() (kind string, body []byte)
	asJSON := func(body string) request {
		return func() (string, []byte) { return "application/json", []byte(body) }
	}
	asForm := func(parts ...string) request { return func() (string, []byte) { return form(parts...) } }
	four := strings.Join([]string{user[:32] + "1", user[:32] + "2", user[:32] + "3", user[:32] + "4"}, "\n")
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(s.cfg.Data, "admin.sock"))
	}}}
	defer client.CloseIdleConnections()
	for _, tc := range []struct {
		name   string
		req    request
		status int
		want   string
	}{
		{"one user", asJSON(`{"to":["` + user + `"],"messages":[{"type":"text","text":"hi"}]}`), 200, `"users":1`},
		{"a form", asForm("campaign", good, "users", user), 200, `"users":1`},
		{"a form without a list", asForm("campaign", `{"audience":"broadcast","messages":[{"type":"text","text":"hi"}]}`), 200, `"calls":1`},
		{"over the quota", asForm("campaign", good, "users", four), 200, `"fits":false`},
		{"later", asJSON(`{"startAt":"` + later + `","to":["` + user + `"],"messages":[{"type":"text","text":"hi"}]}`), 200, `"startAt":"` + later + `"`},
		{"a start that has passed", asJSON(`{"startAt":"2020-01-01T00:00:00Z","to":["` + user + `"],"messages":[{"type":"text","text":"hi"}]}`), 400, "startAt: 2020-01-01T00:00:00Z has passed"},
		{"a start that is no time", asJSON(`{"startAt":"18:00"}`), 400, `campaign: parsing time \"18:00\"`},
		{"no JSON", asJSON("hello"), 400, "not JSON"},
		{"two values", asJSON(good + good), 400, "not JSON"},
		{"unknown field", asJSON(`{"mesages":[]}`), 400, `unknown field \"mesages\"`},
		{"wrong type", asJSON(`{"messages":"hi"}`), 400, "campaign: json"},
		{"too large", asJSON(`"` + strings.Repeat("a", 1<<20) + `"`), 400, "more than 1048576 bytes"},
		{"other first part", asForm("users", user, "campaign", good), 400, "first part"},
		{"other second part", asForm("campaign", good, "list", user), 400, "second part"},
		{"two lists", asForm("campaign", good, "users", user, "users", user), 400, "more than one list"},
		{"faulty list", asForm("campaign", good, "users", "Hanako"), 400, "line 1"},
		{"form that breaks off", func() (string, []byte) {
			kind, body := form("campaign", good, "users", user)
			return kind, body[:len(body)-10]
		}, 400, "broke off"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			kind, body := tc.req()
			resp, err := client.Post("http://admin/campaigns/plan", kind, bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var answer bytes.Buffer
			if _, err := answer.ReadFrom(resp.Body); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tc.status || !strings.Contains(answer.String(), tc.want) {
				t.Errorf("got %s: %s, want %d with %q", resp.Status, answer.String(), tc.status, tc.want)
			}
		})
	}
	_, err := s.admin.CreateCampaign(t.Context(), hello("users"), strings.NewReader(four))
	if err == nil || !strings.Contains(err.Error(), "4 messages of the quota and 3 are left") {
		t.Errorf("created over the quota: %v", err)
	}
}

// A campaign waits for its time, and can be cancelled when no server runs.
func TestScheduledCampaign(t *testing.T) {
	s := newShop(t, 0)
	u, err := s.sim.AddUser(linesim.NewUser{DisplayName: "Hanako"})
	if err != nil {
		t.Fatal(err)
	}
	c := hello("users")
	c.To, c.StartAt = []string{u.UserID}, time.Now().Add(time.Hour)
	row, err := s.admin.CreateCampaign(t.Context(), c, nil)
	if err != nil || row.State != "scheduled" || !row.StartAt.Equal(c.StartAt) {
		t.Fatalf("got %+v, %v", row, err)
	}
	if page, err := s.admin.Campaigns(t.Context(), server.CampaignQuery{State: "scheduled"}); err != nil || page.Total != 1 {
		t.Errorf("scheduled are %+v, %v", page, err)
	}
	soon := hello("users")
	soon.ID, soon.To, soon.StartAt = "soon", c.To, time.Now().Add(100*time.Millisecond)
	if _, err := s.admin.CreateCampaign(t.Context(), soon, nil); err != nil {
		t.Fatal(err)
	}
	if row := s.awaitCampaign(t, "soon"); row.State != "done" || row.Sent != 1 || row.Ended.Before(soon.StartAt) {
		t.Errorf("got %+v, want that it was sent after %v", row, soon.StartAt)
	}
	s.stop()
	admin, err := server.OpenAdmin(t.Context(), s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if row, err := admin.CancelCampaign(t.Context(), c.ID); err != nil || row.State != "cancelled" || row.Left != 1 {
		t.Errorf("cancelled without a server: %+v, %v", row, err)
	}
}
