package linesim_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

const (
	richMenu = `{"size":{"width":2500,"height":843},"selected":false,"name":"m","chatBarText":"Menu","areas":[
		{"bounds":{"x":0,"y":0,"width":1,"height":1},"action":{"type":"richmenuswitch","richMenuAliasId":"a","data":"d"}}]}`
	newCoupon = `{"acquisitionCondition":{"type":"normal"},"title":"t","startTimestamp":1,"endTimestamp":2,"maxUseCountPerTicket":1,
		"visibility":"PUBLIC","timezone":"ASIA_TOKYO","reward":{"type":"free"}}`
	assertionType = "client_assertion_type=" + "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
)

// specCall is one call in TestAnswersBySpec. {name} in path and body stands for what an earlier call kept; keep
// is "name=path" of the answer, or "name" for its request id.
type specCall struct {
	method, path, body string
	status             int
	keep               string
}

func specCalls() []specCall {
	const mesg = `{"messages":` + hi + `}`
	return []specCall{
		{"GET", "/v2/bot/channel/webhook/endpoint", "", 404, ""},
		{"PUT", "/v2/bot/channel/webhook/endpoint", `{"endpoint":"{bot}"}`, 200, ""},
		{"PUT", "/v2/bot/channel/webhook/endpoint", `{"endpoint":"ftp://x"}`, 400, ""},
		{"GET", "/v2/bot/channel/webhook/endpoint", "", 200, ""},
		{"POST", "/v2/bot/channel/webhook/test", `{}`, 200, ""},
		{"POST", "/v2/bot/channel/webhook/test", `{"endpoint":"http://127.0.0.1:1/"}`, 200, ""},

		{"GET", "/v2/bot/message/{message}/content", "", 200, ""},
		{"GET", "/v2/bot/message/1/content", "", 404, ""},
		{"GET", "/v2/bot/message/{message}/content/preview", "", 200, ""},
		{"GET", "/v2/bot/message/{message}/content/transcoding", "", 200, ""},

		{"POST", "/v2/bot/message/reply", `{"replyToken":"{token}","messages":` + hi + `}`, 200, ""},
		{"POST", "/v2/bot/message/reply", `{"replyToken":"{token}","messages":` + hi + `}`, 400, ""},
		{"POST", "/v2/bot/message/push", `{"to":"{user}","messages":` + hi + `,"customAggregationUnits":["unit_1"]}`, 200, ""},
		{"POST", "/v2/bot/message/push", `{"to":"{user}","messages":[]}`, 400, ""},
		{"POST", "/v2/bot/message/push", `{"to":"{user}","messages":` + hi + `,"customAggregationUnits":["unit-1"]}`, 400, ""},
		{"POST", "/v2/bot/message/push!", `{"to":"{user}","messages":` + hi + `}`, 200, ""},
		{"POST", "/v2/bot/message/push!", `{"to":"{user}","messages":` + hi + `}`, 409, ""},
		{"POST", "/v2/bot/message/multicast", `{"to":["{user}"],"messages":` + hi + `}`, 200, ""},
		{"POST", "/v2/bot/message/multicast!", `{"to":["{user}"],"messages":` + hi + `}`, 409, ""},
		{"POST", "/v2/bot/message/multicast", `{"to":[],"messages":` + hi + `}`, 400, ""},
		{"POST", "/v2/bot/message/broadcast", mesg, 200, ""},
		{"POST", "/v2/bot/message/narrowcast", `{"messages":` + hi + `,"limit":{"max":5},"filter":{"demographic":{"type":"gender","oneOf":["female"]}}}`, 202, "narrow"},
		{"POST", "/v2/bot/message/narrowcast", `{"messages":` + hi + `,"recipient":{"type":"redelivery","requestId":"{narrow}"}}`, 202, ""},
		{"POST", "/v2/bot/message/narrowcast", `{"messages":` + hi + `,"recipient":{"type":"nobody"}}`, 400, ""},
		{"POST", "/v2/bot/message/narrowcast!", mesg, 409, ""},
		{"GET", "/v2/bot/message/progress/narrowcast?requestId={narrow}", "", 200, ""},
		{"GET", "/v2/bot/message/progress/narrowcast?requestId=x", "", 404, ""},
		{"POST", "/bot/pnp/push", `{"to":"{phone}","messages":` + hi + `}`, 200, ""},
		{"POST", "/bot/pnp/push", `{"to":"{narrow}","messages":` + hi + `}`, 422, ""},

		{"GET", "/v2/bot/message/quota", "", 200, ""},
		{"GET", "/v2/bot/message/quota/consumption", "", 200, ""},
		{"GET", "/v2/bot/message/delivery/reply?date={today}", "", 200, ""},
		{"GET", "/v2/bot/message/delivery/push?date={today}", "", 200, ""},
		{"GET", "/v2/bot/message/delivery/multicast?date=20200101", "", 200, ""},
		{"GET", "/v2/bot/message/delivery/broadcast?date=29991231", "", 200, ""},
		{"GET", "/v2/bot/message/delivery/pnp?date={today}", "", 200, ""},
		{"GET", "/v2/bot/message/delivery/pnp?date=2020", "", 400, ""},
		{"POST", "/v2/bot/message/validate/reply", mesg, 200, ""},
		{"POST", "/v2/bot/message/validate/push", mesg, 200, ""},
		{"POST", "/v2/bot/message/validate/multicast", mesg, 200, ""},
		{"POST", "/v2/bot/message/validate/narrowcast", mesg, 200, ""},
		{"POST", "/v2/bot/message/validate/broadcast", mesg, 200, ""},
		{"GET", "/v2/bot/message/aggregation/info", "", 200, ""},
		{"GET", "/v2/bot/message/aggregation/list?limit=10", "", 200, ""},

		{"GET", "/v2/bot/profile/{user}", "", 200, ""},
		{"GET", "/v2/bot/profile/" + stranger, "", 404, ""},
		{"GET", "/v2/bot/followers/ids?limit=10", "", 200, ""},
		{"GET", "/v2/bot/info", "", 200, ""},
		{"GET", "/v2/bot/group/" + garden + "/member/{user}", "", 200, ""},
		{"GET", "/v2/bot/room/" + lounge + "/member/{user}", "", 200, ""},
		{"GET", "/v2/bot/group/" + garden + "/members/ids", "", 200, ""},
		{"GET", "/v2/bot/room/" + lounge + "/members/ids", "", 200, ""},
		{"GET", "/v2/bot/group/" + garden + "/summary", "", 200, ""},
		{"GET", "/v2/bot/group/" + garden + "/members/count", "", 200, ""},
		{"GET", "/v2/bot/room/" + lounge + "/members/count", "", 200, ""},
		{"POST", "/v2/bot/group/" + garden + "/leave", "", 200, ""},
		{"POST", "/v2/bot/group/" + garden + "/leave", "", 404, ""},
		{"POST", "/v2/bot/room/" + lounge + "/leave", "", 200, ""},

		{"POST", "/v2/bot/richmenu/validate", richMenu, 200, ""},
		{"POST", "/v2/bot/richmenu/validate", `{"name":"x"}`, 400, ""},
		{"POST", "/v2/bot/richmenu", richMenu, 200, "menu=richMenuId"},
		{"GET", "/v2/bot/richmenu/{menu}", "", 200, ""},
		{"GET", "/v2/bot/richmenu/{menu}/content", "", 404, ""},
		{"POST", "/v2/bot/user/all/richmenu/{menu}", "", 400, ""},
		{"POST", "/v2/bot/richmenu/{menu}/content", "\x89PNG\r\n\x1a\n", 200, ""},
		{"POST", "/v2/bot/richmenu/{menu}/content", "\x89PNG\r\n\x1a\n", 400, ""},
		{"GET", "/v2/bot/richmenu/{menu}/content", "", 200, ""},
		{"GET", "/v2/bot/richmenu/list", "", 200, ""},
		{"GET", "/v2/bot/user/all/richmenu", "", 404, ""},
		{"POST", "/v2/bot/user/all/richmenu/{menu}", "", 200, ""},
		{"GET", "/v2/bot/user/all/richmenu", "", 200, ""},
		{"DELETE", "/v2/bot/user/all/richmenu", "", 200, ""},
		{"POST", "/v2/bot/richmenu/alias", `{"richMenuAliasId":"content","richMenuId":"{menu}"}`, 200, ""},
		{"POST", "/v2/bot/richmenu/alias", `{"richMenuAliasId":"content","richMenuId":"{menu}"}`, 400, ""},
		{"POST", "/v2/bot/richmenu/alias", `{"richMenuAliasId":"A","richMenuId":"{menu}"}`, 400, ""},
		{"GET", "/v2/bot/richmenu/alias/content", "", 200, ""},
		{"GET", "/v2/bot/richmenu/alias/list", "", 200, ""},
		{"POST", "/v2/bot/richmenu/alias/content", `{"richMenuId":"{menu}"}`, 200, ""},
		{"POST", "/v2/bot/richmenu/alias/content", `{"richMenuId":"x"}`, 400, ""},
		{"DELETE", "/v2/bot/richmenu/alias/content", "", 200, ""},
		{"DELETE", "/v2/bot/richmenu/alias/content", "", 404, ""},
		{"GET", "/v2/bot/user/{user}/richmenu", "", 404, ""},
		{"POST", "/v2/bot/user/{user}/richmenu/{menu}", "", 200, ""},
		{"GET", "/v2/bot/user/{user}/richmenu", "", 200, ""},
		{"DELETE", "/v2/bot/user/{user}/richmenu", "", 200, ""},
		{"POST", "/v2/bot/richmenu/bulk/link", `{"richMenuId":"{menu}","userIds":["{user}"]}`, 202, ""},
		{"POST", "/v2/bot/richmenu/bulk/unlink", `{"userIds":["{user}"]}`, 202, ""},
		{"POST", "/v2/bot/richmenu/validate/batch", `{"operations":[{"type":"unlinkAll"}]}`, 200, ""},
		{"POST", "/v2/bot/richmenu/batch", `{"operations":[{"type":"link","from":"{menu}","to":"{menu}"}]}`, 202, "batch"},
		{"GET", "/v2/bot/richmenu/progress/batch?requestId={batch}", "", 200, ""},
		{"DELETE", "/v2/bot/richmenu/{menu}", "", 200, ""},

		{"POST", "/v2/bot/user/{user}/linkToken", "", 200, ""},
		{"POST", "/v2/bot/message/markAsRead", `{"chat":{"userId":"{user}"}}`, 200, ""},
		{"POST", "/v2/bot/chat/markAsRead", `{"markAsReadToken":"{read}"}`, 200, ""},
		{"POST", "/v2/bot/chat/markAsRead", `{"markAsReadToken":"x"}`, 400, ""},
		{"POST", "/v2/bot/chat/loading/start", `{"chatId":"{user}","loadingSeconds":5}`, 202, ""},
		{"POST", "/v2/bot/chat/loading/start", `{"chatId":"` + garden + `"}`, 400, ""},

		{"GET", "/v2/bot/membership/list", "", 200, ""},
		{"GET", "/v2/bot/membership/subscription/{user}", "", 200, ""},
		{"GET", "/v2/bot/membership/1/users/ids", "", 200, ""},
		{"GET", "/v2/bot/membership/2/users/ids", "", 404, ""},
		{"POST", "/v2/bot/coupon", newCoupon, 200, "coupon=couponId"},
		{"POST", "/v2/bot/coupon", `{}`, 400, ""},
		{"GET", "/v2/bot/coupon?status=RUNNING", "", 200, ""},
		{"GET", "/v2/bot/coupon/{coupon}", "", 200, ""},
		{"PUT", "/v2/bot/coupon/{coupon}/close", "", 200, ""},
		{"PUT", "/v2/bot/coupon/{coupon}/close", "", 410, ""},
	}
}

