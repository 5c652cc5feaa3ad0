package gateway

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/linesim"
)

func linesimCalls(endpoint string) linesim.CallQuery { return linesim.CallQuery{Endpoint: endpoint} }

// renewed is a source of tokens that can be renewed.
type renewed struct {
	mu    sync.Mutex
	n     int
	asked []string // tokens to forget
}

func (r *renewed) Token(context.Context) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	return "own-token", nil
}

func (r *renewed) Forget(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, token)
}

// What is not answered here goes to LINE's two hosts, with the channel's own
// token, and comes back as it is.
func TestPassage(t *testing.T) {
	var mu sync.Mutex
	var got []string
	host := func(name string) *httptest.Server {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			got = append(got, strings.Join([]string{name, r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("X-Forwarded-For"), string(body)}, " "))
			mu.Unlock()
			w.Header().Set("X-Line-Request-Id", strings.Repeat("r", 36))
			if r.Header.Get("X-Test") == "expired" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			_, _ = io.WriteString(w, "from "+name)
		}))
		t.Cleanup(srv.Close)
		return srv
	}
	api, data := host("api"), host("data")
	source := &renewed{}
	h := newHall(t, nil, func(cfg *Config) {
		cfg.API, cfg.DataAPI, cfg.Channels[0].Source = api.URL+"/sim/line", data.URL, source
	})
	for _, tc := range []struct{ method, path, body, want string }{
		{"GET", "/v2/bot/followers/ids?limit=5&start=a%2Fb", "", "api GET /sim/line/v2/bot/followers/ids?limit=5&start=a%2Fb Bearer own-token  "},
		{"POST", "/v2/bot/message/validate/push", hello, "api POST /sim/line/v2/bot/message/validate/push Bearer own-token  " + hello},
		{"POST", "/v2/bot/richmenu", "{}", "api POST /sim/line/v2/bot/richmenu Bearer own-token  {}"},
		{"POST", "/v2/bot/richmenu/m1/content", "bytes", "data POST /v2/bot/richmenu/m1/content Bearer own-token  bytes"},
		{"GET", "/v2/bot/message/1/content", "", "data GET /v2/bot/message/1/content Bearer own-token  "},
		{"GET", "/v2/bot/message/1/content/preview", "", "data GET /v2/bot/message/1/content/preview Bearer own-token  "},
		{"GET", "/v2/bot/message/1/content/transcoding", "", "data GET /v2/bot/message/1/content/transcoding Bearer own-token  "},
		{"PUT", "/v2/bot/audienceGroup/upload/byFile", "ids", "data PUT /v2/bot/audienceGroup/upload/byFile Bearer own-token  ids"},
		{"GET", "/v2/bot/group/" + garden + "/member/" + hanako, "", "api GET /sim/line/v2/bot/group/" + garden + "/member/" + hanako + " Bearer own-token  "},
		{"GET", "/v2/bot/message/quota/consumption", "", "api GET /sim/line/v2/bot/message/quota/consumption Bearer own-token  "},
	} {
		got = nil
		resp := h.call(tc.method, tc.path, tc.body)
		if diff := cmp.Diff([]string{tc.want}, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tc.method, tc.path, diff)
		}
		resp.want(t, 200, "from "+strings.Fields(tc.want)[0])
	}
	got = nil
	h.call("GET", "/v2/bot/info", "", "Authorization: Bearer x").want(t, 401, unauthorized)
	if len(got) > 0 {
		t.Errorf("a stranger's call reached LINE: %v", got)
	}
	if resp := h.call("GET", "/v2/bot/info", "", "X-Test: expired"); resp.status != 401 || len(source.asked) != 1 || source.asked[0] != "own-token" {
		t.Errorf("answered %d, told to forget %q, want the token that LINE did not take", resp.status, source.asked)
	}
	api.Close()
	h.call("GET", "/v2/bot/info", "").want(t, 500, `{"message":"Internal server error"}`)
	if logs := h.logs.String(); !strings.Contains(logs, "LINE did not answer") || strings.Contains(logs, "own-token") {
		t.Errorf("logged %s", logs)
	}
}
