package room

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

func TestEventsBringWhatAWebSocketBrings(t *testing.T) {
	d := newDesk(t, nil)
	ann, ben := d.login(t, "ann"), d.listen(t, "ben", "?room=lobby")
	if f := ben.next("joined"); f.Room != "lobby" || f.N != 1 || !f.Send {
		t.Errorf("joined: %+v", f)
	}
	ben.live()
	ann.join("lobby", 0, "")
	first := ann.send("lobby", "c-1", "hello\nworld")
	if f := ben.next("msg"); f.ID != first || f.User != "ann" || f.eventID != fmt.Sprintf("%s,lobby=%d", d.epoch, first) {
		t.Errorf("msg: %+v", f)
	}
	if status := ben.say(`{"t":"send","room":"lobby","cid":"c-1","body":{"type":"text","text":"hi"}}` + "\n" + `{"t":"rooms","n":9}`); status != http.StatusNoContent {
		t.Fatalf("status %d", status)
	}
	var acked, shown uint64
	for rooms := false; acked == 0 || shown == 0 || !rooms; {
		ev, err := ben.hear()
		if err != nil {
			t.Fatal(err)
		}
		switch ev.T {
		case "ack":
			acked = ev.ID
		case "msg":
			shown = ev.ID
		case "rooms":
			rooms = ev.N == 9
		}
	}
	f := ann.next("msg")
	if f.ID == first {
		f = ann.next("msg")
	}
	if f.ID != acked || acked != shown || f.Prev != first {
		t.Errorf("ann got %+v, ben was acknowledged %d and shown %d", f, acked, shown)
	}
}

// TestEventsOverHTTP2: browsers use it under TLS, where streams share a connection.
func TestEventsOverHTTP2(t *testing.T) {
	d := newDesk(t, nil)
	d.web = httptest.NewUnstartedServer(d.Handler())
	d.web.EnableHTTP2 = true
	d.web.StartTLS()
	t.Cleanup(d.web.Close)
	ann := d.listen(t, "ann", "?room=lobby")
	ann.live()
	ann.say(`{"t":"send","room":"lobby","cid":"c-1","body":{"type":"text","text":"hello"}}`)
	if ev := ann.next("ack"); ev.ID == 0 {
		t.Errorf("ack: %+v", ev)
	}
	d.streamOf(ann.conn).end(closeAuth, "login ended")
	for {
		ev, err := ann.hear()
		if err != nil {
			t.Fatal(err)
		}
		if ev.T == "close" {
			break
		}
	}
	if _, err := ann.hear(); !errors.Is(err, io.EOF) {
		t.Errorf("the answer ends with %v", err)
	}
}

// TestEventsGoOnBehindTheirID lets a browser come back with the ID of the last event
// that it got.
func TestEventsGoOnBehindTheirID(t *testing.T) {
	d := newDesk(t, nil)
	if _, err := d.CreateRoom(t.Context(), Record{Name: "tea", Public: true}); err != nil {
		t.Fatal(err)
	}
	await(t, "room tea is known", func() bool { return d.registry.room("tea") != nil })
	ann := d.login(t, "ann")
	ann.join("lobby", 0, "")
	ann.join("tea", 0, "")
	one := ann.send("lobby", "c-1", "one")
	ben := d.listen(t, "ben", "?room=lobby&room=tea")
	ben.live()
	_, at := ben.live()
	ben.over()
	var missed []uint64
	for i := range 3 {
		missed = append(missed, ann.send("tea", fmt.Sprint("t-", i), "tea"), ann.send("lobby", fmt.Sprint("l-", i), "lobby"))
	}
	for _, tc := range []struct {
		name, query, id string
		want            []uint64
	}{
		{"of two rooms", "?room=lobby&room=tea", at, missed},
		{"of one of them", "?room=lobby", at, []uint64{missed[1], missed[3], missed[5]}},
		{"a number", "?room=lobby", fmt.Sprint(missed[3]), missed[5:]},
		{"none", "?room=lobby", "", []uint64{one, missed[1], missed[3], missed[5]}},
		{"not one of ours", "?room=lobby", "a,=,lobby=x,lobby", []uint64{one, missed[1], missed[3], missed[5]}},
		{"of another store", "?room=lobby", "else,lobby=1", []uint64{one, missed[1], missed[3], missed[5]}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := d.listen(t, "ben", tc.query, "Last-Event-ID", tc.id)
			var got []uint64
			for range strings.Count(tc.query, "room=") {
				ids, _ := l.live()
				got = append(got, ids...)
			}
			slices.Sort(got)
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			l.over()
		})
	}
}

