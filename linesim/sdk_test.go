package linesim_test

import (
	"bytes"
	"encoding/json"
	"image"
	_ "image/png" // sample pictures
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line/line-bot-sdk-go/v8/linebot/channel_access_token"
	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

// TestOfficialSDK drives the operations through LINE's own client.
func TestOfficialSDK(t *testing.T) {
	f := newFixture(t, linesim.Config{BotName: "Parrot", MonthlyQuota: 100})
	b := f.startBot(t, nil)
	u, err := f.AddUser(linesim.NewUser{DisplayName: "花子", Language: "ja", PictureURL: "https://a.example/p.png", StatusMessage: "元気"})
	if err != nil {
		t.Fatal(err)
	}
	g, err := f.AddGroup(linesim.NewGroup{Name: "Garden", Members: []string{u.UserID}})
	if err != nil {
		t.Fatal(err)
	}
	room, err := f.AddGroup(linesim.NewGroup{GroupID: lounge, Members: []string{u.UserID}})
	if err != nil {
		t.Fatal(err)
	}
	sdk := f.sdk
	hello := []messaging_api.MessageInterface{messaging_api.TextMessage{Text: "hello"}, &messaging_api.StickerMessage{PackageId: "446", StickerId: "1988"}}

	reply, err := sdk.ReplyMessage(&messaging_api.ReplyMessageRequest{ReplyToken: b.lastToken(t, f, u.UserID), Messages: hello})
	if err != nil || len(reply.SentMessages) != 2 || reply.SentMessages[0].QuoteToken == "" {
		t.Errorf("reply: %+v, %v", reply, err)
	}
	push, err := sdk.PushMessage(&messaging_api.PushMessageRequest{To: g.GroupID, Messages: hello}, retryKey)
	if err != nil || len(push.SentMessages) != 2 {
		t.Errorf("push: %+v, %v", push, err)
	}
	resp, _, err := sdk.PushMessageWithHttpInfo(&messaging_api.PushMessageRequest{To: g.GroupID, Messages: hello}, retryKey)
	if err == nil || resp.StatusCode != http.StatusConflict {
		t.Errorf("push again: %v, want 409", err)
	}
	if _, err := sdk.Multicast(&messaging_api.MulticastRequest{To: []string{u.UserID}, Messages: hello}, ""); err != nil {
		t.Errorf("multicast: %v", err)
	}
	if _, err := sdk.Broadcast(&messaging_api.BroadcastRequest{Messages: hello}, ""); err != nil {
		t.Errorf("broadcast: %v", err)
	}
	if _, err := sdk.ValidatePush(&messaging_api.ValidateMessageRequest{Messages: hello}); err != nil {
		t.Errorf("validate: %v", err)
	}
	if p, err := sdk.GetProfile(u.UserID); err != nil || p.DisplayName != "花子" || p.Language != "ja" || p.PictureUrl != "https://a.example/p.png" || p.StatusMessage != "元気" {
		t.Errorf("profile: %+v, %v", p, err)
	}
	if p, err := sdk.GetGroupMemberProfile(g.GroupID, u.UserID); err != nil || p.DisplayName != "花子" {
		t.Errorf("group member: %+v, %v", p, err)
	}
	if p, err := sdk.GetRoomMemberProfile(room.GroupID, u.UserID); err != nil || p.DisplayName != "花子" {
		t.Errorf("room member: %+v, %v", p, err)
	}
	if s, err := sdk.GetGroupSummary(g.GroupID); err != nil || s.GroupName != "Garden" || s.GroupId != g.GroupID {
		t.Errorf("summary: %+v, %v", s, err)
	}
	if c, err := sdk.GetGroupMemberCount(g.GroupID); err != nil || c.Count != 1 {
		t.Errorf("count: %+v, %v", c, err)
	}
	if ids, err := sdk.GetGroupMembersIds(g.GroupID, ""); err != nil || len(ids.MemberIds) != 1 {
		t.Errorf("members: %+v, %v", ids, err)
	}
	if ids, err := sdk.GetRoomMembersIds(room.GroupID, ""); err != nil || len(ids.MemberIds) != 1 {
		t.Errorf("room members: %+v, %v", ids, err)
	}
	if ids, err := sdk.GetFollowers("", 10); err != nil || len(ids.UserIds) != 1 {
		t.Errorf("followers: %+v, %v", ids, err)
	}
	if info, err := sdk.GetBotInfo(); err != nil || info.UserId != f.BotUserID() || info.DisplayName != "Parrot" {
		t.Errorf("bot: %+v, %v", info, err)
	}
	if _, err := sdk.ShowLoadingAnimation(&messaging_api.ShowLoadingAnimationRequest{ChatId: u.UserID, LoadingSeconds: 5}); err != nil {
		t.Errorf("loading: %v", err)
	}
	if q, err := sdk.GetMessageQuota(); err != nil || q.Value != 100 {
		t.Errorf("quota: %+v, %v", q, err)
	}
	if q, err := sdk.GetMessageQuotaConsumption(); err != nil || q.TotalUsage != 3 {
		t.Errorf("consumption: %+v, %v", q, err)
	}
	if e, err := sdk.GetWebhookEndpoint(); err != nil || e.Endpoint != b.URL+"/callback" || !e.Active {
		t.Errorf("webhook endpoint: %+v, %v", e, err)
	}
	if res, err := sdk.TestWebhookEndpoint(&messaging_api.TestWebhookEndpointRequest{}); err != nil || !res.Success || res.StatusCode != 200 || res.Reason != "OK" {
		t.Errorf("webhook test: %+v, %v", res, err)
	}
	if _, err := sdk.SetWebhookEndpoint(&messaging_api.SetWebhookEndpointRequest{Endpoint: "http://127.0.0.1:1/x"}); err != nil {
		t.Errorf("set webhook endpoint: %v", err)
	}
	if res, err := sdk.TestWebhookEndpoint(&messaging_api.TestWebhookEndpointRequest{}); err != nil || res.Success || res.Reason != "COULD_NOT_CONNECT" {
		t.Errorf("webhook test to nobody: %+v, %v", res, err)
	}
	if _, err := sdk.LeaveGroup(g.GroupID); err != nil {
		t.Errorf("leave: %v", err)
	}
	if _, err := sdk.LeaveRoom(room.GroupID); err != nil {
		t.Errorf("leave room: %v", err)
	}
	if _, err := sdk.GetGroupSummary(g.GroupID); err == nil {
		t.Error("a group that the bot left can still be read")
	}
}

func TestOfficialSDKStatelessToken(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	api, err := channel_access_token.NewChannelAccessTokenAPI(channel_access_token.WithEndpoint(f.url + "/sim/line"))
	if err != nil {
		t.Fatal(err)
	}
	issued, err := api.IssueStatelessChannelTokenByClientSecret(f.ChannelID(), f.ChannelSecret())
	if err != nil || issued.TokenType != "Bearer" {
		t.Fatalf("token: %+v, %v", issued, err)
	}
	sdk, err := messaging_api.NewMessagingApiAPI(issued.AccessToken, messaging_api.WithEndpoint(f.url+"/sim/line"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sdk.GetBotInfo(); err != nil {
		t.Error(err)
	}
	for name, form := range map[string]string{
		"grant":  "grant_type=x&client_id=" + f.ChannelID() + "&client_secret=" + f.ChannelSecret(),
		"id":     "grant_type=client_credentials&client_id=1&client_secret=" + f.ChannelSecret(),
		"secret": "grant_type=client_credentials&client_id=" + f.ChannelID() + "&client_secret=x",
		"form":   "%zz",
	} {
		a := f.line(t, "POST", "/oauth2/v3/token", form, "Content-Type", "application/x-www-form-urlencoded")
		if a.status != 400 || !strings.Contains(a.body, `"error":`) {
			t.Errorf("wrong %s: %d %s", name, a.status, a.body)
		}
	}
}

func TestContent(t *testing.T) {
	f := newFixture(t, linesim.Config{PublicURL: "http://sim.example/"})
	u := f.user(t, "Hanako").UserID
	blob, err := messaging_api.NewMessagingApiBlobAPI(f.ChannelAccessToken(), messaging_api.WithBlobEndpoint(f.url+"/sim/line"))
	if err != nil {
		t.Fatal(err)
	}
	own := []byte("\x89PNG\r\n\x1a\n my own")
	for _, tc := range []struct {
		name      string
		m         linesim.UserMessage
		mediaType string
		want      []byte // nil = do not compare
		length    int
		preview   int // status
	}{
		{"image", linesim.UserMessage{Type: "image"}, "image/png", nil, 0, 200},
		{"own image", linesim.UserMessage{Type: "image", Content: own}, "image/png", own, 0, 200},
		{"a page is no image", linesim.UserMessage{Type: "image", Content: []byte("<html><script>")}, "image/jpeg", nil, 0, 200},
		{"video", linesim.UserMessage{Type: "video"}, "video/mp4", nil, 0, 200},
		{"audio", linesim.UserMessage{Type: "audio"}, "audio/wav", nil, 0, 404},
		{"file", linesim.UserMessage{Type: "file", FileName: "a.bin", Size: 100_000}, "application/octet-stream", nil, 100_000, 404},
		{"own file", linesim.UserMessage{Type: "file", FileName: "a.html", Content: []byte("<html>")}, "application/octet-stream", []byte("<html>"), 0, 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sent, err := f.SendMessage(u, tc.m)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := blob.GetMessageContent(sent.MessageID)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.Header.Get("Content-Type") != tc.mediaType || int64(len(got)) != resp.ContentLength || len(got) == 0 {
				t.Errorf("%d bytes of %q, %v, want %s", len(got), resp.Header.Get("Content-Type"), err, tc.mediaType)
			}
			if tc.want != nil && !bytes.Equal(got, tc.want) || tc.length != 0 && len(got) != tc.length {
				t.Errorf("got %d bytes, not those that were sent", len(got))
			}
			if tc.name == "image" {
				if _, _, err := image.Decode(bytes.NewReader(got)); err != nil {
					t.Errorf("the sample picture: %v", err)
				}
			}
			if a := f.line(t, "GET", "/v2/bot/message/"+sent.MessageID+"/content/preview", ""); a.status != tc.preview {
				t.Errorf("preview answered %d, want %d", a.status, tc.preview)
			}
			status, err := blob.GetMessageContentTranscodingByMessageId(sent.MessageID)
			if err != nil || status.Status != "succeeded" {
				t.Errorf("transcoding: %+v, %v", status, err)
			}
			msgs, err := f.Messages(u, linesim.Query{})
			if err != nil {
				t.Fatal(err)
			}
			last := msgs[len(msgs)-1]
			if last.ContentURL != "http://sim.example/sim/contents/"+sent.MessageID || (last.PreviewURL != "") != (tc.preview == 200) {
				t.Errorf("URLs on the phone: %q and %q", last.ContentURL, last.PreviewURL)
			}
			open, err := http.Get(f.url + strings.TrimPrefix(last.ContentURL, "http://sim.example"))
			if err != nil {
				t.Fatal(err)
			}
			_ = open.Body.Close()
			if open.StatusCode != 200 || open.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(open.Header.Get("Content-Security-Policy"), "sandbox") {
				t.Errorf("for the page: %d %v", open.StatusCode, open.Header)
			}
		})
	}
}

func TestContentGoesAway(t *testing.T) {
	f := newFixture(t, linesim.Config{ContentBytes: 100})
	u := f.user(t, "Hanako").UserID
	send := func(size int) string {
		sent, err := f.SendMessage(u, linesim.UserMessage{Type: "image", Content: make([]byte, size)})
		if err != nil {
			t.Fatal(err)
		}
		return sent.MessageID
	}
	status := func(id string) int { return f.line(t, "GET", "/v2/bot/message/"+id+"/content", "").status }
	first, second := send(60), send(40)
	if got := []int{status(first), status(second)}; got[0] != 200 || got[1] != 200 {
		t.Errorf("with room: %v", got)
	}
	third := send(1)
	if got := []int{status(first), status(second), status(third)}; got[0] != 404 || got[1] != 200 || got[2] != 200 {
		t.Errorf("the oldest leaves: %v", got)
	}
	if _, err := f.Unsend(u, second); err != nil {
		t.Fatal(err)
	}
	f.line(t, "GET", "/v2/bot/message/"+second+"/content", "").want(t, 410, `{"message":"The content is gone"}`)
	f.line(t, "GET", "/v2/bot/message/1/content", "").want(t, 404, `{"message":"Not found"}`)
	fourth := send(99)
	if got := []int{status(third), status(fourth)}; got[0] != 200 || got[1] != 200 {
		t.Errorf("an unsent picture still takes room: %v", got)
	}
	if msgs, err := f.Messages(u, linesim.Query{}); err != nil || !msgs[1].Unsent || msgs[0].Unsent {
		t.Errorf("unsent on the phone: %+v, %v", msgs, err)
	}
	if _, err := f.Unsend(u, second); err == nil {
		t.Error("a message was unsent twice")
	}
}

func TestProfileRules(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	friend, blocked := f.user(t, "Friend").UserID, f.user(t, "Blocked").UserID
	other, err := f.AddUser(linesim.NewUser{DisplayName: "Stranger", Stranger: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Unfollow(blocked); err != nil {
		t.Fatal(err)
	}
	if _, err := f.AddGroup(linesim.NewGroup{GroupID: garden, Members: []string{blocked}}); err != nil {
		t.Fatal(err)
	}
	const none = `{"message":"Not found"}`
	profile := func(id string) lineAnswer { return f.line(t, "GET", "/v2/bot/profile/"+id, "") }
	profile(friend).want(t, 200, `{"displayName":"Friend","userId":"`+friend+`","language":"ja"}`)
	profile(blocked).want(t, 404, none)
	profile(stranger).want(t, 404, none)
	profile(other.UserID).want(t, 404, none)
	if _, err := f.SendText(other.UserID, "hi"); err != nil {
		t.Fatal(err)
	}
	profile(other.UserID).want(t, 200, `{"displayName":"Stranger","userId":"`+other.UserID+`"}`)
	profile("hanako").want(t, 400, `{"message":"The value for the 'userId' parameter is invalid"}`)
	f.line(t, "GET", "/v2/bot/group/"+garden+"/member/"+blocked, "").want(t, 200, `{"displayName":"Blocked","userId":"`+blocked+`"}`)
	f.line(t, "GET", "/v2/bot/group/"+garden+"/member/"+friend, "").want(t, 404, none)
	f.line(t, "GET", "/v2/bot/group/"+garden+"/member/x", "").want(t, 400, `{"message":"The value for the 'userId' parameter is invalid"}`)
	f.line(t, "GET", "/v2/bot/group/"+nowhere+"/summary", "").want(t, 404, none)
	f.line(t, "GET", "/v2/bot/group/"+lounge+"/summary", "").want(t, 400, `{"message":"The value for the 'groupId' parameter is invalid"}`)
	f.line(t, "GET", "/v2/bot/nothing", "").want(t, 404, none)
	f.line(t, "DELETE", "/v2/bot/message/push", "").want(t, 404, none)
}

func TestPages(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	var ids []string
	for range 101 {
		ids = append(ids, f.user(t, "x").UserID)
	}
	if _, err := f.AddGroup(linesim.NewGroup{GroupID: garden, Members: ids}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Unfollow(ids[0]); err != nil {
		t.Fatal(err)
	}
	read := func(path, field string, want []string, next string) {
		t.Helper()
		a := f.line(t, "GET", path, "")
		var page map[string]json.RawMessage
		var got []string
		if err := json.Unmarshal([]byte(a.body), &page); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(page[field], &got); err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, " ") != strings.Join(want, " ") || string(page["next"]) != next {
			t.Errorf("%s: %d ids, next %s, want %d, %s", path, len(got), page["next"], len(want), next)
		}
	}
	read("/v2/bot/group/"+garden+"/members/ids", "memberIds", ids[:100], `"100"`)
	read("/v2/bot/group/"+garden+"/members/ids?start=100", "memberIds", ids[100:], "")
	read("/v2/bot/followers/ids?limit=60", "userIds", ids[1:61], `"61"`)
	read("/v2/bot/followers/ids?limit=60&start=61", "userIds", ids[61:], "")
	for _, q := range []string{"limit=0", "limit=1001", "limit=x", "start=-1", "start=x"} {
		if a := f.line(t, "GET", "/v2/bot/followers/ids?"+q, ""); a.status != 400 {
			t.Errorf("%s: %d", q, a.status)
		}
	}
}

func TestChatOperations(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	b := f.startBot(t, nil)
	u := f.user(t, "Hanako").UserID
	if _, err := f.SendText(u, "hi"); err != nil {
		t.Fatal(err)
	}
	raw := b.received(t, f)
	var ev struct {
		Message struct{ MarkAsReadToken string }
	}
	if err := json.Unmarshal(raw[len(raw)-1], &ev); err != nil {
		t.Fatal(err)
	}
	const badToken = `{"message":"Invalid markAsReadToken. Tokens must be used by the bot that received them via Webhook."}`
	read := func(token string) lineAnswer {
		return f.line(t, "POST", "/v2/bot/chat/markAsRead", `{"markAsReadToken":"`+token+`"}`)
	}
	read(ev.Message.MarkAsReadToken).want(t, 200, "{}")
	read(ev.Message.MarkAsReadToken).want(t, 200, "{}")
	read("1"+ev.Message.MarkAsReadToken[1:]).want(t, 400, badToken)
	read("").want(t, 400, badToken)
	loading := func(body string) lineAnswer { return f.line(t, "POST", "/v2/bot/chat/loading/start", body) }
	loading(`{"chatId":"`+u+`"}`).want(t, 202, "{}")
	loading(`{"chatId":"`+u+`","loadingSeconds":60}`).want(t, 202, "{}")
	loading(`{"chatId":"`+garden+`"}`).want(t, 400, oneError("chatId", "Only user id is acceptable"))
	for _, n := range []string{"0", "4", "7", "65"} {
		loading(`{"chatId":"`+u+`","loadingSeconds":`+n+`}`).want(t, 400, oneError("loadingSeconds", "Must be a multiple of 5 between 5 and 60"))
	}
	if a := f.line(t, "PUT", "/v2/bot/channel/webhook/endpoint", `{"endpoint":"ftp://x"}`); a.status != 400 {
		t.Errorf("bad webhook endpoint: %d", a.status)
	}
	if err := f.SetWebhookURL(""); err != nil {
		t.Fatal(err)
	}
	f.line(t, "GET", "/v2/bot/channel/webhook/endpoint", "").want(t, 404, `{"message":"Webhook endpoint not found"}`)
	f.line(t, "POST", "/v2/bot/channel/webhook/test", "{}").want(t, 404, `{"message":"Webhook endpoint not found"}`)
}
