package bench

import (
	"bufio"
	"context"
	_ "embed" // the bots in other languages
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
	webhooks "github.com/line/line-bot-sdk-go/v8/linebot/webhook"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/worker"
)

//go:embed echo/echo.py
var echoPython []byte

//go:embed echo/echo.js
var echoNode []byte

// way is how events get to a bot.
type way struct {
	name    string
	needs   string   // program; "" for none
	command []string // of the process by pipe
	start   func(*handled) (*bot, error)
}

const goHandler = "handler"

// ways returns all ways, the reference first.
func (b *workerBench) ways() []way {
	pipe := func(name, needs string, command ...string) way {
		return way{name, needs, command, func(h *handled) (*bot, error) { return h.startPipe(command) }}
	}
	return []way{
		{name: goHandler, start: (*handled).startHere},
		pipe("pipe-go", "", b.opt.Echo...),
		pipe("pipe-python", "python3", "python3", filepath.Join(b.dir, "echo.py")),
		pipe("pipe-node", "node", "node", filepath.Join(b.dir, "echo.js")),
		{name: "http-go", start: (*handled).startPosted},
		{name: "line-go", start: (*handled).startLINE},
	}
}

// WorkerWays are the names of the ways that Worker measures beside the Go handler.
func WorkerWays() (names []string) {
	for _, w := range new(workerBench).ways()[1:] {
		names = append(names, w.name)
	}
	return names
}

// bot is what was started for a way. Its zero value is a bot in this process.
type bot struct {
	address string                 // of a LINE bot, "" for others
	connect func(api string) error // tells a LINE bot where to call
	end     func() error
}

func (b *bot) stop() error {
	if b.end == nil {
		return nil
	}
	return b.end()
}

// startHere starts the bot as a handler in Go.
func (h *handled) startHere() (*bot, error) {
	h.handler = frontdesk.HandlerFunc(func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		return d.Send(frontdesk.Text(ev.Message.Text))
	})
	return &bot{}, nil
}

// startPipe starts the bot as a process.
func (h *handled) startPipe(command []string) (_ *bot, err error) {
	address := "exec:"
	for _, word := range command {
		address += ` "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
	}
	if h.handler, err = newWorker(address); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.handler.(*worker.Pipe).Run(ctx) }() // awaited by the end
	return &bot{end: func() error { cancel(); return <-ended }}, nil
}

// startPosted starts the bot as an HTTP server.
func (h *handled) startPosted() (*bot, error) {
	s, err := newSite()
	if err != nil {
		return nil, err
	}
	s.serve(http.HandlerFunc(echoPosted))
	h.handler, err = newWorker(s.url)
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return &bot{end: s.stop}, nil
}

// startLINE starts the bot as any other LINE bot, which knows nothing of Frontdesk.
func (h *handled) startLINE() (*bot, error) {
	s, err := newSite()
	if err != nil {
		return nil, err
	}
	return &bot{address: "line:" + s.url, end: s.stop, connect: func(api string) error {
		// net/http's own client would let go of all but two connections after each call.
		calls := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}
		client, err := messaging_api.NewMessagingApiAPI(token, messaging_api.WithEndpoint(api), messaging_api.WithHTTPClient(calls))
		if err == nil {
			s.serve(&echoLINE{client, h})
		}
		return err
	}}, nil
}

func newWorker(address string) (frontdesk.Handler, error) {
	return worker.New(address, worker.Config{
		Name: "bench", Environ: os.Environ(),
		Logger: slog.New(slog.DiscardHandler), Metrics: worker.NewMetrics(prometheus.NewRegistry()),
	})
}

// asked is what the bots here read of an event.
type asked struct {
	ID    string `json:"id"`
	Event struct {
		Message struct {
			Text string `json:"text"`
		} `json:"message"`
	} `json:"event"`
}

// told is what they answer.
type told struct {
	T    string `json:"t"`
	ID   string `json:"id,omitempty"`
	Text string `json:"text"`
}

// Echo is a bot by pipe that says what it was sent, until in ends.
func Echo(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20) // the protocol's limit
	for lines.Scan() {
		var a asked
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return err
		}
		line, err := json.Marshal(told{"done", a.ID, a.Event.Message.Text})
		if err != nil {
			return err
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return lines.Err()
}

// echoPosted is the same bot by HTTP.
func echoPosted(w http.ResponseWriter, r *http.Request) {
	var a asked
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	json.NewEncoder(w).Encode(told{T: "done", Text: a.Event.Message.Text}) // an error shows at the other end
}

// echoLINE is the same bot with LINE's own SDK.
type echoLINE struct {
	client *messaging_api.MessagingApiAPI
	h      *handled
}

func (b *echoLINE) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, err := webhooks.ParseRequest(secret, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, ev := range request.Events {
		e, _ := ev.(webhooks.MessageEvent)
		text, _ := e.Message.(webhooks.TextMessageContent)
		_, err := b.client.ReplyMessage(&messaging_api.ReplyMessageRequest{
			ReplyToken: e.ReplyToken, Messages: []messaging_api.MessageInterface{messaging_api.TextMessage{Text: text.Text}},
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		b.h.note(e.WebhookEventId)
	}
}

// writeEchoes writes the bots in other languages.
func (b *workerBench) writeEchoes() error {
	return errors.Join(
		os.WriteFile(filepath.Join(b.dir, "echo.py"), echoPython, 0o600),
		os.WriteFile(filepath.Join(b.dir, "echo.js"), echoNode, 0o600),
	)
}

// writeEvents writes a file of n events as a bot gets them by pipe.
func writeEvents(name string, n int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	hook := newWebhook("")
	for i := range n {
		hook.next()
		user := hook.body[userAt : userAt+33]
		fmt.Fprintf(w, `{"v":1,"t":"event","id":"%d","attempt":1,"channel":"main","conversation":"%s",`+
			`"profile":{"userId":"%[2]s","displayName":%q},"event":%s}`+"\n", i, user, displayName, hook.event())
	}
	return errors.Join(w.Flush(), f.Close())
}

// site is an HTTP server on a loopback port.
type site struct {
	url    string
	l      net.Listener
	srv    *http.Server
	served chan struct{}
}

// newSite opens the port; serve begins to answer.
func newSite() (*site, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &site{url: "http://" + l.Addr().String(), l: l, served: make(chan struct{})}, nil
}

func (s *site) serve(h http.Handler) {
	s.srv = &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { // awaited by stop
		defer close(s.served)
		s.srv.Serve(s.l) // until stop
	}()
}

func (s *site) stop() error {
	if s.srv == nil {
		return s.l.Close()
	}
	err := s.srv.Close()
	<-s.served
	return err
}
