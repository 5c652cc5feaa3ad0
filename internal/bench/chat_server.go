package bench

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/bench/chatload"
	"github.com/line-frontdesk/frontdesk/server"
)

const (
	chatPath = "/chat/ws"
	lobby    = "lobby" // the one room
)

// chatSubject is one chat that is measured.
type chatSubject struct {
	name  string
	start func(dir string) (*chatServer, error)
}

var chatSubjects = []chatSubject{
	{"plain", func(string) (*chatServer, error) { return serveChat(newBareChat(true)) }},
	{"bare", func(string) (*chatServer, error) { return serveChat(newBareChat(false)) }},
	{"frontdesk", frontdeskChat},
}

// chatServer is a chat that runs.
type chatServer struct {
	addr  string
	token func(user string) string // logs a user in
	stop  func() error
}

// chatSecret signs the members' tokens.
const chatSecret = "the secret of a chat that is measured"

// frontdeskChat runs a whole server, with its limit of frames out of the way.
func frontdeskChat(dir string) (*chatServer, error) {
	r, err := startServer(filepath.Join(dir, "data"), &waits{}, func(cfg *server.Config) {
		cfg.Chat = server.Chat{Enabled: true, Lobby: true, Secret: chatSecret, Rate: 1e6}
	})
	if err != nil {
		return nil, err
	}
	addr := r.srv.Addr().String()
	err = until(context.Background(), 10*time.Second, func() bool { return takesSockets(addr) })
	if err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return &chatServer{addr: addr, token: chatToken, stop: r.stop}, nil
}

// takesSockets reports whether a chat is open: it opens a moment after its port.
func takesSockets(addr string) bool {
	r, err := http.NewRequest(http.MethodGet, "http://"+addr+chatPath, nil)
	if err != nil {
		return false
	}
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"YmVuY2htYXJrIGNsaWVudA=="},
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	answer.Body.Close() // with it the connection
	return answer.StatusCode == http.StatusSwitchingProtocols
}

// chatToken returns a token of a user, which is a JSON Web Token.
func chatToken(user string) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	text := part(`{"alg":"HS256","typ":"JWT"}`) + "." +
		part(fmt.Sprintf(`{"sub":%q,"exp":%d}`, user, time.Now().Add(time.Hour).Unix()))
	mac := hmac.New(sha256.New, []byte(chatSecret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// serveChat runs a chat that knows neither logins nor rooms that must be made.
func serveChat(h http.Handler) (*chatServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: bareHello}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }() // awaited by stop
	return &chatServer{
		addr:  l.Addr().String(),
		token: func(string) string { return "" },
		stop: func() error {
			err := srv.Close()
			if err := <-served; !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return err
		},
	}, nil
}

// with completes a job.
func (s *chatServer) with(opt ChatOptions, job chatload.Job) chatload.Job {
	job.Addr, job.Path, job.Text, job.Duration = s.addr, chatPath, opt.Bytes-frameBytes, opt.Duration
	return job
}

// oneRoom completes a job for all members in the lobby.
func (s *chatServer) oneRoom(opt ChatOptions, job chatload.Job) chatload.Job {
	job.Clients = s.clients(opt.Members, lobby)
	return s.with(opt, job)
}

// clients logs n users in.
func (s *chatServer) clients(n int, room string) []chatload.Client {
	clients := make([]chatload.Client, n)
	for i := range clients {
		clients[i] = chatload.Client{Token: s.token(chatUser(i)), Room: room}
	}
	return clients
}

// pairs logs in the two members of each of n direct conversations.
func (s *chatServer) pairs(n int) (clients, others []chatload.Client) {
	all := s.clients(2*n, "")
	for i := 0; i < len(all); i += 2 {
		all[i].Room = "dm." + chatUser(i) + "." + chatUser(i+1)
		all[i+1].Room = all[i].Room
		clients, others = append(clients, all[i]), append(others, all[i+1])
	}
	return clients, others
}

func chatUser(i int) string { return fmt.Sprintf("user-%06d", i) }

// resident returns the bytes that the system counts for the process, 0 where it
// does not tell.
func resident() int64 {
	stat, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(stat)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