func TestFramesOnTheirOwn(t *testing.T) {
	d := newDesk(t, nil)
	token := d.token("ann")
	status, got := d.post(t, token, "", `{"t":"send","room":"lobby","cid":"c-1","body":{"type":"text","text":"hello"}}
{"t":"send","room":"lobby","cid":"c-1","body":{"type":"text","text":"hello"}}
{"t":"history","n":3,"room":"lobby"}
{"t":"join","n":4,"room":"lobby"}
{"t":"send","room":"user.ann","cid":"c-2","body":{"type":"text","text":"hello"}}`)
	if status != http.StatusOK || len(got) != 5 {
		t.Fatalf("status %d, %+v", status, got)
	}
	first, again, page, refused, nack := got[0], got[1], got[2], got[3], got[4]
	if first.T != "ack" || first.ID == 0 || again.T != "ack" || again.ID != first.ID || !again.Dup {
		t.Errorf("acks: %+v, %+v", first, again)
	}
	if page.N != 3 || len(page.Msgs) != 1 || page.Msgs[0].ID != first.ID {
		t.Errorf("page: %+v", page)
	}
	if refused.T != "error" || refused.N != 4 || refused.Code != codeBadFrame || nack.T != "nack" || nack.Code != codeForbidden {
		t.Errorf("refusals: %+v, %+v", refused, nack)
	}
	await(t, "nothing of the request is left", func() bool { return len(d.all()) == 0 })
}

// TestAckOnItsOwn: an ack whose message is not handed out yet waits for nothing
// where the answer ends behind it.
func TestAckOnItsOwn(t *testing.T) {
	d := newDesk(t, nil)
	for _, once := range []bool{false, true} {
		c := d.newClient()
		c.out, c.once, c.user = newStream(t.Context(), nil, appendLine), once, &user{guest: true, read: readRecord{}}
		c.acknowledge(outgoing{room: "lobby", cid: "c-1"}, engine.RoomAck{ID: 1 << 40}, nil)
		if queued := len(c.queue) > 0; queued != once {
			t.Errorf("on its own: %v, queued at once: %v", once, queued)
		}
	}
}

// TestFramesOnTheirOwnAreLimited: the limit is the user's, however many requests.
func TestFramesOnTheirOwnAreLimited(t *testing.T) {
	d := newDesk(t, func(cfg *Config) { cfg.Rate = 2 })
	codes := map[string]int{}
	for range 6 {
		_, got := d.post(t, d.token("ann"), "", `{"t":"rooms","n":1}`)
		for _, f := range got {
			codes[f.T+f.Code]++
		}
	}
	if codes["rooms"] < 4 || codes["error"+codeRate] == 0 {
		t.Errorf("got %v, want four answers of a burst and refusals", codes)
	}
	if _, got := d.post(t, d.token("ben"), "", `{"t":"rooms","n":1}`); len(got) != 1 || got[0].T != "rooms" {
		t.Errorf("another user got %+v", got)
	}
}

