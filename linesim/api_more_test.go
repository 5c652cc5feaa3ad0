package linesim_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

func TestNarrowcast(t *testing.T) {
	f := newFixture(t, linesim.Config{MonthlyQuota: 3})
	one, two := f.user(t, "One").UserID, f.user(t, "Two").UserID
	blocked := f.user(t, "Blocked").UserID
	if _, err := f.Unfollow(blocked); err != nil {
		t.Fatal(err)
	}
	first := f.send(t, "narrowcast", `{"messages":`+hi+`,"limit":{"max":1}}`, "X-Line-Retry-Key", retryKey)
	first.want(t, 202, "{}")
	again := f.send(t, "narrowcast", `{"messages":`+hi+`,"limit":{"max":1}}`, "X-Line-Retry-Key", retryKey)
	if again.status != 409 || again.header.Get("x-line-accepted-request-id") != first.header.Get("x-line-request-id") {
		t.Errorf("second try: %d %s", again.status, again.body)
	}
	if _, err := f.Unfollow(one); err != nil {
		t.Fatal(err)
	}
	id := first.header.Get("x-line-request-id")
	second := f.send(t, "narrowcast", `{"messages":`+hi+`,"recipient":{"type":"redelivery","requestId":"`+id+`"}}`)
	second.want(t, 202, "{}")
	progress := func(a lineAnswer) string {
		p := f.line(t, "GET", "/v2/bot/message/progress/narrowcast?requestId="+a.header.Get("x-line-request-id"), "")
		v := gjson.GetMany(p.body, "phase", "targetCount", "successCount", "failureCount")
		return fmt.Sprint(v)
	}
	if got := progress(first); got != "[succeeded 1 1 0]" {
		t.Errorf("progress of the first: %s", got)
	}
	if got := progress(second); got != "[succeeded 1 0 1]" {
		t.Errorf("progress of the second, to one who blocked: %s", got)
	}
	f.send(t, "narrowcast", `{"messages":`+hi+`}`).want(t, 202, "{}")
	if diff := cmp.Diff([]string{"narrowcast hi"}, f.texts(t, two)); diff != "" {
		t.Error(diff)
	}
	f.send(t, "broadcast", `{"messages":`+hi+`}`).want(t, 200, "{}")
	f.send(t, "narrowcast", `{"messages":`+hi+`}`).want(t, 429, `{"message":"You have reached your monthly limit."}`)
	if got := f.Stats().Limited["monthly"]; got != 1 {
		t.Errorf("%d calls above the monthly limit counted, want 1", got)
	}
}

func TestSentNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // 2000-01-01 00:00 UTC, in Japan 9 hours later
		b := newBubble(t, linesim.Config{})
		u := mustUser(t, b.Simulator, linesim.NewUser{})
		number := func(day string) string {
			return b.do("GET", "/sim/line/v2/bot/message/delivery/push?date="+day, "").Body.String()
		}
		b.push(u)
		b.push(u)
		time.Sleep(15 * time.Hour)
		b.push(u)
		for day, want := range map[string]string{
			"19991231": `{"status":"ready","success":0}`, "20000101": `{"status":"ready","success":2}`,
			"20000102": `{"status":"ready","success":1}`, "20000103": `{"status":"unready"}`,
		} {
			if got := number(day); got != want {
				t.Errorf("%s: %s, want %s", day, got, want)
			}
		}
		unit := func(name string) {
			body := `{"to":"` + u + `","messages":[{"type":"text","text":"hi"}],"customAggregationUnits":["` + name + `"]}`
			wantStatus(t, b.do("POST", "/sim/line/v2/bot/message/push", body), 200)
		}
		unit("a")
		unit("b")
		unit("a")
		list := func(query string) string {
			return b.do("GET", "/sim/line/v2/bot/message/aggregation/list"+query, "").Body.String()
		}
		if got := list("?limit=1"); got != `{"customAggregationUnits":["a"],"next":"1"}` {
			t.Errorf("first page of units: %s", got)
		}
		if got := list("?limit=1&start=1"); got != `{"customAggregationUnits":["b"]}` {
			t.Errorf("second page of units: %s", got)
		}
		time.Sleep(31 * 24 * time.Hour)
		if got := list(""); got != `{"customAggregationUnits":[]}` {
			t.Errorf("units of the next month: %s", got)
		}
	})
}

func TestLinkToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := listen(t, linesim.Config{}, linesim.WebhookFaults{})
		issue := func() string {
			w := b.do("POST", "/sim/line/v2/bot/user/"+hanako+"/linkToken", "")
			wantStatus(t, w, 200)
			return gjson.Get(w.Body.String(), "linkToken").Str
		}
		const nonce = "0123456789"
		link := func(who, token string) {
			w := b.do("POST", "/sim/users/"+who+"/link", `{"linkToken":"`+token+`","nonce":"`+nonce+`"}`)
			wantStatus(t, w, 202)
			synctest.Wait()
		}
		token := issue()
		link(hanako, token)
		link(hanako, token) // used
		link(alex, issue())
		link(hanako, "x")
		late := issue()
		time.Sleep(10 * time.Minute)
		link(hanako, late)
		var got []string
		for _, body := range l.seen() {
			ev := gjson.Get(body, "events.0")
			got = append(got, fmt.Sprint(ev.Get("link.result").Str, " ", ev.Get("source.userId").Str, " ", ev.Get("replyToken").Exists(), " ", ev.Get("source").Exists()))
		}
		if diff := cmp.Diff([]string{"ok " + hanako + " true true", "failed  false false"}, got); diff != "" {
			t.Error(diff)
		}
		wantStatus(t, b.do("POST", "/sim/users/"+hanako+"/link", `{"linkToken":"x","nonce":"short"}`), 400)
		wantStatus(t, b.do("POST", "/sim/line/v2/bot/user/"+stranger+"/linkToken", ""), 404)
	})
}

func TestPushByPhone(t *testing.T) {
	f := newFixture(t, linesim.Config{MonthlyQuota: 1})
	b := f.startBot(t, nil)
	u, err := f.AddUser(linesim.NewUser{DisplayName: "Hanako", PhoneNumber: "+818000001234", Stranger: true})
	if err != nil {
		t.Fatal(err)
	}
	body := `{"to":"` + sha256Hex("+818000001234") + `","messages":` + hi + `}`
	f.line(t, "POST", "/bot/pnp/push", body).want(t, 200, "{}")
	f.line(t, "POST", "/bot/pnp/push", body, "X-Line-Delivery-Tag", "tag-1").want(t, 200, "{}")
	raw := b.received(t, f)
	if len(raw) != 1 || gjson.GetBytes(raw[0], "delivery.data").Str != "tag-1" {
		t.Errorf("events %s", raw)
	}
	if diff := cmp.Diff([]string{"pnp hi", "pnp hi"}, f.texts(t, u.UserID)); diff != "" {
		t.Error(diff)
	}
	if used := f.Stats().QuotaUsed; used != 0 {
		t.Errorf("they cost %d of the quota", used)
	}
}

func TestRichMenusOfUsers(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	one, two := f.user(t, "One").UserID, f.user(t, "Two").UserID
	create := func() string {
		id := gjson.Get(f.line(t, "POST", "/v2/bot/richmenu", richMenu).body, "richMenuId").Str
		f.line(t, "POST", "/v2/bot/richmenu/"+id+"/content", "\x89PNG\r\n\x1a\n", "Content-Type", "image/png").want(t, 200, "{}")
		return id
	}
	a, b := create(), create()
	state := func() string {
		var out []string
		for _, u := range f.Users() {
			out = append(out, map[string]string{"": "-", a: "a", b: "b"}[u.RichMenuID])
		}
		return strings.Join(out, "")
	}
	for _, step := range []struct{ method, path, body, want string }{
		{"POST", "/v2/bot/user/" + one + "/richmenu/" + a, "", "a-"},
		{"POST", "/v2/bot/richmenu/bulk/link", `{"richMenuId":"` + b + `","userIds":["` + two + `","` + stranger + `"]}`, "ab"},
		{"POST", "/v2/bot/richmenu/batch", `{"operations":[{"type":"link","from":"` + a + `","to":"` + b + `"},{"type":"unlink","from":"` + b + `"}]}`, "b-"},
		{"POST", "/v2/bot/richmenu/batch", `{"operations":[{"type":"link","from":"` + b + `","to":"unknown"}]}`, "b-"},
		{"POST", "/v2/bot/user/" + two + "/richmenu/" + a, "", "ba"},
		{"DELETE", "/v2/bot/richmenu/" + a, "", "b-"},
		{"POST", "/v2/bot/richmenu/bulk/unlink", `{"userIds":["` + one + `"]}`, "--"},
	} {
		if r := f.line(t, step.method, step.path, step.body); r.status >= 300 {
			t.Errorf("%s %s: %d %s", step.method, step.path, r.status, r.body)
		}
		if got := state(); got != step.want {
			t.Errorf("%s %s: users have %s, want %s", step.method, step.path, got, step.want)
		}
	}
	big := strings.Repeat("x", 1<<20+1)
	if r := f.line(t, "POST", "/v2/bot/richmenu/"+b+"/content", big, "Content-Type", "image/png"); r.status != 413 {
		t.Errorf("a picture that is too large: %d", r.status)
	}
	if r := f.line(t, "POST", "/v2/bot/richmenu/"+b+"/content", "x", "Content-Type", "text/html"); r.status != 415 {
		t.Errorf("a page as a picture: %d", r.status)
	}
}

func TestTokenLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, linesim.Config{Rates: linesim.Rates{Off: true}})
		secret := url.Values{"grant_type": {"client_credentials"}, "client_id": {b.ChannelID()}, "client_secret": {b.ChannelSecret()}}.Encode()
		issue := func(path, form string, want int) (issued struct {
			Token string `json:"access_token"`
			Key   string `json:"key_id"`
			Life  int    `json:"expires_in"`
		}) {
			w := b.do("POST", "/sim/line"+path, form, "Content-Type", formType)
			wantStatus(t, w, want)
			if err := json.Unmarshal(w.Body.Bytes(), &issued); err != nil {
				t.Fatal(err)
			}
			return issued
		}
		valid := func(token string, want int) {
			t.Helper()
			wantStatus(t, b.do("GET", "/sim/line/v2/bot/info", "", "Authorization", "Bearer "+token), want)
		}
		byKey := func(life time.Duration) string {
			return "grant_type=client_credentials&" + assertionType + "&client_assertion=" + assertion(b.ChannelID(), 10*time.Minute, life)
		}
		first := issue("/v2/oauth/accessToken", secret, 200)
		valid(first.Token, 200)
		for range 30 {
			time.Sleep(time.Second)
			issue("/v2/oauth/accessToken", secret, 200)
		}
		valid(first.Token, 401) // the oldest of 31

		hour := issue("/oauth2/v2.1/token", byKey(time.Hour), 200)
		for range 29 {
			issue("/oauth2/v2.1/token", byKey(30*24*time.Hour), 200)
		}
		issue("/oauth2/v2.1/token", byKey(time.Hour), 400) // there are 30
		issue("/oauth2/v2.1/token", byKey(31*24*time.Hour), 400)
		if hour.Life != 3600 || hour.Key == "" {
			t.Errorf("issued %+v", hour)
		}
		time.Sleep(time.Hour - time.Second)
		valid(hour.Token, 200)
		time.Sleep(time.Second)
		valid(hour.Token, 401)
		last := issue("/oauth2/v2.1/token", byKey(time.Hour), 200)
		kids := b.do("GET", "/sim/line/oauth2/v2.1/tokens/kid?"+byKey(0), "").Body.String()
		if n := len(gjson.Get(kids, "kids").Array()); n != 30 || !strings.Contains(kids, last.Key) || strings.Contains(kids, hour.Key) {
			t.Errorf("%d keys %s", n, kids)
		}
		issue("/oauth2/v2.1/revoke", secret+"&access_token="+last.Token, 200)
		valid(last.Token, 401)

		free := issue("/oauth2/v3/token", byKey(0), 200)
		issue("/v2/oauth/revoke", "access_token="+free.Token, 200)
		valid(free.Token, 200) // stateless ones cannot be revoked
		for name, claim := range map[string]string{
			"old":      assertion(b.ChannelID(), -time.Second, time.Hour),
			"too long": assertion(b.ChannelID(), 31*time.Minute, time.Hour),
			"foreign":  assertion("1", time.Minute, time.Hour),
			"no JWT":   "x",
		} {
			w := b.do("POST", "/sim/line/oauth2/v3/token", "grant_type=client_credentials&"+assertionType+"&client_assertion="+claim, "Content-Type", formType)
			if w.Code != 400 {
				t.Errorf("%s assertion: %d", name, w.Code)
			}
		}
	})
}
