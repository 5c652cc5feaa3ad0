package line_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/line"
)

func TestNewClientChecksConfig(t *testing.T) {
	ok := line.FixedToken(token)
	tests := []struct {
		name string
		cfg  line.Config
		want string // in the error, "" for none
	}{
		{"defaults", line.Config{Token: ok}, ""},
		{"path prefix", line.Config{Token: ok, BaseURL: "http://127.0.0.1:8080/sim/line/"}, ""},
		{"no token source", line.Config{}, "Config.Token is missing"},
		{"negative time-out", line.Config{Token: ok, Timeout: -time.Second}, "Config.Timeout"},
		{"no scheme", line.Config{Token: ok, BaseURL: "api.line.me"}, "Config.BaseURL"},
		{"other scheme", line.Config{Token: ok, BaseURL: "ftp://api.line.me"}, "Config.BaseURL"},
		{"no host", line.Config{Token: ok, BaseURL: "http:///sim"}, "Config.BaseURL"},
		{"query", line.Config{Token: ok, BaseURL: "http://host/?a=b"}, "Config.BaseURL"},
		{"fragment", line.Config{Token: ok, BaseURL: "http://host/#a"}, "Config.BaseURL"},
		{"password", line.Config{Token: ok, DataURL: "http://me:password@host"}, "Config.DataURL"},
		{"not an address", line.Config{Token: ok, DataURL: "http://me:password@host:port\x00"}, "Config.DataURL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := line.NewClient(tt.cfg)
			if got := fmt.Sprint(err); (err == nil) != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got error %q, want one with %q", got, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "password") {
				t.Errorf("error %q repeats the address", err)
			}
		})
	}
}

func TestHosts(t *testing.T) {
	api := newPlatform(t, answer(http.StatusOK, "{}"))
	data := newPlatform(t, answer(http.StatusOK, "{}"))
	tests := []struct {
		name    string
		cfg     line.Config
		content *platform
		prefix  string
	}{
		{"base only", line.Config{BaseURL: api.URL}, api, ""},
		{"base with path", line.Config{BaseURL: api.URL + "/sim/line/"}, api, "/sim/line"},
		{"both", line.Config{BaseURL: api.URL + "/a", DataURL: data.URL + "/b"}, data, "/b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.Token = line.FixedToken(token)
			content, err := newClientOf(t, tt.cfg).Content(t.Context(), messageID)
			if err != nil {
				t.Fatal(err)
			}
			content.Body.Close()
			calls := tt.content.all()
			got := calls[len(calls)-1].path
			if want := tt.prefix + "/v2/bot/message/" + messageID + "/content"; got != want {
				t.Errorf("content was asked for at %q, want %q", got, want)
			}
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	stranger := newPlatform(t, answer(http.StatusOK, "{}"))
	p := newPlatform(t, answer(http.StatusTemporaryRedirect, "", "Location: "+stranger.URL))
	_, err := newClient(t, p.URL).Push(t.Context(), userID, text, retryKey)
	if err == nil || line.OutcomeUnknown(err) || line.Temporary(err) {
		t.Errorf("got error %v, want one that is final", err)
	}
	if calls := stranger.all(); len(calls) != 0 {
		t.Errorf("the address of the redirect got %d calls, with the token", len(calls))
	}
}
