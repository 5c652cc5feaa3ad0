package dispatch

import (
	"context"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// house is a dispatcher on a real store, which a test stops and starts again.
type house struct {
	t      testing.TB
	cfg    Config // of every dispatcher it starts
	store  engine.Config
	eng    *engine.Engine
	d      *Dispatcher
	cancel context.CancelFunc
	ended  chan error

	atCrash map[engine.Pos]int // how many crashes found an event at work
}

// newHouse opens a store in a new folder. change may alter the dispatcher's
// configuration, nil for nothing.
func newHouse(t testing.TB, h frontdesk.HandlerFunc, change func(*Config)) *house {
	t.Helper()
	return newHouseOn(t, engine.Config{Dir: t.TempDir()}, h, change)
}

// newHouseOn is newHouse with a store of its own kind.
func newHouseOn(t testing.TB, store engine.Config, h frontdesk.HandlerFunc, change func(*Config)) *house {
	t.Helper()
	cfg := Config{
		Handler:       map[string]frontdesk.Handler{"main": h, "other": h},
		Note:          func(context.Context, *frontdesk.Event) error { return nil },
		ReplyLife:     55 * time.Second,
		MaxConcurrent: 64,
		BackoffMin:    time.Millisecond,
		BackoffMax:    20 * time.Millisecond,
		DrainLimit:    5 * time.Second,
		Logger:        slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	w := &house{t: t, cfg: cfg, store: store, atCrash: map[engine.Pos]int{}}
	w.open()
	t.Cleanup(func() {
		w.stop()
		w.close()
	})
	return w
}

// open opens the store.
func (w *house) open() {
	w.t.Helper()
	var err error
	if w.eng, err = engine.Open(w.t.Context(), w.store); err != nil {
		w.t.Fatal(err)
	}
}

// close closes the store.
func (w *house) close() {
	if w.eng == nil {
		return
	}
	if err := w.eng.Close(); err != nil {
		w.t.Error(err)
	}
	w.eng = nil
}

// start starts a dispatcher.
func (w *house) start() {
	w.t.Helper()
	cfg := w.cfg
	cfg.Engine, cfg.Metrics = w.eng, newTestMetrics()
	var err error
	if w.d, err = New(cfg); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel, w.ended = cancel, make(chan error, 1)
	go func(d *Dispatcher, ended chan<- error) { ended <- d.Run(ctx) }(w.d, w.ended) // awaited by stop
}

// stop ends the dispatcher in an orderly way.
func (w *house) stop() {
	w.t.Helper()
	if w.cancel == nil {
		return
	}
	w.cancel()
	w.cancel = nil
	select {
	case err := <-w.ended:
		if err != nil {
			w.t.Error("run:", err)
		}
	case <-time.After(patience):
		w.t.Fatal("the dispatcher does not end")
	}
}

// restart ends the dispatcher and the store in an orderly way and starts both
// again.
func (w *house) restart() {
	w.t.Helper()
	w.stop()
	w.close()
	w.open()
	w.start()
}

// crash takes the store away from the running dispatcher, so that it cannot
// store anything any more, and puts back the file of running events as it was
// then: what a process leaves that is killed. It does not start anything.
func (w *house) crash() {
	w.t.Helper()
	running := filepath.Join(w.store.Dir, "running")
	left, err := os.ReadFile(running)
	if err != nil {
		w.t.Fatal(err)
	}
	for slot := range slices.Chunk(left, slotSize) {
		if len(slot) == slotSize {
			w.atCrash[engine.Pos(binary.BigEndian.Uint64(slot))]++ // 0, a free one, is no event's
		}
	}
	w.close()
	w.cancel()
	w.cancel = nil
	select {
	case <-w.ended: // whether it could read its log to the end says nothing here
	case <-time.After(patience):
		w.t.Fatal("the dispatcher does not end")
	}
	if err := os.WriteFile(running, left, 0o600); err != nil {
		w.t.Fatal(err)
	}
	err = os.Remove(filepath.Join(w.store.Dir, "clean"))
	if err != nil && !errors.Is(err, os.ErrNotExist) { // a store that a busy machine held up at its close has none
		w.t.Fatal(err)
	}
	w.open()
}

// blamed returns the IDs of the events that may have become dead letters because they
// were at work at so many crashes.
func (w *house) blamed() map[string]bool {
	w.t.Helper()
	ids := map[string]bool{}
	err := w.eng.Inbox.Scan(w.t.Context(), 0, func(b engine.Batch) bool {
		for pos, rec := range b.Records() {
			ev, err := engine.ParseEvent(rec)
			if err != nil {
				w.t.Error(err)
			} else if w.atCrash[pos] >= maxCrashes {
				ids[ev.ID] = true
			}
		}
		return true
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return ids
}

// accept stores events as the front desk does, each request by itself.
func (w *house) accept(events ...engine.Event) {
	w.t.Helper()
	const perRequest = 500
	for len(events) > 0 {
		n := min(len(events), perRequest)
		records := make([]encoding.BinaryAppender, n)
		for i := range records {
			records[i] = &events[i]
		}
		if _, _, err := w.eng.Inbox.Append(records...); err != nil {
			w.t.Fatal(err)
		}
		events = events[n:]
	}
}

// said is the event of a text that a user sent.
func said(conversation, id string) engine.Event {
	return engine.Event{
		ID: id, Channel: "main", Conversation: conversation, Accepted: time.Now(),
		Raw: fmt.Appendf(nil, `{"type":"message","webhookEventId":%q,"timestamp":%d,"mode":"active","replyToken":"token-%s",`+
			`"deliveryContext":{"isRedelivery":false},"source":{"type":"user","userId":%q},`+
			`"message":{"type":"text","id":"1","text":%q,"quoteToken":"q"}}`,
			id, time.Now().UnixMilli(), id, conversation, id),
	}
}

// entries returns the IDs of the events that the outbox holds entries of, but
// for buttons.
func (w *house) entries() (ids []string) {
	w.t.Helper()
	err := w.eng.Outbox.Scan(w.t.Context(), 0, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			if v, err := engine.ParseOutbox(rec); err != nil {
				w.t.Error(err)
			} else if e, ok := v.(*engine.Entry); ok && !IsButton(e.ID) {
				ids = append(ids, e.EventID)
			}
		}
		return true
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return ids
}

// letters returns the dead letters.
func (w *house) letters() (letters []engine.Letter) {
	w.t.Helper()
	err := w.eng.Dead.List(w.t.Context(), 0, func(l engine.Letter) bool {
		letters = append(letters, l)
		return true
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return letters
}

// settled waits until everything in the inbox was read and is done.
func (w *house) settled() {
	w.t.Helper()
	w.left(0)
}

// left waits until everything in the inbox was read and all but n events are
// done.
func (w *house) left(n int) {
	w.t.Helper()
	end, err := w.eng.Inbox.End(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.await(fmt.Sprintf("all but %d events are done", n), func() bool {
		return engine.Pos(w.d.read.Load()) >= end && w.d.Backlog().Events == n
	})
}

// await polls until a state is reached.
func (w *house) await(what string, reached func() bool) {
	w.t.Helper()
	await(w.t, what, reached)
}

func await(t testing.TB, what string, reached func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v in vain until %s", patience, what)
		}
	}
}

// diary notes what handlers did. Methods may be called concurrently.
type diary struct {
	mu    sync.Mutex
	lines []string
	times map[string]int
}

func (y *diary) note(line string) (times int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.times == nil {
		y.times = map[string]int{}
	}
	y.lines = append(y.lines, line)
	y.times[line]++
	return y.times[line]
}

func (y *diary) count(line string) int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.times[line]
}

func (y *diary) all() []string {
	y.mu.Lock()
	defer y.mu.Unlock()
	return append([]string(nil), y.lines...)
}

// echo answers with one message.
func echo(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	return d.Send(frontdesk.Text(ev.ID))
}

var errBot = errors.New("the bot is out of order")

func newTestMetrics() *Metrics { return NewMetrics(prometheus.NewRegistry()) }

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }
