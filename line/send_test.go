package line_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/line"
)

// sends are the four sending calls in one form. Reply drops the retry key.
var sends = []struct {
	name string
	send func(ctx context.Context, c *line.Client, msgs []json.RawMessage, retryKey string) (*line.SendResult, error)
	body string // with the messages of text
}{
	{
		"reply",
		func(ctx context.Context, c *line.Client, msgs []json.RawMessage, _ string) (*line.SendResult, error) {
			return c.Reply(ctx, "reply-token", msgs)
		},
		`{"replyToken":"reply-token","messages":[` + string(text[0]) + `]}`,
	},
	{
		"push",
		func(ctx context.Context, c *line.Client, msgs []json.RawMessage, key string) (*line.SendResult, error) {
			return c.Push(ctx, userID, msgs, key)
		},
		`{"to":"` + userID + `","messages":[` + string(text[0]) + `]}`,
	},
	{
		"multicast",
		func(ctx context.Context, c *line.Client, msgs []json.RawMessage, key string) (*line.SendResult, error) {
			return c.Multicast(ctx, []string{userID}, msgs, key)
		},
		`{"to":["` + userID + `"],"messages":[` + string(text[0]) + `]}`,
	},
	{
		"broadcast",
		func(ctx context.Context, c *line.Client, msgs []json.RawMessage, key string) (*line.SendResult, error) {
			return c.Broadcast(ctx, msgs, key)
		},
		`{"messages":[` + string(text[0]) + `]}`,
	},
}

func TestSendRequest(t *testing.T) {
	for _, s := range sends {
		for _, key := range []string{"", retryKey} {
			t.Run(fmt.Sprintf("%s/key=%s", s.name, key), func(t *testing.T) {
				p := newPlatform(t, answer(http.StatusOK, `{"sentMessages":[{"id":"1","quoteToken":"q"},{"id":"2"}]}`, "x-line-request-id: r1"))
				got, err := s.send(t.Context(), newClient(t, p.URL), text, key)
				if err != nil {
					t.Fatal(err)
				}
				want := &line.SendResult{RequestID: "r1", Sent: []line.SentMessage{{ID: "1", QuoteToken: "q"}, {ID: "2"}}}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("result (-want +got):\n%s", diff)
				}
				c := p.all()[0]
				if c.method != http.MethodPost || c.path != "/v2/bot/message/"+s.name || c.body != s.body {
					t.Errorf("got %s %s %s, want a POST of %s", c.method, c.path, c.body, s.body)
				}
				wantKeys := []string{key}
				if key == "" || s.name == "reply" {
					wantKeys = nil
				}
				if diff := cmp.Diff(wantKeys, c.header.Values("X-Line-Retry-Key")); diff != "" {
					t.Errorf("retry key (-want +got):\n%s", diff)
				}
				if a, ct := c.header.Get("Authorization"), c.header.Get("Content-Type"); a != "Bearer "+token || ct != "application/json" {
					t.Errorf("got authorization %q and content type %q", a, ct)
				}
			})
		}
	}
}

