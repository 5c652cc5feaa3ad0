package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/line-frontdesk/frontdesk/bots/parrot"
	"github.com/line-frontdesk/frontdesk/server"
)

// serve runs a server for the length of the test.
func serve(t *testing.T, cfg server.Config) *server.Server {
	t.Helper()
	cfg.Listen, cfg.InternalListen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Data = filepath.Join(t.TempDir(), "data")
	cfg.LINE.API = "http://127.0.0.1:1" // nothing is sent
	cfg.Channels = []server.Channel{{Name: "main", Secrets: []string{"s"}, AccessToken: "t"}}
	cfg.LINE.API = "http://127.0.0.1:1" // nobody is there
	ctx, cancel := context.WithCancel(context.Background())
	srv, err := server.New(ctx, cfg, parrot.New())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }() // awaited below
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return srv
}

// serialOf connects and returns the serial number of the certificate shown.
func serialOf(t *testing.T, addr string, maxVersion uint16) (int64, error) {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: maxVersion})
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	files := server.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	server.WriteCertificate(t, files, 1)
	addr := serve(t, server.Config{TLS: files}).Addr().String()

	if got, err := serialOf(t, addr, 0); err != nil || got != 1 {
		t.Fatalf("certificate %d (%v), want 1", got, err)
	}
	if _, err := serialOf(t, addr, tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 was taken")
	}
	if _, err := serialOf(t, addr, tls.VersionTLS12); err != nil {
		t.Errorf("TLS 1.2 was refused: %v", err)
	}
}

func TestPorts(t *testing.T) {
	srv := serve(t, server.Config{})
	public, internal := "http://"+srv.Addr().String(), "http://"+srv.InternalAddr().String()
	tests := []struct {
		name, url string
		status    int
		holds     string
	}{
		{"metrics", internal + "/metrics", 200, "frontdesk_webhook_seconds"},
		{"alive", internal + "/healthz", 200, "ok"},
		{"ready", internal + "/readyz", 200, "ok"},
		{"no metrics in public", public + "/metrics", 404, ""},
		{"no profiles in public", public + "/debug/pprof/", 404, ""},
		{"no webhooks inside", internal + "/callback", 404, ""},
		{"a webhook is a POST", public + "/callback", 405, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer, err := http.Get(test.url)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != test.status || !bytes.Contains(body, []byte(test.holds)) {
				t.Errorf("%d %v, want %d with %q", answer.StatusCode, err, test.status, test.holds)
			}
		})
	}
}
