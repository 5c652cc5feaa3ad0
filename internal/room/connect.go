package room

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// turnedAway is why a connection is refused before its upgrade.
type turnedAway struct {
	status int
	reason string // of the metric
	text   string
}

var (
	awayOrigin   = &turnedAway{http.StatusForbidden, "origin", "pages of this origin may not connect; see chat.origins"}
	awayFull     = &turnedAway{http.StatusServiceUnavailable, "full", "too many connections"}
	awayGreeting = &turnedAway{http.StatusServiceUnavailable, "greeting", "too many connections that have not said hello"}
	awayUser     = &turnedAway{http.StatusTooManyRequests, "user", "too many connections of one user"}
	awayClosed   = &turnedAway{http.StatusServiceUnavailable, "closed", "the chat starts or stops"}
	awayUpgrade  = &turnedAway{http.StatusUpgradeRequired, "upgrade", "this is a WebSocket"}
)

// turnAway answers a request that is refused, and lets its connection go: thousands
// that were refused must not stay.
func (s *Service) turnAway(w http.ResponseWriter, why *turnedAway) {
	s.metrics.turnedAway.WithLabelValues(why.reason).Inc()
	w.Header().Set("Connection", "close")
	switch why.status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "5")
	case http.StatusUpgradeRequired:
		w.Header().Set("Upgrade", "websocket")
	}
	http.Error(w, why.text, why.status)
}

// allowedOrigin reports whether a page of the request's origin may speak with the
// chat; own reports whether it may do so as the user of its cookie.
func (s *Service) allowedOrigin(r *http.Request) (allowed, own bool) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true, false // no browser, or a page's own GET
	}
	if slices.Contains(s.cfg.Origins, origin) {
		return true, true
	}
	u, err := url.Parse(origin)
	same := err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
	return same, same
}

// shared lets pages of the allowed origins read what a handler answers; those of
// others may not even ask. Source: the Fetch standard, "CORS protocol".
func (s *Service) shared(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Origin")
		if allowed, _ := s.allowedOrigin(r); !allowed {
			s.turnAway(w, awayOrigin)
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Allow-Credentials", "true")
		}
		handle(w, r)
	}
}

// allowMore answers a browser that asks what pages may send beside the simplest
// requests.
func allowMore(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// serveSocket takes a WebSocket.
func (s *Service) serveSocket(w http.ResponseWriter, r *http.Request) {
	key, err := upgradeKey(r)
	if err != nil {
		s.turnAway(w, awayUpgrade)
		return
	}
	allowed, own := s.allowedOrigin(r)
	if !allowed {
		s.turnAway(w, awayOrigin)
		return
	}
	if why := s.admit(true); why != nil { // first of all: who is turned away costs little
		s.turnAway(w, why)
		return
	}
	c := s.newClient()
	if own {
		c.cookie = s.cookieOf(r)
	}
	nc, early, err := upgrade(w, key)
	if err != nil {
		s.dismiss()
		return
	}
	nc.SetReadDeadline(helloDeadline()) // an error shows at the first read
	c.out = socket{nc}
	if !s.add(c) {
		nc.Close()
		return
	}
	go s.serveClient(c, &frameReader{nc: nc, buf: early, limit: MaxFrame, control: c.control}) // awaited by Run: s.readers
}

func (s *Service) newClient() *client {
	return &client{
		s: s, id: rand.Text(), joined: map[string]*membership{}, frames: s.newLimiter(),
		room: make(chan struct{}, 1), gone: make(chan struct{}),
	}
}

// admit counts a connection that is about to be, or says why it must not. One that
// is to say hello may be one that never does.
func (s *Service) admit(greets bool) *turnedAway {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.open.Load():
		return awayClosed
	case len(s.clients)+s.coming >= s.cfg.MaxConnections:
		return awayFull
	case greets && s.greeting.Len()+s.coming >= maxGreeting && !s.greeting.evict():
		return awayGreeting
	}
	s.coming++
	return nil
}

// dismiss takes back what admit counted.
func (s *Service) dismiss() {
	s.mu.Lock()
	s.coming--
	s.mu.Unlock()
}

// add makes one of the clients of a connection that was admitted; false when the
// chat has closed meanwhile. Its reader is counted in readers.
func (s *Service) add(c *client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.coming--
	if !s.open.Load() {
		return false
	}
	s.clients[c] = struct{}{}
	s.greeting.add(c)
	s.readers.Add(1)
	return true
}

// unregister forgets a client.
func (s *Service) unregister(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	s.greeting.forget(c)
	if c.who.Load() != nil {
		c.user.connections-- // keepReads forgets the user when what was read is stored
	}
}

// noteStream lets frames of other requests find a stream's client.
func (s *Service) noteStream(c *client) {
	s.mu.Lock()
	s.streams[c.id] = c
	s.mu.Unlock()
}

// streamOf returns the client of a stream by its ID, nil when it is not here.
func (s *Service) streamOf(id string) *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[id]
}

func (s *Service) forgetStream(c *client) {
	s.mu.Lock()
	delete(s.streams, c.id)
	s.mu.Unlock()
}

// maxPerUser bounds the connections of one user, here.
const maxPerUser = 20

// welcome makes a client somebody; false when that one has too many connections.
func (s *Service) welcome(c *client, who *Identity) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[who.User]
	if u == nil {
		u = &user{guest: who.Guest, read: readRecord{}}
		s.users[who.User] = u
	}
	if u.connections >= maxPerUser {
		return false
	}
	u.name = who.Name
	u.connections++
	s.greeting.forget(c)
	c.nextPing.Store(s.firstPing())
	c.user = u
	c.who.Store(who)
	return true
}

// serveClient reads a client's messages until its connection ends.
func (s *Service) serveClient(c *client, reader *frameReader) {
	defer s.readers.Done()
	s.metrics.clients.WithLabelValues("websocket").Inc()
	defer s.metrics.clients.WithLabelValues("websocket").Dec()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := c.read(ctx, reader)
	var end *closeError
	if errors.As(err, &end) {
		c.end(end.code, end.reason)
		reader.nc.SetReadDeadline(time.Now().Add(closeWithin * time.Second)) // an error shows at the next read
		for err == nil || errors.As(err, &end) {
			_, err = reader.nc.Read(make([]byte, keptReadBuffer)) // until the client has taken it
		}
	}
	for _, m := range c.joined {
		m.room.leave(m)
	}
	c.shut()
	s.unregister(c)
}

// read handles messages until the connection ends, or has to.
func (c *client) read(ctx context.Context, reader *frameReader) error {
	greeted := false
	for {
		message, err := reader.message()
		if !greeted && errors.Is(err, os.ErrDeadlineExceeded) {
			return &closeError{closeNoHello, "no hello in time"}
		}
		if err != nil {
			return err
		}
		if c.over() {
			continue // it has been told the end
		}
		if err := c.handle(ctx, message); err != nil {
			return err
		}
		if !greeted && c.who.Load() != nil {
			greeted = true
			reader.nc.SetReadDeadline(noDeadline) // an error shows at the next read
		}
	}
}

// control answers the control frames of a WebSocket.
func (c *client) control(op byte, payload []byte) error {
	switch op {
	case opPing:
		c.send(append(appendHeader(nil, opPong, len(payload)), payload...))
	case opClose:
		return &closeError{closeNormal, ""}
	}
	return nil
}

// over reports whether the connection is ending.
func (c *client) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// shut ends the connection, whatever waits.
func (c *client) shut() {
	c.mu.Lock()
	c.ending = true
	c.queue = nil
	c.mu.Unlock()
	close(c.gone)
	c.out.shut()
}