// TestAcceptedAnswers holds what counts as accepted, and what does not.
func TestAcceptedAnswers(t *testing.T) {
	const ids = "x-line-request-id: r2"
	tests := []struct {
		name   string
		key    string
		answer http.HandlerFunc
		want   *line.SendResult // nil for an error whose outcome is unknown
	}{
		{"empty object", retryKey, answer(200, "{}", ids), &line.SendResult{RequestID: "r2"}},
		{"202", retryKey, answer(202, "{}", ids), &line.SendResult{RequestID: "r2"}},
		{"no request ID", retryKey, answer(200, "{}"), &line.SendResult{}},
		{"empty body of LINE", retryKey, answer(200, "", ids), &line.SendResult{RequestID: "r2"}},
		{"odd body of LINE", retryKey, answer(200, `{"sentMessages":7}`, ids), &line.SendResult{RequestID: "r2"}},
		{"broken body of LINE", retryKey, answer(200, "{", ids, "Content-Length: 20"), &line.SendResult{RequestID: "r2"}},
		{
			"already accepted", retryKey,
			answer(409, `{"message":"The retry key is already accepted","sentMessages":[{"id":"9"}]}`, ids, "x-line-accepted-request-id: r1"),
			&line.SendResult{RequestID: "r2", AcceptedRequestID: "r1", Sent: []line.SentMessage{{ID: "9"}}},
		},
		{
			"already accepted, no messages", retryKey,
			answer(409, `{"message":"The retry key is already accepted"}`, ids, "x-line-accepted-request-id: r1"),
			&line.SendResult{RequestID: "r2", AcceptedRequestID: "r1"},
		},
		{"page of a stranger", retryKey, answer(200, "<html>log in first</html>"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t, tt.answer)
			got, err := newClient(t, p.URL).Push(t.Context(), userID, text, tt.key)
			if tt.want == nil {
				if !line.OutcomeUnknown(err) || !line.Temporary(err) || line.NotSent(err) {
					t.Errorf("got error %v, want one whose outcome is unknown", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConflictWithoutRetryKeyIsAnError(t *testing.T) {
	p := newPlatform(t, answer(409, `{"message":"conflict"}`, "x-line-accepted-request-id: r1"))
	_, err := newClient(t, p.URL).Push(t.Context(), userID, text, "")
	e, ok := errors.AsType[*line.Error](err)
	if !ok || e.Status != 409 || e.AcceptedRequestID != "r1" || line.Temporary(err) || line.OutcomeUnknown(err) {
		t.Errorf("got %#v, want a final 409", err)
	}
}

// TestBadArguments shows that nothing is sent for an argument that cannot be
// right.
func TestBadArguments(t *testing.T) {
	p := newPlatform(t, answer(200, "{}"))
	c := newClient(t, p.URL)
	six := make([]json.RawMessage, 6)
	for i := range six {
		six[i] = text[0]
	}
	send := func(r *line.SendResult, err error) error { return err }
	ctx := t.Context()
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"reply without token", send(c.Reply(ctx, "", text)), "reply token is empty"},
		{"push to nobody", send(c.Push(ctx, "", text, "")), "recipient is empty"},
		{"no messages", send(c.Push(ctx, userID, nil, "")), "0 messages"},
		{"six messages", send(c.Push(ctx, userID, six, "")), "6 messages"},
		{"not JSON", send(c.Push(ctx, userID, []json.RawMessage{text[0], json.RawMessage(secretary)}, "")), "message 1 is not"},
		{"two values", send(c.Push(ctx, userID, []json.RawMessage{json.RawMessage(`{}],"to":[{}`)}, "")), "message 0 is not"},
		{"not an object", send(c.Push(ctx, userID, []json.RawMessage{json.RawMessage(`"` + secretary + `"`)}, "")), "message 0 is not"},
		{"nil message", send(c.Push(ctx, userID, []json.RawMessage{nil}, "")), "message 0 is not"},
		{"retry key", send(c.Push(ctx, userID, text, "not-a-uuid")), "retry key"},
		{"retry key with line end", send(c.Push(ctx, userID, text, retryKey+"\n")), "retry key"},
		{"multicast to nobody", send(c.Multicast(ctx, nil, text, "")), "0 recipients"},
		{"multicast to 501", send(c.Multicast(ctx, make([]string, 501), text, "")), "501 recipients"},
		{"user ID", second(c.Profile(ctx, "U1/../../info")), "not a user ID"},
		{"user ID with line end", second(c.Profile(ctx, userID+"\n")), "not a user ID"},
		{"group ID", second(c.GroupMemberProfile(ctx, userID, userID)), "not a group ID"},
		{"member of group", second(c.GroupMemberProfile(ctx, groupID, groupID)), "not a user ID"},
		{"room ID", second(c.RoomMemberProfile(ctx, groupID, userID)), "not a room ID"},
		{"member of room", second(c.RoomMemberProfile(ctx, roomID, "")), "not a user ID"},
		{"summary", second(c.GroupSummary(ctx, "")), "not a group ID"},
		{"leave group", c.LeaveGroup(ctx, roomID), "not a group ID"},
		{"leave room", c.LeaveRoom(ctx, groupID), "not a room ID"},
		{"message ID", second(c.Content(ctx, "12/../3")), "not a message ID"},
		{"message ID of preview", second(c.ContentPreview(ctx, "")), "not a message ID"},
		{"loading in a group", c.ShowLoading(ctx, groupID, 0), "not a user ID"},
		{"mark as read", c.MarkAsRead(ctx, ""), "token is empty"},
		{"no webhook address", c.SetWebhookEndpoint(ctx, ""), "0 bytes"},
		{"long webhook address", c.SetWebhookEndpoint(ctx, strings.Repeat("a", 501)), "501 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !errors.Is(tt.err, line.ErrInvalid) || !line.NotSent(tt.err) || line.OutcomeUnknown(tt.err) || line.Temporary(tt.err) {
				t.Errorf("got error %v, want an invalid argument, final and not sent", tt.err)
			}
			if got := fmt.Sprint(tt.err); !strings.Contains(got, tt.want) || strings.Contains(got, secretary) {
				t.Errorf("got error %q, want one with %q and without content", got, tt.want)
			}
		})
	}
	if n := len(p.all()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

func second[T any](_ T, err error) error { return err }

// Options stand in the body beside what every call has.
func TestSendOptions(t *testing.T) {
	p := newPlatform(t, answer(http.StatusOK, `{}`))
	c := newClient(t, p.URL)
	if _, err := c.Push(t.Context(), userID, text, "", line.Silently(), line.InUnits("sale")); err != nil {
		t.Fatal(err)
	}
	want := `{"to":"` + userID + `","messages":[` + string(text[0]) + `],"notificationDisabled":true,"customAggregationUnits":["sale"]}`
	if got := p.all()[0].body; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
