package gateway

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

const (
	unauthorized = `{"message":"Authentication failed due to the following reason: invalid token. Confirm that the access token in the authorization header is valid."}`
	badKey       = `{"message":"The request header, X-Line-Retry-Key, is invalid"}`
	empties      = `{"message":"The request body has 2 error(s)","details":[{"message":"May not be empty","property":"messages[0].text"},{"message":"May not be empty","property":`
)

// Bad calls are answered in LINE's words, and nothing is stored.
func TestRefusals(t *testing.T) {
	h := newHall(t, nil, nil)
	push := `{"to":"` + hanako + `","messages":` + hello + `}`
	mention := `[{"type":"textV2","text":"{a}","substitution":{"a":{"type":"mention","mentionee":{"type":"all"}}}}]`
	noMention := `{"message":"The request body has 1 error(s)","details":[{"message":"A mention can be sent to a group or room only","property":"messages[0].substitution.a"}]}`
	for _, tc := range []struct {
		name, op, body, header string
		status                 int
		answer                 string
	}{
		{"no token", "push", push, "Authorization: ", 401, unauthorized},
		{"another token", "push", push, "Authorization: Bearer x", 401, unauthorized},
		{"LINE's token", "push", push, "Authorization: Bearer " + h.sim.ChannelAccessToken(), 401, unauthorized},
		{"another way to show it", "push", push, "Authorization: Basic " + botToken, 401, unauthorized},
		{"a form", "push", push, "Content-Type: application/x-www-form-urlencoded", 415, `{"message":"The content type, application/x-www-form-urlencoded, is not supported"}`},
		{"no JSON", "push", "{", "", 400, `{"message":"The request body could not be parsed as JSON (line: 1, column: 2)"}`},
		{"wrong type", "push", `{"to":5}`, "", 400, `{"message":"The property, to, in the request body is invalid (line: -, column: -)"}`},
		{"empty push", "push", `{"messages":[{"type":"text"}]}`, "", 400, empties + `"to"}]}`},
		{"empty reply", "reply", `{"messages":[{"type":"text"}]}`, "", 400, empties + `"replyToken"}]}`},
		{"six messages", "broadcast", `{"messages":[` + strings.Repeat(`{"type":"text","text":"a"},`, 5) + `{"type":"text","text":"a"}]}`, "", 400, `{"message":"The request body has 1 error(s)","details":[{"message":"Size must be between 1 and 5","property":"messages"}]}`},
		{"no user", "multicast", `{"to":["` + garden + `"],"messages":` + hello + `}`, "", 400, `{"message":"The property, to[0], in the request body is invalid (line: -, column: -)"}`},
		{"a mention for all", "broadcast", `{"messages":` + mention + `}`, "", 400, noMention},
		{"a mention for one", "reply", `{"replyToken":"` + h.token(said("E1", hanako)) + `","messages":` + mention + `}`, "", 400, noMention},
		{"LINE's reply token", "reply", `{"replyToken":"0123456789abcdef0123456789abcdef","messages":` + hello + `}`, "", 400, invalidToken},
		{"retry key of a reply", "reply", `{"replyToken":"x","messages":` + hello + `}`, "X-Line-Retry-Key: " + aKey, 400, badKey},
		{"retry key that is none", "push", push, "X-Line-Retry-Key: x", 400, badKey},
		{"too large", "push", `{"to":"` + strings.Repeat("x", maxBody) + `"}`, "", 413, `{"message":"Request Entity Too Large"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var headers []string
			if tc.header != "" {
				headers = append(headers, tc.header)
			}
			h.send(tc.op, tc.body, headers...).want(t, tc.status, tc.answer)
		})
	}
	if ids := h.ids(); len(ids) > 0 {
		t.Errorf("stored %v", ids)
	}
	if strings.Contains(h.logs.String(), botToken) {
		t.Error("a token is in the log")
	}
}

func TestProfile(t *testing.T) {
	h := newHall(t, nil, nil)
	get := func(id string) response { return h.call(http.MethodGet, "/v2/bot/profile/"+id, "") }
	get(hanako).want(t, 200, `{"userId":"`+hanako+`","displayName":"Hanako"}`)
	get("U0000000000000000000000000000000f").want(t, 404, `{"message":"Not found"}`)
	get("x").want(t, 400, `{"message":"The value for the 'userId' parameter is invalid"}`)
}

func TestLoading(t *testing.T) {
	h := newHall(t, nil, nil)
	load := func(body string) response { return h.call(http.MethodPost, "/v2/bot/chat/loading/start", body) }
	load(`{"chatId":"`+hanako+`","loadingSeconds":5}`).want(t, 202, "{}")
	load(`{"chatId":"`+hanako+`","loadingSeconds":6}`).want(t, 400,
		`{"message":"The request body has 1 error(s)","details":[{"message":"Must be a multiple of 5 between 5 and 60","property":"loadingSeconds"}]}`)
	load(`{"chatId":"`+garden+`"}`).want(t, 400,
		`{"message":"The request body has 1 error(s)","details":[{"message":"Only user id is acceptable","property":"chatId"}]}`)
}

// A bot must not take the channel away.
func TestWebhookStays(t *testing.T) {
	h := newHall(t, nil, nil)
	if err := h.sim.SetWebhookURL("https://front.example/callback"); err != nil {
		t.Fatal(err)
	}
	h.call(http.MethodPut, "/v2/bot/channel/webhook/endpoint", `{"endpoint":"https://bot.example/"}`).want(t, 400, `{"message":"Invalid webhook endpoint URL"}`)
	if got := h.call(http.MethodGet, "/v2/bot/channel/webhook/endpoint", ""); gjson.Get(got.body, "endpoint").Str != "https://front.example/callback" {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}

// Bots that issue channel access tokens get tokens that work here.
func TestIssuedTokens(t *testing.T) {
	h := newHall(t, nil, func(cfg *Config) { cfg.Channels[0].Token = "" })
	h.send("push", "{}", "Authorization: Bearer ").want(t, 401, unauthorized)
	const form = "Content-Type: application/x-www-form-urlencoded"
	credentials := func(id, secret string) string {
		return url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}.Encode()
	}
	for path, life := range map[string]time.Duration{"/oauth2/v3/token": statelessLife, "/v2/oauth/accessToken": shortLife} {
		got := h.call(http.MethodPost, path, credentials(channelID, "secret"), form)
		token := gjson.Get(got.body, "access_token").Str
		if got.status != 200 || gjson.Get(got.body, "token_type").Str != "Bearer" || gjson.Get(got.body, "expires_in").Int() != int64(life/time.Second) {
			t.Fatalf("%s answered %d %s", path, got.status, got.body)
		}
		if got := h.call(http.MethodGet, "/v2/bot/info", "", "Authorization: Bearer "+token); got.status != 200 {
			t.Errorf("%s: the token is answered %d %s", path, got.status, got.body)
		}
		for _, verify := range []response{
			h.call(http.MethodGet, "/oauth2/v2.1/verify?access_token="+token, ""), h.call(http.MethodPost, "/v2/oauth/verify", "access_token="+token, form),
		} {
			if left := gjson.Get(verify.body, "expires_in").Int(); gjson.Get(verify.body, "client_id").Str != channelID || left > int64(life/time.Second) || left < int64(life/time.Second)-60 {
				t.Errorf("%s: verify answered %d %s", path, verify.status, verify.body)
			}
		}
		h.call(http.MethodPost, "/v2/oauth/revoke", "access_token="+token, form).want(t, 200, "{}")
		if got := h.call(http.MethodPost, path, credentials(channelID, "old secret"), form); got.status != 200 {
			t.Errorf("%s: the secret that is being replaced is answered %d %s", path, got.status, got.body)
		}
		for _, bad := range []string{credentials(channelID, "x"), credentials("", ""), credentials("1", "secret")} {
			h.call(http.MethodPost, path, bad, form).want(t, 400, `{"error":"invalid_client","error_description":"invalid client_id or client_secret"}`)
		}
		h.call(http.MethodPost, path, "grant_type=x", form).want(t, 400, `{"error":"unsupported_grant_type","error_description":"grant_type must be client_credentials"}`)
	}
	old := h.g.seal.make(sealedAccess, accessToken{Channel: "main", Until: time.Now().Add(-time.Second).UnixMilli()})
	h.send("push", "{}", "Authorization: Bearer "+old).want(t, 401, unauthorized)
	h.call(http.MethodGet, "/oauth2/v2.1/verify?access_token=x", "").want(t, 400, `{"error":"invalid_request","error_description":"access token expired"}`)
	h.call(http.MethodPost, "/oauth2/v2.1/token", "", form).want(t, 404, `{"message":"Not found"}`)
	if calls := h.sim.Calls(linesimCalls("token")); len(calls) > 0 {
		t.Errorf("LINE was asked for tokens: %+v", calls)
	}
}

// FuzzAPI sends any body to the operations that read one: every answer is JSON,
// and none is a server error.
func FuzzAPI(f *testing.F) {
	h := newHall(f, nil, nil)
	for _, body := range []string{
		"", "{}", "null", "[]", `{"to":"` + hanako + `","messages":` + hello + `}`, `{"to":["` + hanako + `"],"messages":` + hello + `}`,
		`{"messages":[{"type":"flex"}, null, 5, {"type":{}}]}`, `{"replyToken":"` + h.token(said("E1", hanako)) + `","messages":` + hello + `}`,
		`{"chatId":"` + hanako + `","loadingSeconds":20}`, `{"to":"` + hanako + `","messages":[{"type":"text","text":"a"}],"customAggregationUnits":["a"]}`,
	} {
		for op := range 5 {
			f.Add(op, body)
		}
	}
	f.Fuzz(func(t *testing.T, op int, body string) {
		path := []string{"message/reply", "message/push", "message/multicast", "message/broadcast", "chat/loading/start"}[uint(op)%5]
		r := httptest.NewRequest(http.MethodPost, "/v2/bot/"+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+botToken)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.g.ServeHTTP(w, r)
		if w.Code >= 500 || !gjson.Valid(w.Body.String()) {
			t.Errorf("%s answered %d %s", path, w.Code, w.Body)
		}
	})
}