func TestEventsRefused(t *testing.T) {
	d := newDesk(t, func(cfg *Config) { cfg.Origins = []string{"https://shop.example"} })
	ann := d.listen(t, "ann", "")
	bearer := func(user string) string { return "Bearer " + d.token(user) }
	send := `{"t":"send","room":"lobby","cid":"c-1","body":{"type":"text","text":"hello"}}`
	cookie := cookieName + "=" + d.token("ann")
	for _, tc := range []struct {
		name, method, path, body string
		header                   []string
		want                     int
	}{
		{"events, no login", "GET", "/chat/events", "", nil, 401},
		{"events, bad token", "GET", "/chat/events", "", []string{"Authorization", "Bearer x.y.z", "Cookie", cookie}, 401},
		{"events, foreign origin", "GET", "/chat/events", "", []string{"Origin", "https://evil.example", "Cookie", cookie}, 403},
		{"events, many rooms", "GET", "/chat/events?" + strings.Repeat("room=lobby&", 21), "", []string{"Authorization", bearer("ann")}, 400},
		{"frames, no login", "POST", "/chat/frames", send, nil, 401},
		{"frames, foreign origin", "POST", "/chat/frames", send, []string{"Origin", "https://evil.example", "Cookie", cookie}, 403},
		{"frames, origin null", "POST", "/chat/frames", send, []string{"Origin", "null", "Cookie", cookie}, 403},
		{"frames, cookie", "POST", "/chat/frames", send, []string{"Origin", d.web.URL, "Cookie", cookie}, 200},
		{"frames, listed origin", "POST", "/chat/frames", send, []string{"Origin", "https://shop.example", "Authorization", bearer("ann")}, 200},
		{"frames, too many bytes", "POST", "/chat/frames", strings.Repeat(" ", MaxFrame+1), []string{"Authorization", bearer("ann")}, 413},
		{"frames, not UTF-8", "POST", "/chat/frames", "\"\xff\"", []string{"Authorization", bearer("ann")}, 400},
		{"frames of no stream", "POST", "/chat/frames?conn=x", send, []string{"Authorization", bearer("ann")}, 404},
		{"frames of no name", "POST", "/chat/frames?conn=", send, []string{"Authorization", bearer("ann")}, 404},
		{"frames of another user's stream", "POST", "/chat/frames?conn=" + ann.conn, send, []string{"Authorization", bearer("ben")}, 404},
		{"frames of a stream, no login", "POST", "/chat/frames?conn=" + ann.conn, send, nil, 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer, err := d.request(t.Context(), tc.method, tc.path, tc.body, tc.header...)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, answer.Body) // an error is of no interest
			answer.Body.Close()
			if answer.StatusCode != tc.want {
				t.Errorf("status %d, want %d", answer.StatusCode, tc.want)
			}
		})
	}
}

// TestPagesOfListedOrigins: such a page may ask, and read the answer.
func TestPagesOfListedOrigins(t *testing.T) {
	d := newDesk(t, func(cfg *Config) { cfg.Origins = []string{"https://shop.example"} })
	for _, path := range []string{"/chat/events", "/chat/frames"} {
		answer, err := d.request(t.Context(), "OPTIONS", path, "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		h := answer.Header
		if answer.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != "https://shop.example" || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") {
			t.Errorf("%s: %s, %v", path, answer.Status, h)
		}
	}
}

// TestOneTurn: frames of a stream are handled one POST after the other.
func TestOneTurn(t *testing.T) {
	d := newDesk(t, nil)
	ann := d.listen(t, "ann", "")
	st := d.streamOf(ann.conn).out.(*stream)
	st.turn <- struct{}{} // as a POST that is being handled
	if status := ann.say(`{"t":"rooms","n":1}`); status != http.StatusTooManyRequests {
		t.Errorf("status %d, want 429", status)
	}
	<-st.turn
	if status := ann.say(`{"t":"rooms","n":1}`); status != http.StatusNoContent {
		t.Errorf("status %d, want 204", status)
	}
	ann.next("rooms")
}

// TestEventsEnd: a stream that the server ends says why, and is whole.
func TestEventsEnd(t *testing.T) {
	d := newDesk(t, nil)
	ann := d.listen(t, "ann", "")
	ann.say(`{"t":"rooms","n":1}` + "\n" + `{"t":"auth","n":2,"token":"bad"}`)
	for {
		ev, err := ann.hear()
		if err != nil {
			t.Fatal(err)
		}
		if ev.T == "close" {
			if ev.closing != closeAuth || ev.Text == "" {
				t.Errorf("got %+v", ev)
			}
			break
		}
	}
	if _, err := ann.hear(); !errors.Is(err, io.EOF) {
		t.Errorf("the answer ends with %v", err)
	}
	await(t, "the stream is gone", func() bool { return d.streamOf(ann.conn) == nil && len(d.all()) == 0 })
}

