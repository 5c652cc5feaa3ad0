package linesim_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"
	"github.com/tidwall/gjson"
)

// lineAnswer is what LINE's API answered.
type lineAnswer struct {
	status int
	body   string
	header http.Header
}

// line calls LINE's API with the channel's token; header are pairs that are set on top.
func (f *fixture) line(t testing.TB, method, path, body string, header ...string) lineAnswer {
	t.Helper()
	req, err := http.NewRequestWithContext(testContext(t), method, f.url+"/sim/line"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.ChannelAccessToken())
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Header.Get("x-line-request-id")) != 36 {
		t.Errorf("%s %s: x-line-request-id is %q, want a UUID", method, path, resp.Header.Get("x-line-request-id"))
	}
	return lineAnswer{resp.StatusCode, string(b), resp.Header}
}

// send calls one of reply, push, multicast and broadcast.
func (f *fixture) send(t testing.TB, endpoint, body string, header ...string) lineAnswer {
	t.Helper()
	return f.line(t, "POST", "/v2/bot/message/"+endpoint, body, header...)
}

func (a lineAnswer) want(t *testing.T, status int, body string) {
	t.Helper()
	if a.status != status || a.body != body {
		t.Errorf("answered %d %s\nwant %d %s", a.status, a.body, status, body)
	}
}

// texts returns the texts of the bot on a user's phone.
func (f *fixture) texts(t testing.TB, userID string) []string {
	t.Helper()
	msgs, err := f.Messages(userID, linesim.Query{From: linesim.FromBot})
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, m := range msgs {
		out = append(out, m.Via+" "+m.Text())
	}
	return out
}

const (
	hi        = `[{"type":"text","text":"hi"}]`
	stranger  = "Uffffffffffffffffffffffffffffffff"
	nowhere   = "Cffffffffffffffffffffffffffffffff"
	invalid   = `{"message":"Invalid reply token"}`
	retryKey  = "123e4567-e89b-12d3-a456-426614174000"
	retryKey2 = "123e4567-e89b-12d3-a456-426614174001"
)

func oneError(property, message string) string {
	return fmt.Sprintf(`{"message":"The request body has 1 error(s)","details":[{"message":%q,"property":%q}]}`, message, property)
}