// tokenCalls are the calls of channel-access-token.yml.
func tokenCalls() []specCall {
	const secret = "client_id={channel}&client_secret={secret}"
	const jwt = assertionType + "&client_assertion={assertion}"
	return []specCall{
		{"POST", "/oauth2/v3/token", "grant_type=client_credentials&" + secret, 200, ""},
		{"POST", "/oauth2/v3/token", "grant_type=client_credentials&" + jwt, 200, ""},
		{"POST", "/oauth2/v2.1/token", "grant_type=client_credentials&" + jwt, 200, "t21=access_token"},
		{"POST", "/oauth2/v2.1/token", "grant_type=client_credentials&" + assertionType + "&client_assertion=a.b.c", 400, ""},
		{"GET", "/oauth2/v2.1/tokens/kid?" + jwt, "", 200, ""},
		{"GET", "/oauth2/v2.1/verify?access_token={t21}", "", 200, ""},
		{"GET", "/oauth2/v2.1/verify?access_token=x", "", 400, ""},
		{"POST", "/oauth2/v2.1/revoke", secret + "&access_token={t21}", 200, ""},
		{"GET", "/oauth2/v2.1/verify?access_token={t21}", "", 400, ""},
		{"POST", "/v2/oauth/accessToken", "grant_type=client_credentials&" + secret, 200, "short=access_token"},
		{"POST", "/v2/oauth/accessToken", "grant_type=client_credentials&client_id=1&client_secret=2", 400, ""},
		{"POST", "/v2/oauth/verify", "access_token={short}", 200, ""},
		{"POST", "/v2/oauth/revoke", "access_token={short}", 200, ""},
		{"POST", "/v2/oauth/verify", "access_token={short}", 400, ""},
	}
}

