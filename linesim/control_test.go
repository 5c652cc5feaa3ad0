package linesim_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

// control calls the control API.
func (f *fixture) control(t testing.TB, method, path, body string, header ...string) lineAnswer {
	t.Helper()
	req, err := http.NewRequestWithContext(testContext(t), method, f.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
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
	return lineAnswer{resp.StatusCode, string(b), resp.Header}
}

// TestControlAPI walks through the control API as a script would, in one conversation: each request
// builds on those before. A want is the status and a list of "path=value" of the answer.
func TestControlAPI(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	f.startBot(t, f.parrot(t))
	const user, group = "/sim/users/" + hanako, "/sim/groups/" + garden
	for _, tc := range []struct {
		method, path, body string
		status             int
		want               []string
	}{
		{"GET", "/sim/users", "", 200, []string{`@this={"users":[]}`}},
		{"GET", "/sim/groups", "", 200, []string{`@this={"groups":[]}`}},
		{"GET", "/sim/webhooks", "", 200, []string{`@this={"webhooks":[]}`}},
		{"GET", "/sim/calls", "", 200, []string{`@this={"calls":[]}`}},
		{"GET", "/sim/faults", "", 200, []string{`@this={}`}},
		{"POST", "/sim/users", `{"userId":"` + hanako + `","displayName":"Hanako","language":"ja"}`, 201, []string{"userId=" + hanako, "displayName=Hanako", "following=true", "webhookEventId.@reverse=*"}},
		{"POST", "/sim/users", `{"displayName":"Alex","stranger":true}`, 201, []string{"following=false", "webhookEventId="}},
		{"POST", "/sim/users", `{"userId":"` + hanako + `","displayName":"Hanako"}`, 409, []string{"error=conflict: user " + hanako + " exists already"}},
		{"POST", "/sim/users", `{"displayName":""}`, 400, []string{"error=invalid displayName: it is empty, give the user a name"}},
		{"POST", "/sim/users", `{"displayName":"x","userId":"hanako"}`, 400, []string{"error=invalid userId: want U and 32 hexadecimal digits in lower case"}},
		{"POST", "/sim/users", `{"displayname":"x","age":7}`, 400, []string{`error=invalid body: json: unknown field "age"`}},
		{"POST", "/sim/users", `{"displayName":"x"} {}`, 400, []string{"error=invalid body: there is more behind the JSON object"}},
		{"POST", "/sim/users", strings.Repeat(" ", 1<<20+1), 413, []string{"error=the body is larger than 1048576 bytes, send less"}},
		{"GET", user, "", 200, []string{"displayName=Hanako", "blocked=false"}},
		{"POST", user + "/messages", `{"type":"text","text":"hello"}`, 202, []string{"webhookEventId.@reverse=*", "messageId.@reverse=*"}},
		{"GET", user + "/messages?wait=10&from=bot", "", 200, []string{"messages.#=1", "messages.0.seq=2", "messages.0.from=bot", "messages.0.via=reply", "messages.0.message.text=hello"}},
		{"GET", user + "/messages", "", 200, []string{"messages.#=2", "messages.0.from=user", "messages.0.userId=" + hanako, "messages.0.message.text=hello"}},
		{"GET", user + "/messages?after=2", "", 200, []string{`@this={"messages":[]}`}},
		{"GET", user + "/messages?after=x", "", 400, []string{`error=invalid after: "x", want a number from 0 on`}},
		{"GET", user + "/messages?wait=31", "", 400, []string{"error=invalid wait: 31 seconds, want up to 30"}},
		{"GET", user + "/messages?from=me", "", 400, []string{`error=invalid from: "me", want user or bot`}},
		{"POST", user + "/messages", `{"type":"dance"}`, 400, []string{`error=invalid type of message: "dance", want text, sticker, image, video, audio, file or location`}},
		{"POST", user + "/messages", `{"type":"text"}`, 400, []string{"error=invalid message of type text: text is missing"}},
		{"POST", user + "/messages", `{"type":"sticker","packageId":"1"}`, 400, []string{"error=invalid message of type sticker: packageId or stickerId is missing"}},
		{"POST", user + "/messages", `{"type":"file"}`, 400, []string{"error=invalid message of type file: fileName is missing"}},
		{"POST", user + "/messages", `{"type":"file","fileName":"a","size":-1}`, 400, []string{"error=invalid size: -1 bytes, want 0 to 314572800"}},
		{"POST", user + "/messages", `{"type":"image","contentBase64":"iVBORw0KGgo="}`, 202, nil},
		{"POST", user + "/postback", `{"data":"a=1","params":{"date":"2026-08-01"}}`, 202, []string{"webhookEventId.@reverse=*"}},
		{"POST", user + "/postback", `{}`, 400, []string{"error=invalid data: it is empty, a postback carries the data of its button"}},
		{"POST", user + "/unsend", `{"messageId":"1"}`, 404, []string{`error=message "1" of user ` + hanako + ": not found"}},
		{"POST", user + "/unfollow", "", 202, nil},
		{"POST", user + "/messages", `{"type":"text","text":"x"}`, 409, []string{"error=conflict: user " + hanako + " has blocked the bot, let them follow it first"}},
		{"GET", user, "", 200, []string{"following=false", "blocked=true"}},
		{"POST", user + "/follow", "{}", 202, nil},
		{"POST", "/sim/users/U1/follow", "", 404, []string{`error=user "U1": not found, add the user first`}},
		{"POST", "/sim/groups", `{"groupId":"` + garden + `","name":"Garden","members":["` + hanako + `"]}`, 201, []string{"groupId=" + garden, "joined=true", "members.#=1", "webhookEventId.@reverse=*"}},
		{"POST", "/sim/groups", `{"groupId":"` + garden + `","members":["` + hanako + `"]}`, 409, nil},
		{"POST", "/sim/groups", `{"groupId":"G","members":["` + hanako + `"]}`, 400, nil},
		{"POST", "/sim/groups", `{"members":[]}`, 400, []string{"error=invalid members: want 1 to 500 different user ids"}},
		{"POST", "/sim/groups", `{"members":["` + hanako + `","` + hanako + `"]}`, 400, nil},
		{"POST", "/sim/groups", `{"members":["U1"]}`, 404, nil},
		{"POST", group + "/members", `{"userId":"` + hanako + `"}`, 409, nil},
		{"POST", group + "/members", `{"userId":"` + alex + `"}`, 404, nil},
		{"POST", user + "/messages", `{"type":"text","text":"all","groupId":"` + garden + `"}`, 202, nil},
		{"GET", user + "/messages?wait=10&from=bot&groupId=" + garden, "", 200, []string{"messages.#=1", "messages.0.message.text=all", "messages.0.groupId=" + garden}},
		{"POST", user + "/messages", `{"type":"text","text":"x","groupId":"` + lounge + `"}`, 404, nil},
		{"DELETE", group + "/members/" + alex, "", 404, nil},
		{"DELETE", group + "/members/" + hanako, "", 202, nil},
		{"POST", user + "/messages", `{"type":"text","text":"x","groupId":"` + garden + `"}`, 409, nil},
		{"POST", group + "/join", "", 409, nil},
		{"POST", group + "/leave", "", 202, nil},
		{"POST", group + "/leave", "", 409, nil},
		{"POST", group + "/join", "", 202, nil},
		{"POST", "/sim/trigger", `{"event":{"type":"x"}}`, 202, []string{"webhookEventId.@reverse=*"}},
		{"POST", "/sim/trigger", `{"body":"{","signature":"x"}`, 202, []string{"webhookEventIds.#=0"}},
		{"POST", "/sim/trigger", `{}`, 400, []string{"error=invalid template: give either event, type or webhookEventId"}},
		{"POST", "/sim/trigger", `{"event":5}`, 400, nil},
		{"PUT", "/sim/faults", `{"endpoints":{"push":{"errorShare":0.5,"status":500}}}`, 200, []string{"endpoints.push.errorShare=0.5"}},
		{"PUT", "/sim/faults", `{"endpoints":{"push":{"errorShare":0.5,"sattus":500}}}`, 400, []string{`error=invalid body: json: unknown field "sattus"`}},
		{"PUT", "/sim/faults", `{"endpoints":{"pusch":{}}}`, 400, nil},
		{"GET", "/sim/faults", "", 200, []string{"endpoints.push.status=500"}},
		{"PUT", "/sim/faults", `{}`, 200, []string{`@this={}`}},
		{"GET", "/sim/calls?endpoint=reply&limit=1", "", 200, []string{"calls.#=1", "calls.0.endpoint=reply", "calls.0.status=200", "calls.0.to=1"}},
		{"GET", "/sim/calls?endpoint=push", "", 200, []string{"calls.#=0"}},
		{"GET", "/sim/calls?endpoint=pusch", "", 400, nil},
		{"GET", "/sim/webhooks?limit=1", "", 200, []string{"webhooks.#=1", "webhooks.0.seq=1", "webhooks.0.status=200", "webhooks.0.attempt=1", "webhooks.0.webhookEventIds.#=1"}},
		{"GET", "/sim/webhooks?limit=-1", "", 400, nil},
		{"GET", "/sim/stats", "", 200, []string{"users=2", "groups=1", "messages.reply=2", "calls.reply.200=2"}},
		{"GET", "/sim/bot", "", 200, []string{"displayName=Simulated bot", "channelId=1234567890"}},
		{"GET", "/sim/path/01ARZ3NDEKTSV4RRFFQ69G5FAV", "", 404, nil},
		{"GET", "/sim/events/01ARZ3NDEKTSV4RRFFQ69G5FAV", "", 404, nil},
		{"GET", "/sim/contents/1", "", 404, nil},
		{"GET", "/sim/nothing", "", 404, []string{"error=GET /sim/nothing: not found in the control API"}},
		{"DELETE", "/sim/users", "", 404, nil},
	} {
		a := f.control(t, tc.method, tc.path, tc.body)
		if a.status != tc.status {
			t.Errorf("%s %s %.80s: %d %s, want %d", tc.method, tc.path, tc.body, a.status, a.body, tc.status)
		}
		if tc.status >= 400 && gjson.Get(a.body, "error").Str == "" {
			t.Errorf("%s %s: no error in %s", tc.method, tc.path, a.body)
		}
		for _, w := range tc.want {
			path, want, _ := strings.Cut(w, "=")
			path, any := strings.CutSuffix(path, ".@reverse")
			if got := gjson.Get(a.body, path).String(); got != want && (!any || got == "") {
				t.Errorf("%s %s %.80s: %s is %q, want %q", tc.method, tc.path, tc.body, path, got, want)
			}
		}
	}
}

func TestControlRefusesOtherSites(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	a := f.control(t, "POST", "/sim/users", `{"displayName":"x"}`, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	if a.status != http.StatusForbidden || len(f.Users()) != 0 {
		t.Errorf("a request of another site: %d, %d users", a.status, len(f.Users()))
	}
	if a := f.control(t, "POST", "/sim/users", `{"displayName":"x"}`, "Origin", f.url, "Sec-Fetch-Site", "same-origin"); a.status != http.StatusCreated {
		t.Errorf("a request of the page: %d", a.status)
	}
}

func TestPhonePage(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	for path, kind := range map[string]string{"/": "text/html; charset=utf-8", "/phone/phone.js": ""} {
		a := f.control(t, "GET", path, "")
		if kind != "" && (a.status != 200 || a.header.Get("Content-Type") != kind) {
			t.Errorf("%s: %d %s", path, a.status, a.header.Get("Content-Type"))
		}
		if !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'self'") {
			t.Errorf("%s has no content security policy", path)
		}
	}
	if a := f.control(t, "GET", "/elsewhere", ""); a.status != 404 {
		t.Errorf("/elsewhere: %d", a.status)
	}
}

func TestWaitForMessages(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	u := f.user(t, "Hanako").UserID
	type result struct {
		msgs []linesim.Message
		err  error
	}
	got := make(chan result)
	go func() {
		msgs, err := f.WaitForMessages(testContext(t), u, linesim.Query{From: linesim.FromUser}, 3)
		got <- result{msgs, err}
	}()
	for _, text := range []string{"1", "2", "3"} {
		f.send(t, "push", `{"to":"`+u+`","messages":`+hi+`}`)
		if _, err := f.SendText(u, text); err != nil {
			t.Fatal(err)
		}
	}
	if r := <-got; r.err != nil || len(r.msgs) != 3 || r.msgs[2].Text() != "3" {
		t.Errorf("waited for %+v, %v", r.msgs, r.err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	msgs, err := f.WaitForMessages(ctx, u, linesim.Query{After: 4}, 3)
	if !errors.Is(err, context.DeadlineExceeded) || len(msgs) != 2 || !strings.Contains(err.Error(), "2 came") {
		t.Errorf("too few: %d messages, %v", len(msgs), err)
	}
	if _, err := f.WaitForMessages(ctx, stranger, linesim.Query{}, 1); !errors.Is(err, linesim.ErrNotFound) {
		t.Errorf("unknown user: %v", err)
	}
}

func TestBadConfig(t *testing.T) {
	for name, cfg := range map[string]linesim.Config{
		"scheme":   {WebhookURL: "ftp://bot.example"},
		"host":     {WebhookURL: "http://"},
		"long":     {WebhookURL: "https://bot.example/" + strings.Repeat("x", 500)},
		"unparsed": {WebhookURL: "http://a b"},
		"timeout":  {WebhookTimeout: -1},
		"quota":    {MonthlyQuota: -1},
	} {
		if _, err := linesim.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	_, err := linesim.New(linesim.Config{WebhookParallel: -1, ContentBytes: -2})
	if err == nil || !strings.Contains(err.Error(), "WebhookParallel") || !strings.Contains(err.Error(), "ContentBytes") {
		t.Errorf("two faults: %v", err)
	}
}