func TestSendRefusals(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	u := f.user(t, "Hanako").UserID
	to := func(messages string) string { return `{"to":"` + u + `","messages":` + messages + `}` }
	const names = "Must be one of the following values: [audio, coupon, flex, image, imagemap, location, sticker, template, text, textV2, video]"
	for _, tc := range []struct {
		name, endpoint, body string
		header               []string
		status               int
		want                 string
	}{
		{"no token", "push", to(hi), []string{"Authorization", ""}, 401, `{"message":"Authentication failed due to the following reason: invalid token. Confirm that the access token in the authorization header is valid."}`},
		{"wrong token", "push", to(hi), []string{"Authorization", "Bearer x"}, 401, `{"message":"Authentication failed due to the following reason: invalid token. Confirm that the access token in the authorization header is valid."}`},
		{"token without scheme", "push", to(hi), []string{"Authorization", f.ChannelAccessToken()}, 401, `{"message":"Authentication failed due to the following reason: invalid token. Confirm that the access token in the authorization header is valid."}`},
		{"content type", "push", to(hi), []string{"Content-Type", "text/plain"}, 415, `{"message":"The content type, text/plain, is not supported"}`},
		{"broken JSON", "push", "{\n  \"to\": x}", nil, 400, `{"message":"The request body could not be parsed as JSON (line: 2, column: 10)"}`},
		{"empty body", "push", "", nil, 400, `{"message":"The request body could not be parsed as JSON (line: 1, column: 1)"}`},
		{"array", "push", "[]", nil, 400, `{"message":"The request body could not be parsed as JSON (line: 1, column: 1)"}`},
		{"messages of wrong type", "push", to(`"hi"`), nil, 400, `{"message":"The property, messages, in the request body is invalid (line: -, column: -)"}`},
		{"too large", "push", to(`[{"type":"text","text":"` + strings.Repeat("x", 2<<20) + `"}]`), nil, 413, `{"message":"Request Entity Too Large"}`},
		{"no messages", "push", to(`[]`), nil, 400, oneError("messages", "Size must be between 1 and 5")},
		{"six messages", "push", to(`[{},{},{},{},{},{}]`), nil, 400, oneError("messages", "Size must be between 1 and 5")},
		{"text missing", "push", to(`[{"type":"text"}]`), nil, 400, oneError("messages[0].text", "May not be empty")},
		{"text empty", "push", to(`[{"type":"text","text":""}]`), nil, 400, oneError("messages[0].text", "May not be empty")},
		{"text a number", "push", to(`[{"type":"text","text":5}]`), nil, 400, oneError("messages[0].text", "May not be empty")},
		{"text too long", "push", to(`[{"type":"text","text":"` + strings.Repeat("a", 5001) + `"}]`), nil, 400, oneError("messages[0].text", "Length must be between 0 and 5000")},
		{"emoji count twice", "push", to(`[{"type":"textV2","text":"a` + strings.Repeat("🦜", 2500) + `"}]`), nil, 400, oneError("messages[0].text", "Length must be between 0 and 5000")},
		{"type missing", "push", to(`[{"text":"hi"}]`), nil, 400, oneError("messages[0].type", "May not be empty")},
		{"type unknown", "push", to(`[{"type":"contact"}]`), nil, 400, oneError("messages[0].type", names)},
		{"null message", "push", to(`[null]`), nil, 400, oneError("messages[0]", "May not be null")},
		{"sticker without package", "push", to(`[{"type":"sticker","stickerId":"1"}]`), nil, 400, oneError("messages[0].packageId", "May not be empty")},
		{"two errors", "push", to(`[{"type":"text"},{"type":"text","text":"ok"},{"type":"flex","contents":{"type":"bubble"}}]`), nil, 400, `{"message":"The request body has 2 error(s)","details":[{"message":"May not be empty","property":"messages[0].text"},{"message":"May not be empty","property":"messages[2].altText"}]}`},
		{"push without to", "push", `{"messages":` + hi + `}`, nil, 400, oneError("to", "May not be empty")},
		{"push to a name", "push", `{"to":"Hanako","messages":` + hi + `}`, nil, 400, `{"message":"The property, to, in the request body is invalid (line: -, column: -)"}`},
		{"push to an unknown user", "push", `{"to":"` + stranger + `","messages":` + hi + `}`, nil, 400, `{"message":"Failed to send messages"}`},
		{"push to an unknown group", "push", `{"to":"` + nowhere + `","messages":` + hi + `}`, nil, 400, `{"message":"Failed to send messages"}`},
		{"push with a bad retry key", "push", to(hi), []string{"X-Line-Retry-Key", "1"}, 400, `{"message":"The request header, X-Line-Retry-Key, is invalid"}`},
		{"reply with a retry key", "reply", `{"replyToken":"x","messages":` + hi + `}`, []string{"X-Line-Retry-Key", retryKey}, 400, `{"message":"The request header, X-Line-Retry-Key, is invalid"}`},
		{"reply without token", "reply", `{"messages":` + hi + `}`, nil, 400, oneError("replyToken", "May not be empty")},
		{"reply with an unknown token", "reply", `{"replyToken":"x","messages":` + hi + `}`, nil, 400, invalid},
		{"multicast to nobody", "multicast", `{"to":[],"messages":` + hi + `}`, nil, 400, oneError("to", "Size must be between 1 and 500")},
		{"multicast to 501", "multicast", `{"to":["` + strings.Repeat(u+`","`, 500) + u + `"],"messages":` + hi + `}`, nil, 400, oneError("to", "Size must be between 1 and 500")},
		{"multicast to a group", "multicast", `{"to":["` + u + `","` + nowhere + `"],"messages":` + hi + `}`, nil, 400, `{"message":"The property, to[1], in the request body is invalid (line: -, column: -)"}`},
		{"multicast to a string", "multicast", `{"to":"` + u + `","messages":` + hi + `}`, nil, 400, `{"message":"The property, to, in the request body is invalid (line: -, column: -)"}`},
		{"validate", "validate/reply", `{"messages":[{"type":"text"}]}`, nil, 400, oneError("messages[0].text", "May not be empty")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f.send(t, tc.endpoint, tc.body, tc.header...).want(t, tc.status, tc.want)
		})
	}
	if got := f.texts(t, u); len(got) != 0 {
		t.Errorf("refused messages on the phone: %q", got)
	}
}

