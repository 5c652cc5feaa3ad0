package line_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/line"
)

// endpoints are all calls whose answer is JSON, save the sending ones.
var endpoints = []struct {
	name   string // Error.Endpoint
	do     func(ctx context.Context, c *line.Client) (any, error)
	method string
	path   string
	body   string
	answer string
	want   any
}{
	{
		"profile",
		func(ctx context.Context, c *line.Client) (any, error) { return c.Profile(ctx, userID) },
		"GET", "/v2/bot/profile/" + userID, "",
		`{"userId":"U1","displayName":"Aki","language":"ja","pictureUrl":"https://p","statusMessage":"hi","new":{}}`,
		&line.Profile{UserID: "U1", DisplayName: "Aki", Language: "ja", PictureURL: "https://p", StatusMessage: "hi"},
	},
	{
		"group_member",
		func(ctx context.Context, c *line.Client) (any, error) {
			return c.GroupMemberProfile(ctx, groupID, userID)
		},
		"GET", "/v2/bot/group/" + groupID + "/member/" + userID, "",
		`{"userId":"U1","displayName":"Aki"}`, &line.Profile{UserID: "U1", DisplayName: "Aki"},
	},
	{
		"room_member",
		func(ctx context.Context, c *line.Client) (any, error) {
			return c.RoomMemberProfile(ctx, roomID, userID)
		},
		"GET", "/v2/bot/room/" + roomID + "/member/" + userID, "",
		`{"userId":"U1","displayName":"Aki"}`, &line.Profile{UserID: "U1", DisplayName: "Aki"},
	},
	{
		"group_summary",
		func(ctx context.Context, c *line.Client) (any, error) { return c.GroupSummary(ctx, groupID) },
		"GET", "/v2/bot/group/" + groupID + "/summary", "",
		`{"groupId":"C1","groupName":"Tea","pictureUrl":"https://p"}`,
		&line.GroupSummary{GroupID: "C1", GroupName: "Tea", PictureURL: "https://p"},
	},
	{
		"leave_group",
		func(ctx context.Context, c *line.Client) (any, error) { return nil, c.LeaveGroup(ctx, groupID) },
		"POST", "/v2/bot/group/" + groupID + "/leave", "", "{}", nil,
	},
	{
		"leave_room",
		func(ctx context.Context, c *line.Client) (any, error) { return nil, c.LeaveRoom(ctx, roomID) },
		"POST", "/v2/bot/room/" + roomID + "/leave", "", "{}", nil,
	},
	{
		"loading",
		func(ctx context.Context, c *line.Client) (any, error) {
			return nil, c.ShowLoading(ctx, userID, 6*time.Second)
		},
		"POST", "/v2/bot/chat/loading/start", `{"chatId":"` + userID + `","loadingSeconds":10}`, "{}", nil,
	},
	{
		"mark_as_read",
		func(ctx context.Context, c *line.Client) (any, error) { return nil, c.MarkAsRead(ctx, "read-token") },
		"POST", "/v2/bot/chat/markAsRead", `{"markAsReadToken":"read-token"}`, "{}", nil,
	},
	{
		"quota",
		func(ctx context.Context, c *line.Client) (any, error) { return c.Quota(ctx) },
		"GET", "/v2/bot/message/quota", "", `{"type":"limited","value":200}`, line.Quota{Limited: true, Value: 200},
	},
	{
		"quota",
		func(ctx context.Context, c *line.Client) (any, error) { return c.Quota(ctx) },
		"GET", "/v2/bot/message/quota", "", `{"type":"none"}`, line.Quota{},
	},
	{
		"quota_consumption",
		func(ctx context.Context, c *line.Client) (any, error) { return c.QuotaConsumption(ctx) },
		"GET", "/v2/bot/message/quota/consumption", "", `{"totalUsage":37}`, int64(37),
	},
	{
		"validate",
		func(ctx context.Context, c *line.Client) (any, error) { return nil, c.Validate(ctx, "multicast", text) },
		"POST", "/v2/bot/message/validate/multicast", `{"messages":[{"type":"text","text":"` + secretary + `"}]}`, "{}", nil,
	},
	{
		"bot_info",
		func(ctx context.Context, c *line.Client) (any, error) { return c.BotInfo(ctx) },
		"GET", "/v2/bot/info", "",
		`{"userId":"U1","basicId":"@1","displayName":"Bot","chatMode":"bot","markAsReadMode":"auto"}`,
		&line.BotInfo{UserID: "U1", BasicID: "@1", DisplayName: "Bot", ChatMode: "bot", MarkAsReadMode: "auto"},
	},
	{
		"webhook_endpoint",
		func(ctx context.Context, c *line.Client) (any, error) { return c.WebhookEndpoint(ctx) },
		"GET", "/v2/bot/channel/webhook/endpoint", "",
		`{"endpoint":"https://bot/callback","active":true}`,
		&line.WebhookEndpoint{Endpoint: "https://bot/callback", Active: true},
	},
	{
		"webhook_endpoint",
		func(ctx context.Context, c *line.Client) (any, error) {
			return nil, c.SetWebhookEndpoint(ctx, "https://bot/callback")
		},
		"PUT", "/v2/bot/channel/webhook/endpoint", `{"endpoint":"https://bot/callback"}`, "{}", nil,
	},
	{
		"webhook_test",
		func(ctx context.Context, c *line.Client) (any, error) { return c.TestWebhook(ctx, "") },
		"POST", "/v2/bot/channel/webhook/test", `{}`,
		`{"success":false,"timestamp":"2026-07-01T00:00:00Z","statusCode":0,"reason":"COULD_NOT_CONNECT","detail":"Unknown host"}`,
		&line.WebhookTest{Timestamp: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), Reason: "COULD_NOT_CONNECT", Detail: "Unknown host"},
	},
	{
		"webhook_test",
		func(ctx context.Context, c *line.Client) (any, error) { return c.TestWebhook(ctx, "https://bot/new") },
		"POST", "/v2/bot/channel/webhook/test", `{"endpoint":"https://bot/new"}`,
		`{"success":true,"timestamp":"2026-07-01T00:00:00.5+09:00","statusCode":200,"reason":"OK","detail":"200"}`,
		&line.WebhookTest{Success: true, Timestamp: time.Date(2026, 6, 30, 15, 0, 0, 5e8, time.UTC), StatusCode: 200, Reason: "OK", Detail: "200"},
	},
}

