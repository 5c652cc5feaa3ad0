package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"

	"github.com/line-frontdesk/frontdesk/internal/bench/chatload"
)

// lobby is the one room.
const lobby = "lobby"

// chatSubject is one chat that is measured.
type chatSubject struct {
	name  string
	start func(dir string) (*chatServer, error)
}

var chatSubjects = []chatSubject{
	{"plain", func(string) (*chatServer, error) { return serveChat(newBareChat(true)) }},
	{"bare", func(string) (*chatServer, error) { return serveChat(newBareChat(false)) }},
}

// chatServer is a chat that runs.
type chatServer struct {
	addr  string
	token func(user string) (string, error) // logs a user in
	open  func(room string) error           // makes a room that everybody may join
	stop  func() error
}

// serveChat runs a chat that knows neither logins nor rooms that must be made.
func serveChat(h http.Handler) (*chatServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	srv := &http.Server{Handler: h}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }() // awaited by stop
	return &chatServer{
		addr:  l.Addr().String(),
		token: func(string) (string, error) { return "", nil },
		open:  func(string) error { return nil },
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
	job.Addr, job.Path, job.Text, job.Duration = s.addr, "/chat/ws", opt.Bytes-frameBytes, opt.Duration
	return job
}

// oneRoom completes a job for all members in the lobby.
func (s *chatServer) oneRoom(opt ChatOptions, job chatload.Job) (chatload.Job, error) {
	err := s.open(lobby)
	if err == nil {
		job.Clients, err = s.clients(opt.Members, lobby)
	}
	return s.with(opt, job), err
}

// clients logs n users in.
func (s *chatServer) clients(n int, room string) ([]chatload.Client, error) {
	clients := make([]chatload.Client, n)
	for i := range clients {
		token, err := s.token(chatUser(i))
		if err != nil {
			return nil, err
		}
		clients[i] = chatload.Client{Token: token, Room: room}
	}
	return clients, nil
}

// pairs logs in the two members of each of n direct conversations.
func (s *chatServer) pairs(n int) (clients, others []chatload.Client, err error) {
	all, err := s.clients(2*n, "")
	if err != nil {
		return nil, nil, err
	}
	for i := 0; i < len(all); i += 2 {
		all[i].Room = "dm." + chatUser(i) + "." + chatUser(i+1)
		all[i+1].Room = all[i].Room
		clients, others = append(clients, all[i]), append(others, all[i+1])
	}
	return clients, others, nil
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