func TestAcceptedShapes(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	u := f.user(t, "Hanako").UserID
	for _, tc := range []struct {
		name, message string
		quote         bool
	}{
		{"text of 5000 units", `{"type":"text","text":"` + strings.Repeat("🦜", 2500) + `"}`, true},
		{"text of many bytes", `{"type":"text","text":"` + strings.Repeat("あ", 5000) + `"}`, true},
		{"textV2", `{"type":"textV2","text":"hi {who}"}`, true},
		{"sticker", `{"type":"sticker","packageId":"446","stickerId":"1988"}`, true},
		{"image", `{"type":"image","originalContentUrl":"https://a.example/1","previewImageUrl":"https://a.example/2"}`, true},
		{"video", `{"type":"video","originalContentUrl":"https://a.example/1","previewImageUrl":"https://a.example/2"}`, true},
		{"audio", `{"type":"audio","originalContentUrl":"https://a.example/1","duration":1}`, false},
		{"location", `{"type":"location","title":"t","address":"a","latitude":0,"longitude":0}`, false},
		{"imagemap", `{"type":"imagemap","baseUrl":"https://a.example/1","altText":"a","baseSize":{"width":1040,"height":1040},"actions":[]}`, false},
		{"template", `{"type":"template","altText":"a","template":{"type":"confirm","text":"t","actions":[{"type":"message","label":"a","text":"a"},{"type":"message","label":"b","text":"b"}]}}`, true},
		{"flex", `{"type":"flex","altText":"a","contents":{"type":"bubble"}}`, true},
		{"spaces and an id of its own", " {\n\"id\":\"9\",\"type\":\"text\", \"text\":\"}\" } ", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f.send(t, "validate/push", `{"messages":[`+tc.message+`]}`).want(t, 200, "{}")
			a := f.send(t, "push", `{"to":"`+u+`","messages":[`+tc.message+`]}`)
			sent := gjson.Get(a.body, "sentMessages.0")
			if a.status != 200 || len(sent.Get("id").Str) != 18 || sent.Get("quoteToken").Exists() != tc.quote {
				t.Fatalf("answered %d %s, want an id of 18 digits, quote token %v", a.status, a.body, tc.quote)
			}
			msgs, err := f.Messages(u, linesim.Query{})
			if err != nil {
				t.Fatal(err)
			}
			last := msgs[len(msgs)-1]
			if last.ID() != sent.Get("id").Str || last.Type() != gjson.Get(tc.message, "type").Str || last.RequestID != a.header.Get("x-line-request-id") {
				t.Errorf("on the phone: %s of call %s", last.Message, last.RequestID)
			}
		})
	}
}

// lastToken returns the reply token of the newest event of a chat.
func (b *bot) lastToken(t *testing.T, f *fixture, chatID string) string {
	t.Helper()
	token := ""
	for _, raw := range b.received(t, f) {
		src := gjson.GetBytes(raw, "source")
		if src.Get("groupId").Str == chatID || src.Get("type").Str == "user" && src.Get("userId").Str == chatID {
			token = gjson.GetBytes(raw, "replyToken").Str
		}
	}
	return token
}

func TestReplyOnce(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	b := f.startBot(t, nil)
	u := f.user(t, "Hanako").UserID
	body := `{"replyToken":"` + b.lastToken(t, f, u) + `","messages":` + hi + `}`
	if a := f.send(t, "reply", body, "X-Line-Retry-Key", ""); a.status != 200 {
		t.Errorf("first reply: %d %s", a.status, a.body)
	}
	f.send(t, "reply", body).want(t, 400, invalid)
	if diff := cmp.Diff([]string{"reply hi"}, f.texts(t, u)); diff != "" {
		t.Error(diff)
	}
	if used := f.Stats().QuotaUsed; used != 0 {
		t.Errorf("a reply cost %d of the quota", used)
	}
}