func TestEndpoints(t *testing.T) {
	for _, tt := range endpoints {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t, answer(http.StatusOK, tt.answer))
			got, err := tt.do(t.Context(), newClient(t, p.URL))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			c := p.all()[0]
			if c.method != tt.method || c.path != tt.path || c.body != tt.body {
				t.Errorf("got %s %s %q, want %s %s %q", c.method, c.path, c.body, tt.method, tt.path, tt.body)
			}
			if got := c.header.Get("Authorization"); got != "Bearer "+token {
				t.Errorf("got authorization %q", got)
			}
		})
	}
}

func TestEndpointRefused(t *testing.T) {
	for _, tt := range endpoints {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t, answer(http.StatusNotFound, `{"message":"Not found"}`, "x-line-request-id: r1"))
			_, err := tt.do(t.Context(), newClient(t, p.URL))
			e, ok := errors.AsType[*line.Error](err)
			if !ok || e.Endpoint != tt.name || e.Status != 404 || e.RequestID != "r1" || e.Message != "Not found" {
				t.Fatalf("got %#v", err)
			}
			if !errors.Is(err, line.ErrNotFound) || errors.Is(err, line.ErrGone) || line.Temporary(err) || line.NotSent(err) {
				t.Errorf("got %v, want a final error that is ErrNotFound alone", err)
			}
		})
	}
}

// TestValidateArguments holds what is refused before LINE is asked.
func TestValidateArguments(t *testing.T) {
	p := newPlatform(t, answer(http.StatusOK, "{}"))
	c := newClient(t, p.URL)
	for name, err := range map[string]error{
		"kind":        c.Validate(t.Context(), "../push", text),
		"no messages": c.Validate(t.Context(), "push", nil),
		"six":         c.Validate(t.Context(), "push", slices.Repeat(text, 6)),
		"no object":   c.Validate(t.Context(), "push", []json.RawMessage{json.RawMessage("1")}),
	} {
		if !errors.Is(err, line.ErrInvalid) {
			t.Errorf("%s: got %v, want an error that is ErrInvalid", name, err)
		}
	}
	if n := len(p.all()); n != 0 {
		t.Errorf("LINE was asked %d times", n)
	}
}

// TestUselessAnswers holds answers with status 200 that cannot be used.
func TestUselessAnswers(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"empty", answer(200, "")},
		{"page", answer(200, "<html>"+secretary+"</html>")},
		{"list", answer(200, "[]")},
		{"wrong type", answer(200, `{"displayName":{"a":"`+secretary+`"}}`)},
		{"broken off", answer(200, "{", "Content-Length: 20")},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			block := make([]byte, 64<<10)
			for range 17 {
				w.Write(block)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t, tt.answer)
			_, err := newClient(t, p.URL).Profile(t.Context(), userID)
			e, ok := errors.AsType[*line.Error](err)
			if !ok || e.Status != 200 || !line.Temporary(err) {
				t.Fatalf("got %#v, want a temporary error with status 200", err)
			}
			mustBeQuiet(t, err)
		})
	}
}

func TestLoadingSeconds(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{-time.Second, "5"}, {0, "5"}, {time.Millisecond, "5"}, {5 * time.Second, "5"}, {5*time.Second + 1, "10"},
		{59 * time.Second, "60"}, {60 * time.Second, "60"}, {time.Hour, "60"},
	}
	p := newPlatform(t, answer(http.StatusAccepted, "{}"))
	c := newClient(t, p.URL)
	for i, tt := range tests {
		if err := c.ShowLoading(t.Context(), userID, tt.d); err != nil {
			t.Fatal(err)
		}
		if got, want := p.all()[i].body, `{"chatId":"`+userID+`","loadingSeconds":`+tt.want+`}`; got != want {
			t.Errorf("%v: got %s, want %s", tt.d, got, want)
		}
	}
}
