package gateway

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// loadSpec reads one of LINE's OpenAPI files (github.com/line/line-openapi). They
// are not part of this repository: the test is skipped where they are not found.
func loadSpec(t *testing.T, name string) *openapi3.T {
	t.Helper()
	folder := os.Getenv("FRONTDESK_LINE_OPENAPI")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "line-openapi")
	}
	file := filepath.Join(folder, name)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("LINE's specification is not here: set FRONTDESK_LINE_OPENAPI to a folder with %s, or put it into shared/line-openapi beside the checkout", name)
	}
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// Answers are what LINE's specification says of the operation and status.
func TestAnswersBySpec(t *testing.T) {
	h := newHall(t, nil, nil)
	push := `{"to":"` + hanako + `","messages":` + hello + `}`
	credentials := url.Values{"grant_type": {"client_credentials"}, "client_id": {channelID}, "client_secret": {"secret"}}.Encode()
	token := h.token(said("E1", hanako))
	for _, tc := range []struct {
		name, file, method, template, body, header string
		status                                     int
	}{
		{"reply", "messaging-api.yml", "POST", "/v2/bot/message/reply", `{"replyToken":"` + token + `","messages":` + hello + `}`, "", 200},
		{"reply again", "messaging-api.yml", "POST", "/v2/bot/message/reply", `{"replyToken":"` + token + `","messages":` + hello + `}`, "", 400},
		{"push", "messaging-api.yml", "POST", "/v2/bot/message/push", push, "X-Line-Retry-Key: " + aKey, 200},
		{"push again", "messaging-api.yml", "POST", "/v2/bot/message/push", push, "X-Line-Retry-Key: " + aKey, 409},
		{"bad push", "messaging-api.yml", "POST", "/v2/bot/message/push", `{}`, "", 400},
		{"multicast", "messaging-api.yml", "POST", "/v2/bot/message/multicast", `{"to":["` + hanako + `"],"messages":` + hello + `}`, "", 200},
		{"broadcast", "messaging-api.yml", "POST", "/v2/bot/message/broadcast", `{"messages":` + hello + `}`, "", 200},
		{"profile", "messaging-api.yml", "GET", "/v2/bot/profile/{userId}", "", "", 200},
		{"loading", "messaging-api.yml", "POST", "/v2/bot/chat/loading/start", `{"chatId":"` + hanako + `"}`, "", 202},
		{"quota", "messaging-api.yml", "GET", "/v2/bot/message/quota", "", "", 200},
		{"consumption", "messaging-api.yml", "GET", "/v2/bot/message/quota/consumption", "", "", 200},
		{"validate", "messaging-api.yml", "POST", "/v2/bot/message/validate/push", `{"messages":` + hello + `}`, "", 200},
		{"bot info", "messaging-api.yml", "GET", "/v2/bot/info", "", "", 200},
		{"stateless token", "channel-access-token.yml", "POST", "/oauth2/v3/token", credentials, "Content-Type: application/x-www-form-urlencoded", 200},
		{"short-lived token", "channel-access-token.yml", "POST", "/v2/oauth/accessToken", credentials, "Content-Type: application/x-www-form-urlencoded", 200},
		{"bad credentials", "channel-access-token.yml", "POST", "/v2/oauth/accessToken", "grant_type=client_credentials", "Content-Type: application/x-www-form-urlencoded", 400},
		{"verify", "channel-access-token.yml", "GET", "/oauth2/v2.1/verify", "", "", 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := strings.Replace(tc.template, "{userId}", hanako, 1)
			if tc.name == "verify" {
				path += "?access_token=" + botToken
			}
			var headers []string
			if tc.header != "" {
				headers = append(headers, tc.header)
			}
			got := h.call(tc.method, path, tc.body, headers...)
			if got.status != tc.status {
				t.Fatalf("answered %d %s, want %d", got.status, got.body, tc.status)
			}
			checkAnswer(t, loadSpec(t, tc.file), tc.method, tc.template, got)
		})
	}
}

// checkAnswer compares an answer with the specification. LINE documents some
// statuses for all operations outside of it; those have its error form.
func checkAnswer(t *testing.T, doc *openapi3.T, method, template string, got response) {
	t.Helper()
	var body any
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatalf("%s: %v", got.body, err)
	}
	op := doc.Paths.Find(template).GetOperation(method)
	documented := op.Responses.Status(got.status)
	var schema *openapi3.Schema
	switch {
	case documented != nil && documented.Value.Content.Get("application/json") != nil:
		schema = documented.Value.Content.Get("application/json").Schema.Value
	case got.status >= 400:
		schema = doc.Components.Schemas["ErrorResponse"].Value
	default:
		return // LINE documents no content
	}
	if err := schema.VisitJSON(body, openapi3.MultiErrors()); err != nil {
		t.Errorf("%s: %v", got.body, err)
	}
	if op.Responses.Status(http.StatusOK) == nil && got.status == http.StatusOK {
		t.Error("LINE does not answer 200")
	}
}

// The table answers nothing that LINE's specification does not know.
func TestRoutesBySpec(t *testing.T) {
	known := map[string]bool{}
	for _, name := range []string{"messaging-api.yml", "channel-access-token.yml"} {
		for path, item := range loadSpec(t, name).Paths.Map() {
			for method := range item.Operations() {
				known[method+" "+path] = true
			}
		}
	}
	mux := http.NewServeMux()
	for _, rt := range routes() {
		mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, _ *http.Request) {})
		if method, _, ok := strings.Cut(rt.pattern, " "); ok && method != "" && !known[rt.pattern] {
			t.Errorf("%s is not in the specification", rt.pattern)
		}
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("POST", "/v2/bot/message/reply", nil))
	if w.Code != 200 {
		t.Errorf("a reply is answered %d", w.Code)
	}
}