// TestDrain: at shutdown clients are asked to leave, and those who stay are sent
// away with what a restart is called.
func TestDrain(t *testing.T) {
	t.Parallel() // it waits for drainLimit
	d := newDesk(t, nil)
	ann, ben := d.listen(t, "ann", ""), d.login(t, "ben")
	away := make(chan struct{})
	go func() {
		d.sendAway(t.Context())
		close(away)
	}()
	ann.next("drain")
	if f := ben.next("drain"); f.AfterMS < 0 || f.AfterMS > drainSpread.Milliseconds() {
		t.Errorf("drain: %+v", f)
	}
	if ev := ann.next("close"); ev.closing != closeRestart {
		t.Errorf("close: %+v", ev)
	}
	if _, err := ann.hear(); !errors.Is(err, io.EOF) {
		t.Errorf("the answer ends with %v", err)
	}
	if code := ben.closed(); code != closeRestart {
		t.Errorf("closed with %d", code)
	}
	<-away
}

// TestEventsLeave: who is gone is not in the room any more.
func TestEventsLeave(t *testing.T) {
	d := newDesk(t, nil)
	ann, ben := d.login(t, "ann"), d.listen(t, "ben", "?room=lobby")
	ben.live()
	if joined, _ := ann.join("lobby", 0, ""); joined.Count != 2 {
		t.Errorf("joined: %+v", joined)
	}
	ben.over()
	for ann.next("presence").Count != 1 {
	}
}

// TestSlowListener: one who does not read is closed, comes back and has missed
// nothing.
func TestSlowListener(t *testing.T) {
	d := newDesk(t, nil)
	ben := d.listen(t, "ben", "?room=lobby")
	ben.live()
	ann := d.login(t, "ann")
	ann.join("lobby", 0, "")
	text := strings.Repeat("語", 5000)
	var want []uint64
	for i := 0; !d.ending("ben"); i++ {
		if i == 2000 {
			t.Fatal("a listener who does not read is not closed")
		}
		want = append(want, ann.send("lobby", fmt.Sprint("c-", i), text))
	}
	var got []uint64
	last := ""
	for {
		ev, err := ben.hear()
		if err != nil {
			t.Fatal(err)
		}
		if ev.T == "msg" {
			got, last = append(got, ev.ID), ev.eventID
		}
		if ev.T == "close" {
			if ev.closing != closeSlow {
				t.Errorf("closed with %+v", ev)
			}
			break
		}
	}
	ids, _ := d.listen(t, "ben", "?room=lobby", "Last-Event-ID", last).live()
	if got = append(got, ids...); len(ids) == 0 || !slices.Equal(got, want) {
		t.Errorf("%d messages of %d, %d of them after coming back", len(got), len(want), len(ids))
	}
}

// TestPingsOfListeners: one who never answered a ping need not, one who did must.
func TestPingsOfListeners(t *testing.T) {
	d := newDesk(t, nil)
	ann := d.listen(t, "ann", "")
	c := d.streamOf(ann.conn)
	d.checkClient(c, time.Now(), c.nextPing.Load())
	if ev, err := ann.hear(); err != nil || ev.T != "ping" {
		t.Fatalf("got %+v, %v", ev, err)
	}
	if c.awaiting.Load() != 0 {
		t.Error("a pong is awaited of one who may not be able to")
	}
	ann.say(`{"t":"pong"}`)
	d.checkClient(c, time.Now(), c.nextPing.Load())
	if c.awaiting.Load() == 0 {
		t.Error("no pong is awaited of one who has sent one")
	}
}

func FuzzCursors(f *testing.F) {
	f.Add("x1,lobby=3,dm.ann.ben=4")
	f.Add("17")
	f.Add(",,=,lobby")
	f.Fuzz(func(t *testing.T, text string) {
		c := parseCursors(text)
		if len(c.at) > maxEventRooms {
			t.Fatalf("%d rooms", len(c.at))
		}
		again := parseCursors(string(c.appendTo(nil)))
		for _, cur := range c.at {
			if again.last(cur.room) != c.last(cur.room) {
				t.Fatalf("%q: %+v, then %+v", text, c, again)
			}
		}
	})
}
