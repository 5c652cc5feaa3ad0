package linesim_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/line"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

// customs validates every request by LINE's specification before it lets it pass.
type customs struct {
	api, tokens *spec
	next        http.Handler
	t           *testing.T
	mu          sync.Mutex
	seen        map[string]bool // operation ids
}

func (c *customs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := c.api
	if strings.HasPrefix(r.URL.Path, "/oauth2/") {
		s = c.tokens
	}
	if err := s.checkRequest(r); err != nil {
		c.t.Error(err)
	}
	if op, _ := s.find(r.Method, r.URL.Path); op.route != nil {
		c.mu.Lock()
		c.seen[op.route.Operation.OperationID] = true
		c.mu.Unlock()
	}
	c.next.ServeHTTP(w, r)
}

// TestClientBySpec drives every call of package line through a validation by LINE's specification.
func TestClientBySpec(t *testing.T) {
	f := newFixture(t, linesim.Config{MonthlyQuota: 1000})
	c := &customs{
		api: loadSpec(t, "messaging-api.yml"), tokens: loadSpec(t, "channel-access-token.yml"), t: t, seen: map[string]bool{},
		next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = "/sim/line" + r.URL.Path
			f.ServeHTTP(w, r)
		}),
	}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	b := f.startBot(t, nil)
	u := f.user(t, "Hanako").UserID
	for _, id := range []string{garden, lounge} {
		if _, err := f.AddGroup(linesim.NewGroup{GroupID: id, Members: []string{u}}); err != nil {
			t.Fatal(err)
		}
	}
	sent, err := f.SendMessage(u, linesim.UserMessage{Type: "image"})
	if err != nil {
		t.Fatal(err)
	}
	read := b.readToken(t, f)
	token, err := line.NewStatelessToken(line.StatelessConfig{BaseURL: srv.URL, ChannelID: f.ChannelID(), ChannelSecret: f.ChannelSecret()})
	if err != nil {
		t.Fatal(err)
	}
	client, err := line.NewClient(line.Config{BaseURL: srv.URL, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	msgs, err := line.EncodeMessages(everyMessage()...)
	if err != nil {
		t.Fatal(err)
	}
	ctx := testContext(t)
	reply := b.lastToken(t, f, u)
	const key2, key3 = "123e4567-e89b-12d3-a456-426614174001", "123e4567-e89b-12d3-a456-426614174002"
	for _, call := range []struct {
		name string
		do   func(context.Context) (any, error)
	}{
		{"replyMessage", func(ctx context.Context) (any, error) { return client.Reply(ctx, reply, msgs[:5]) }},
		{"pushMessage", func(ctx context.Context) (any, error) { return client.Push(ctx, u, msgs[:5], retryKey) }},
		{"pushMessage", func(ctx context.Context) (any, error) { return client.Push(ctx, garden, msgs[5:], "") }},
		{"multicast", func(ctx context.Context) (any, error) { return client.Multicast(ctx, []string{u}, msgs[:5], key2) }},
		{"broadcast", func(ctx context.Context) (any, error) { return client.Broadcast(ctx, msgs[:1], key3) }},
		{"getProfile", func(ctx context.Context) (any, error) { return client.Profile(ctx, u) }},
		{"getGroupMemberProfile", func(ctx context.Context) (any, error) { return client.GroupMemberProfile(ctx, garden, u) }},
		{"getRoomMemberProfile", func(ctx context.Context) (any, error) { return client.RoomMemberProfile(ctx, lounge, u) }},
		{"getGroupSummary", func(ctx context.Context) (any, error) { return client.GroupSummary(ctx, garden) }},
		{"getMessageContent", func(ctx context.Context) (any, error) { return closed(client.Content(ctx, sent.MessageID)) }},
		{"getMessageContentPreview", func(ctx context.Context) (any, error) { return closed(client.ContentPreview(ctx, sent.MessageID)) }},
		{"showLoadingAnimation", func(ctx context.Context) (any, error) { return nil, client.ShowLoading(ctx, u, 20*time.Second) }},
		{"markMessagesAsReadByToken", func(ctx context.Context) (any, error) { return nil, client.MarkAsRead(ctx, read) }},
		{"getMessageQuota", func(ctx context.Context) (any, error) { return client.Quota(ctx) }},
		{"getMessageQuotaConsumption", func(ctx context.Context) (any, error) { return client.QuotaConsumption(ctx) }},
		{"getBotInfo", func(ctx context.Context) (any, error) { return client.BotInfo(ctx) }},
		{"getWebhookEndpoint", func(ctx context.Context) (any, error) { return client.WebhookEndpoint(ctx) }},
		{"validateMulticast", func(ctx context.Context) (any, error) { return nil, client.Validate(ctx, "multicast", msgs[:5]) }},
		{"testWebhookEndpoint", func(ctx context.Context) (any, error) { return client.TestWebhook(ctx, "") }},
		{"setWebhookEndpoint", func(ctx context.Context) (any, error) { return nil, client.SetWebhookEndpoint(ctx, b.URL) }},
		{"leaveGroup", func(ctx context.Context) (any, error) { return nil, client.LeaveGroup(ctx, garden) }},
		{"leaveRoom", func(ctx context.Context) (any, error) { return nil, client.LeaveRoom(ctx, lounge) }},
	} {
		if _, err := call.do(ctx); err != nil {
			t.Errorf("%s: %v", call.name, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.seen) != 22 {
		t.Errorf("%d operations passed, want 22: %v", len(c.seen), c.seen)
	}
}

// closed closes a content that was fetched.
func closed(c *line.Content, err error) (any, error) {
	if err == nil {
		err = c.Body.Close()
	}
	return nil, err
}

// everyMessage returns a message of every type, in the official SDK's form.
func everyMessage() []line.Message {
	act := &messaging_api.PostbackAction{Label: "a", Data: "d", DisplayText: "t"}
	area := &messaging_api.ImagemapArea{Width: 1, Height: 1}
	return []line.Message{
		messaging_api.TextMessage{Text: "hi", QuickReply: &messaging_api.QuickReply{Items: []messaging_api.QuickReplyItem{{Type: "action", Action: act}}}},
		messaging_api.StickerMessage{PackageId: "446", StickerId: "1988", Sender: &messaging_api.Sender{Name: "Parrot"}},
		messaging_api.ImageMessage{OriginalContentUrl: "https://a.example/1", PreviewImageUrl: "https://a.example/2"},
		messaging_api.VideoMessage{OriginalContentUrl: "https://a.example/1", PreviewImageUrl: "https://a.example/2", TrackingId: "t"},
		messaging_api.LocationMessage{Title: "t", Address: "a", Latitude: 35, Longitude: 139},
		messaging_api.AudioMessage{OriginalContentUrl: "https://a.example/1", Duration: 1000},
		messaging_api.TextMessageV2{Text: "hi {who}", Substitution: map[string]messaging_api.SubstitutionObjectInterface{
			"who": &messaging_api.MentionSubstitutionObject{Mentionee: &messaging_api.AllMentionTarget{}},
		}},
		messaging_api.ImagemapMessage{
			BaseUrl: "https://a.example/1", AltText: "a", BaseSize: &messaging_api.ImagemapBaseSize{Width: 1040, Height: 1040},
			Actions: []messaging_api.ImagemapActionInterface{&messaging_api.UriImagemapAction{LinkUri: "https://a.example/", Area: area}},
		},
		messaging_api.TemplateMessage{AltText: "a", Template: &messaging_api.ConfirmTemplate{Text: "t", Actions: []messaging_api.ActionInterface{act, act}}},
		messaging_api.FlexMessage{AltText: "a", Contents: &messaging_api.FlexBubble{Body: &messaging_api.FlexBox{
			Layout: "vertical", Contents: []messaging_api.FlexComponentInterface{&messaging_api.FlexText{Text: "hi"}, &messaging_api.FlexButton{Action: act}},
		}}},
	}
}