// assertion returns a JSON Web Token in the form that LINE's token API takes, with a signature that proves
// nothing.
func assertion(channelID string, life, tokenLife time.Duration) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"RS256","typ":"JWT","kid":"k"}`) + "." + part(fmt.Sprintf(
		`{"iss":%q,"sub":%q,"aud":"https://api.line.me/","exp":%d,"token_exp":%d}`,
		channelID, channelID, time.Now().Add(life).Unix(), int(tokenLife/time.Second))) + "." + part("signature")
}

// TestAnswersBySpec makes every call of LINE's specification and validates every answer, and the request itself
// where it is one that succeeds.
func TestAnswersBySpec(t *testing.T) {
	api, tokens := loadSpec(t, "messaging-api.yml"), loadSpec(t, "channel-access-token.yml")
	f := newFixture(t, linesim.Config{MonthlyQuota: 1000})
	b := f.startBot(t, nil)
	if _, err := f.AddUser(linesim.NewUser{UserID: hanako, DisplayName: "Hanako", PhoneNumber: "+818000001234"}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{garden, lounge} {
		if _, err := f.AddGroup(linesim.NewGroup{GroupID: id, Members: []string{hanako}}); err != nil {
			t.Fatal(err)
		}
	}
	sent, err := f.SendMessage(hanako, linesim.UserMessage{Type: "image"})
	if err != nil {
		t.Fatal(err)
	}
	read := b.readToken(t, f)
	if err := f.SetWebhookURL(""); err != nil {
		t.Fatal(err)
	}
	kept := map[string]string{
		"bot": b.URL, "user": hanako, "message": sent.MessageID, "token": b.lastToken(t, f, hanako),
		"read":  read,
		"phone": sha256Hex("+818000001234"), "today": time.Now().In(time.FixedZone("", 9*3600)).Format("20060102"),
		"channel": f.ChannelID(), "secret": f.ChannelSecret(), "assertion": assertion(f.ChannelID(), 10*time.Minute, 24*time.Hour),
	}
	made := map[string]bool{}
	for _, c := range specCalls() {
		made[doSpecCall(t, f, api, c, kept)] = true
	}
	for _, c := range tokenCalls() {
		made[doSpecCall(t, f, tokens, c, kept)] = true
	}
	for _, s := range []*spec{api, tokens} {
		for name := range s.names() {
			if !made[name] {
				t.Errorf("%s was not called", name)
			}
		}
	}
}

// readToken returns the markAsReadToken of a message that the bot got.
func (b *bot) readToken(t *testing.T, f *fixture) (token string) {
	t.Helper()
	for _, raw := range b.received(t, f) {
		if v := gjson.GetBytes(raw, "message.markAsReadToken").Str; v != "" {
			token = v
		}
	}
	return token
}

// doSpecCall makes one call and returns its operation id. A path that ends in "!" has a retry key.
func doSpecCall(t *testing.T, f *fixture, s *spec, c specCall, kept map[string]string) string {
	t.Helper()
	fill := func(v string, escape func(string) string) string {
		return regexp.MustCompile(`\{(\w+)\}`).ReplaceAllStringFunc(v, func(name string) string {
			if value, ok := kept[name[1:len(name)-1]]; ok {
				return escape(value)
			}
			return name
		})
	}
	same := func(v string) string { return v }
	target, withKey := strings.CutSuffix(fill(c.path, url.QueryEscape), "!")
	kind := "application/json"
	switch {
	case strings.HasPrefix(c.body, "\x89PNG"):
		kind = "image/png"
	case strings.Contains(c.path, "oauth"):
		kind = formType
	}
	request := func(path string) *http.Request {
		r := httptest.NewRequest(c.method, path, strings.NewReader(fill(c.body, same)))
		r.Header.Set("Authorization", "Bearer "+f.ChannelAccessToken())
		if c.body != "" {
			r.Header.Set("Content-Type", kind)
		}
		if withKey {
			r.Header.Set("X-Line-Retry-Key", retryKey)
		}
		return r
	}
	r, w := request(target), httptest.NewRecorder()
	f.ServeHTTP(w, request("/sim/line"+target))
	if w.Code != c.status {
		t.Errorf("%s %s: %d %s, want %d", c.method, c.path, w.Code, w.Body, c.status)
	}
	if c.status < 300 {
		if err := s.checkRequest(r); err != nil {
			t.Errorf("the request: %v", err)
		}
	}
	if err := s.checkAnswer(r, w); err != nil {
		t.Errorf("%s %s answered %s: %v", c.method, c.path, w.Body, err)
	}
	if name, path, found := strings.Cut(c.keep, "="); found {
		kept[name] = gjson.Get(w.Body.String(), path).Str
	} else if name != "" {
		for header, values := range w.Header() {
			if strings.EqualFold(header, "x-line-request-id") { // in lower case on the wire, as LINE sends it
				kept[name] = values[0]
			}
		}
	}
	op, _ := s.find(r.Method, r.URL.Path)
	if op.route == nil {
		t.Fatalf("%s %s is not in the specification", c.method, c.path)
	}
	return op.route.Operation.OperationID
}
