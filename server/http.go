package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// Limits of the public port against slow and large senders.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second // header and body
	idleTimeout       = 2 * time.Minute
	botReadTimeout    = time.Minute // of bots' calls, some of which carry files
	maxHeaderBytes    = 16 << 10
)

// certificateCheck is how often the certificate files are looked at, at most.
const certificateCheck = 10 * time.Second

// ports is the server's HTTP servers while they run.
type ports struct {
	public, internal, admin, botAPI *http.Server
	group                           errgroup.Group
}

// startHTTP serves all ports.
func (s *Server) startHTTP(fail context.CancelCauseFunc) *ports {
	w := &ports{
		public: &http.Server{
			Handler: s.handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout,
			IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: quietLog(s.lg),
		},
		internal: &http.Server{Handler: s.internalHandler(), ReadHeaderTimeout: readHeaderTimeout, ErrorLog: quietLog(s.lg)},
		admin:    &http.Server{Handler: s.adminHandler(), ReadHeaderTimeout: readHeaderTimeout, ErrorLog: quietLog(s.lg)},
		botAPI: &http.Server{
			Handler: s.gateway, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: botReadTimeout,
			IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: quietLog(s.lg),
		},
	}
	serve := func(srv *http.Server, l net.Listener) {
		if l == nil {
			return
		}
		w.group.Go(func() error { // awaited by stopInternal
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				fail(fmt.Errorf("serve %s: %w", l.Addr(), err))
			}
			return nil
		})
	}
	serve(w.public, s.public)
	serve(w.internal, s.internal)
	serve(w.admin, s.admin)
	serve(w.botAPI, s.botAPI)
	return w
}

// stopPublic answers the requests under way and takes no more.
func (w *ports) stopPublic() { shutdown(w.public) }

// stopBotAPI answers the calls of bots that are under way and takes no more.
func (w *ports) stopBotAPI() { shutdown(w.botAPI) }

// stopInternal ends the other ports and waits for all.
func (w *ports) stopInternal() {
	shutdown(w.internal)
	shutdown(w.admin)
	w.group.Wait() // errors have been passed on
}

func shutdown(srv *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), httpShutdown)
	defer cancel()
	if srv.Shutdown(ctx) != nil {
		srv.Close() // streams of pages do not end by themselves
	}
}

// internalHandler serves what belongs on a private address.
func (s *Server) internalHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		err := s.eng.Healthy()
		if s.draining.Load() {
			err = errors.New("shutting down")
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// listenPublic opens the public port, with TLS where files are named.
func listenPublic(cfg Config) (net.Listener, error) {
	var config *tls.Config
	if cfg.TLS.Cert != "" {
		cert := &certificate{files: cfg.TLS, every: certificateCheck}
		if _, err := cert.get(nil); err != nil {
			return nil, err
		}
		config = &tls.Config{
			MinVersion:     tls.VersionTLS12, // LINE speaks 1.2 and 1.3
			GetCertificate: cert.get,
			NextProtos:     []string{"h2", "http/1.1"},
		}
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if config != nil {
		return tls.NewListener(l, config), nil
	}
	return l, nil
}

// certificate is a certificate in files that may be replaced.
type certificate struct {
	files TLS
	every time.Duration // how often the files are looked at, at most

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed time.Time // of the file, when it was loaded
	checked time.Time
}

// get returns the present certificate. A replacement that cannot be read
// leaves the old one in use.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded != nil && time.Since(c.checked) < c.every {
		return c.loaded, nil
	}
	c.checked = time.Now()
	info, err := os.Stat(c.files.Cert)
	if err == nil && c.loaded != nil && info.ModTime().Equal(c.changed) {
		return c.loaded, nil
	}
	var loaded tls.Certificate
	if err == nil {
		loaded, err = tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	}
	if err != nil {
		if c.loaded != nil {
			return c.loaded, nil
		}
		return nil, fmt.Errorf("tls: %w", err)
	}
	c.loaded, c.changed = &loaded, info.ModTime()
	return c.loaded, nil
}

// listenAdmin opens the socket for the commands. The engine's lock on the data
// folder says that a socket left there belongs to nobody.
func listenAdmin(name string) (net.Listener, error) {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	l, err := net.Listen("unix", name)
	if err != nil {
		return nil, fmt.Errorf("admin socket (a long path of the data folder does not work): %w", err)
	}
	if err := os.Chmod(name, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	return l, nil
}

// quietLog returns the log of an http.Server: what clients do wrong is of
// interest only to those who look for it.
func quietLog(lg *slog.Logger) *log.Logger {
	return slog.NewLogLogger(lg.Handler(), slog.LevelDebug)
}
