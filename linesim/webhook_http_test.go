package linesim_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/line-frontdesk/frontdesk/linesim"
)

func TestWebhookHTTPVersions(t *testing.T) {
	srv := func(secure, plain2 bool) string {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		s.EnableHTTP2 = true
		if plain2 {
			s.Config.Protocols = new(http.Protocols)
			s.Config.Protocols.SetUnencryptedHTTP2(true)
		}
		if secure {
			s.StartTLS()
		} else {
			s.Start()
		}
		t.Cleanup(s.Close)
		return s.URL
	}
	secure, plain, plain2 := srv(true, false), srv(false, false), srv(false, true)
	for _, tc := range []struct{ name, url, version, want string }{
		{"https, either", secure, "", "HTTP/2.0"},
		{"https, 1.1", secure, "1.1", "HTTP/1.1"},
		{"https, 2", secure, "2", "HTTP/2.0"},
		{"http, either", plain, "", "HTTP/1.1"},
		{"http, 2", plain2, "2", "HTTP/2.0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, linesim.Config{WebhookURL: tc.url, WebhookInsecureTLS: true})
			if err := f.SetFaults(linesim.Faults{Webhooks: linesim.WebhookFaults{HTTP: tc.version}}); err != nil {
				t.Fatal(err)
			}
			f.user(t, "Hanako")
			if err := f.WaitIdle(testContext(t)); err != nil {
				t.Fatal(err)
			}
			if got := f.Webhooks(0, 0)[0]; got.Status != 200 || got.Proto != tc.want {
				t.Errorf("record %+v, want %s", got, tc.want)
			}
		})
	}
}
