package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/line-frontdesk/frontdesk/server"
)

// readHeaderTimeout bounds slow senders of the simulator's ports.
const readHeaderTimeout = 5 * time.Second

// baseURL returns the URL of a port of this process, as one on this machine
// reaches it.
func baseURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && (ip == nil || ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// explain adds to a failed start what can be done about it.
func explain(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && errors.As(err, &op) && op.Addr != nil:
		return fmt.Errorf("%s is in use by another program; stop it, or choose another address with --listen, --internal-listen or --bot-api-listen", op.Addr)
	case errors.Is(err, syscall.EACCES) && errors.As(err, &op) && op.Op == "listen":
		return fmt.Errorf("%s may not be opened by this user; choose a port above 1023 with --listen", op.Addr)
	}
	return err
}

// ignoreClosed returns the error of an http.Server that did not end in order.
func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// withDefaults returns the settings with the defaults of another base.
func withDefaults(settings []server.Setting, base server.Config) []server.Setting {
	defaults := map[string]string{"listen": base.Listen, "internal_listen": base.InternalListen, "data": base.Data}
	for i, s := range settings {
		if text, ok := defaults[s.Key]; ok {
			settings[i].Default = text
		}
	}
	return settings
}
