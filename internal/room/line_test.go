package room

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// modelLine is a way of a model client to a server. What is said into a broken one
// is lost; that it is broken shows when reading.
type modelLine interface {
	read(limit time.Duration) ([]byte, error) // lines of frames; an error when nothing comes for so long
	say(format string, args ...any)
	close()
}

type socketLine struct {
	ctx context.Context
	ws  *websocket.Conn
}

// dialSocket opens a WebSocket and says hello.
func dialSocket(ctx context.Context, d *desk, user string) (modelLine, error) {
	ws, _, err := websocket.Dial(ctx, d.web.URL+"/chat/ws", nil)
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(16 << 20)
	l := socketLine{ctx, ws}
	l.say(`{"t":"hello","v":1,"token":%q}`, d.token(user))
	return l, nil
}

func (l socketLine) read(limit time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(l.ctx, limit)
	defer cancel()
	_, data, err := l.ws.Read(ctx)
	return data, err
}

func (l socketLine) say(format string, args ...any) {
	l.ws.Write(l.ctx, websocket.MessageText, fmt.Appendf(nil, format, args...)) // a failure shows when reading
}

func (l socketLine) close() { l.ws.CloseNow() }

var errSilent = errors.New("nothing comes")

type eventsLine struct {
	ctx     context.Context
	cancel  context.CancelFunc
	d       *desk
	token   string
	conn    string
	welcome []byte // nil when it was read
	frames  chan []byte
	broken  chan error
}

// dialEvents opens a stream of server-sent events.
func dialEvents(ctx context.Context, d *desk, user string) (_ modelLine, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	l := &eventsLine{ctx: ctx, cancel: cancel, d: d, token: d.token(user), frames: make(chan []byte), broken: make(chan error, 1)}
	answer, err := d.request(ctx, "GET", "/chat/events", "", "Authorization", "Bearer "+l.token)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, errors.New(answer.Status)
	}
	go l.hear(answer.Body) // ends with ctx
	if l.welcome, err = l.read(patience); err != nil {
		return nil, err
	}
	var f frame
	err = json.Unmarshal(l.welcome, &f)
	l.conn = f.Conn
	return l, err
}

func (l *eventsLine) hear(body io.ReadCloser) {
	defer body.Close()
	in := bufio.NewScanner(body)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		data, ok := bytes.CutPrefix(in.Bytes(), []byte("data: "))
		if !ok {
			continue
		}
		select {
		case l.frames <- bytes.Clone(data):
		case <-l.ctx.Done():
		}
	}
	l.broken <- errors.Join(errStreamOver, in.Err())
}

func (l *eventsLine) read(limit time.Duration) ([]byte, error) {
	if first := l.welcome; first != nil {
		l.welcome = nil
		return first, nil
	}
	select {
	case data := <-l.frames:
		return data, nil
	case err := <-l.broken:
		return nil, err
	case <-time.After(limit):
		return nil, errSilent
	}
}

func (l *eventsLine) say(format string, args ...any) {
	answer, err := l.d.request(l.ctx, "POST", "/chat/frames?conn="+l.conn, fmt.Sprintf(format, args...), "Authorization", "Bearer "+l.token)
	if err == nil { // else it shows when reading
		answer.Body.Close()
	}
}

func (l *eventsLine) close() { l.cancel() }