func TestReplyToGroupReachesAllMembers(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	b := f.startBot(t, nil)
	one, two, other := f.user(t, "One").UserID, f.user(t, "Two").UserID, f.user(t, "Other").UserID
	g, err := f.AddGroup(linesim.NewGroup{Members: []string{one, two}})
	if err != nil {
		t.Fatal(err)
	}
	body := `{"replyToken":"` + b.lastToken(t, f, g.GroupID) + `","messages":` + hi + `}`
	if a := f.send(t, "reply", body); a.status != 200 {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	for id, want := range map[string]int{one: 1, two: 1, other: 0} {
		msgs, err := f.Messages(id, linesim.Query{GroupID: g.GroupID})
		if err != nil || len(msgs) != want {
			t.Errorf("%d messages of the group on the phone of %s (%v), want %d", len(msgs), id, err, want)
		}
	}
	if _, err := f.SendMessage(one, linesim.UserMessage{Type: "text", Text: "bye", GroupID: g.GroupID}); err != nil {
		t.Fatal(err)
	}
	body = `{"replyToken":"` + b.lastToken(t, f, g.GroupID) + `","messages":` + hi + `}`
	if a := f.line(t, "POST", "/v2/bot/group/"+g.GroupID+"/leave", ""); a.status != 200 {
		t.Fatalf("leave: %d %s", a.status, a.body)
	}
	f.send(t, "reply", body).want(t, 400, invalid)
	f.send(t, "push", `{"to":"`+g.GroupID+`","messages":`+hi+`}`).want(t, 400, `{"message":"Failed to send messages"}`)
}

func TestWhoIsReached(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	friend, blocked := f.user(t, "Friend").UserID, f.user(t, "Blocked").UserID
	if _, err := f.Unfollow(blocked); err != nil {
		t.Fatal(err)
	}
	lonely, err := f.AddUser(linesim.NewUser{DisplayName: "Stranger", Stranger: true})
	if err != nil {
		t.Fatal(err)
	}
	to := `"` + friend + `","` + blocked + `","` + lonely.UserID + `"`
	for _, id := range []string{friend, blocked, lonely.UserID} {
		if a := f.send(t, "push", `{"to":"`+id+`","messages":`+hi+`}`); a.status != 200 {
			t.Errorf("push to %s: %d %s", id, a.status, a.body)
		}
	}
	f.send(t, "multicast", `{"to":[`+to+`,"`+stranger+`"],"messages":`+hi+`}`).want(t, 200, "{}")
	f.send(t, "broadcast", `{"messages":`+hi+`}`).want(t, 200, "{}")
	if diff := cmp.Diff([]string{"push hi", "multicast hi", "broadcast hi"}, f.texts(t, friend)); diff != "" {
		t.Errorf("friend: %s", diff)
	}
	for _, id := range []string{blocked, lonely.UserID} {
		if got := f.texts(t, id); len(got) != 0 {
			t.Errorf("%s got %q", id, got)
		}
	}
	if used := f.Stats().QuotaUsed; used != 3 {
		t.Errorf("quota used %d, want 3", used)
	}
}

func TestRetryKey(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	u := f.user(t, "Hanako").UserID
	for _, tc := range []struct {
		endpoint, body, key string
		withSent            bool
	}{
		{"push", `{"to":"` + u + `","messages":` + hi + `}`, retryKey, true},
		{"multicast", `{"to":["` + u + `"],"messages":` + hi + `}`, retryKey2, false},
		{"broadcast", `{"messages":` + hi + `}`, "123E4567-E89B-12D3-A456-426614174002", false},
	} {
		t.Run(tc.endpoint, func(t *testing.T) {
			first := f.send(t, tc.endpoint, tc.body, "X-Line-Retry-Key", tc.key)
			if first.status != 200 {
				t.Fatalf("first try: %d %s", first.status, first.body)
			}
			again := f.send(t, tc.endpoint, tc.body, "X-Line-Retry-Key", strings.ToLower(tc.key))
			if again.status != 409 || gjson.Get(again.body, "message").Str != "The retry key is already accepted" {
				t.Errorf("second try: %d %s", again.status, again.body)
			}
			if got, want := again.header.Get("x-line-accepted-request-id"), first.header.Get("x-line-request-id"); got != want {
				t.Errorf("accepted request id %q, want %q", got, want)
			}
			if got, want := gjson.Get(again.body, "sentMessages").Raw, gjson.Get(first.body, "sentMessages").Raw; got != want || (got != "") != tc.withSent {
				t.Errorf("sent messages %q, first %q", got, want)
			}
		})
	}
	refused := f.send(t, "push", `{"to":"`+stranger+`","messages":`+hi+`}`, "X-Line-Retry-Key", "00000000-0000-0000-0000-000000000001")
	accepted := f.send(t, "push", `{"to":"`+u+`","messages":`+hi+`}`, "X-Line-Retry-Key", "00000000-0000-0000-0000-000000000001")
	if refused.status != 400 || accepted.status != 200 {
		t.Errorf("a key of a refused call: %d, then %d, want 400, then 200", refused.status, accepted.status)
	}
	if diff := cmp.Diff([]string{"push hi", "multicast hi", "broadcast hi", "push hi"}, f.texts(t, u)); diff != "" {
		t.Error(diff)
	}
}

func TestQuota(t *testing.T) {
	f := newFixture(t, linesim.Config{MonthlyQuota: 3})
	one, two := f.user(t, "One").UserID, f.user(t, "Two").UserID
	g, err := f.AddGroup(linesim.NewGroup{Members: []string{one, two}})
	if err != nil {
		t.Fatal(err)
	}
	two5 := `[{"type":"text","text":"1"},{"type":"text","text":"2"}]`
	f.line(t, "GET", "/v2/bot/message/quota", "").want(t, 200, `{"type":"limited","value":3}`)
	if a := f.send(t, "push", `{"to":"`+g.GroupID+`","messages":`+two5+`}`); a.status != 200 {
		t.Fatalf("push to a group: %d %s", a.status, a.body)
	}
	f.line(t, "GET", "/v2/bot/message/quota/consumption", "").want(t, 200, `{"totalUsage":2}`)
	const over = `{"message":"You have reached your monthly limit."}`
	f.send(t, "multicast", `{"to":["`+one+`","`+two+`"],"messages":`+hi+`}`, "X-Line-Retry-Key", retryKey).want(t, 429, over)
	f.send(t, "push", `{"to":"`+one+`","messages":`+hi+`}`, "X-Line-Retry-Key", retryKey)
	f.send(t, "broadcast", `{"messages":`+hi+`}`).want(t, 429, over)
	if diff := cmp.Diff([]string{"push 1", "push 2", "push hi"}, f.texts(t, one)); diff != "" {
		t.Error(diff)
	}
	newFixture(t, linesim.Config{}).line(t, "GET", "/v2/bot/message/quota", "").want(t, 200, `{"type":"none"}`)
}

// TestReplyTokensOfRawEvents makes sure that a bot can answer the good events of any body.
func TestReplyTokensOfRawEvents(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	b := f.startBot(t, func(webhook.EventInterface) {})
	u := f.user(t, "Hanako").UserID
	b.received(t, f)
	ids, err := f.TriggerBody([]byte(`{"destination":"`+f.BotUserID()+`","events":[
		{"type":"message","webhookEventId":"01A","timestamp":1,"mode":"active","deliveryContext":{"isRedelivery":false},"replyToken":"t1","source":{"type":"user","userId":"`+u+`"},"message":{"type":"text","id":"1","text":"a","quoteToken":"q"}},
		{"type":"follow","webhookEventId":"01B","timestamp":1,"mode":"active","deliveryContext":{"isRedelivery":false},"replyToken":"t2","source":{"type":"user","userId":"`+u+`"},"follow":{"isUnblocked":false}}]}`), "")
	if err != nil || len(ids) != 2 {
		t.Fatalf("ids %q, %v", ids, err)
	}
	b.received(t, f)
	for _, token := range []string{"t1", "t2"} {
		if a := f.send(t, "reply", `{"replyToken":"`+token+`","messages":`+hi+`}`); a.status != 200 {
			t.Errorf("reply to %s: %d %s", token, a.status, a.body)
		}
	}
}
