package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	user1 = "U8e742f61d673b39c7fff3cecb7536ef1"
	user2 = "U8e742f61d673b39c7fff3cecb7536ef2"
	id1   = "01H810YECXQQZ37VAXPF6H9E61"
	id2   = "01H810YECXQQZ37VAXPF6H9E62"
	id3   = "01H810YECXQQZ37VAXPF6H9E63"
)

// officialBody and officialSignature are LINE's own example, made with
// mainSecret. Source: Messaging API documentation, Verify webhook signature.
const (
	officialBody      = `{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}`
	officialSignature = "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs="
)

// TestRequests posts whole requests, each to an empty front desk.
func TestRequests(t *testing.T) {
	one := bodyOf(textEvent(id1, user1, "hello"))
	spaced := "{ \"events\" : [\n\t" + textEvent(id1, user1, "こんにちは \\u0000 \xff") + " ,\r\n " + textEvent(id2, user2, "b") + " ] , \"new\": {\"events\":[1]} }"
	tests := []struct {
		name, path, body, signature string
		status                      int
		answer                      string // part of what is answered
		stored                      int
		dead                        int
	}{
		{"LINE's own example", "/callback", officialBody, officialSignature, 200, "", 0, 0},
		{"one event", "/callback", one, sign(mainSecret, one), 200, "", 1, 0},
		{"named channel", "/callback/main", one, sign(mainSecret, one), 200, "", 1, 0},
		{"second channel", "/callback/other", one, sign(otherSecret, one), 200, "", 1, 0},
		{"second secret", "/callback", one, sign(newSecret, one), 200, "", 1, 0},
		{"several events, odd spaces and bytes", "/callback", spaced, sign(mainSecret, spaced), 200, "", 2, 0},

		{"no such channel", "/callback/nobody", one, sign(mainSecret, one), 404, "no such channel", 0, 0},
		{"no such path", "/callbacks", one, sign(mainSecret, one), 404, "", 0, 0},
		{"no signature", "/callback", one, "", 401, "signature is missing or wrong", 0, 0},
		{"another channel's signature", "/callback", one, sign(otherSecret, one), 401, "secret of channel main", 0, 0},
		{"another channel's path", "/callback/other", one, sign(mainSecret, one), 401, "secret of channel other", 0, 0},
		{"signature of another body", "/callback", one, officialSignature, 401, "signature", 0, 0},
		{"signature is not base64", "/callback", one, strings.Repeat("*", 44), 401, "signature", 0, 0},
		{"signature is cut", "/callback", one, sign(mainSecret, one)[:43], 401, "signature", 0, 0},
		{"signature twice", "/callback", one, sign(mainSecret, one) + sign(mainSecret, one), 401, "signature", 0, 0},
		{"signature in hex", "/callback", one, fmt.Sprintf("%x", sign(mainSecret, one)), 401, "signature", 0, 0},
		{"signature with an empty secret", "/callback", one, sign("", one), 401, "signature", 0, 0},
		{"bad signature and bad body", "/callback", "{", "x", 401, "signature", 0, 0},
		{"one space more", "/callback", one + " ", sign(mainSecret, one), 401, "signature", 0, 0},

		{"empty body", "/callback", "", sign(mainSecret, ""), 400, "not valid JSON", 0, 0},
		{"broken JSON", "/callback", one[:len(one)-1], sign(mainSecret, one[:len(one)-1]), 400, "not valid JSON", 0, 0},
		{"two documents", "/callback", one + one, sign(mainSecret, one+one), 400, "not valid JSON", 0, 0},
		{"a list", "/callback", "[]", sign(mainSecret, "[]"), 400, "not a JSON object", 0, 0},
		{"null", "/callback", "null", sign(mainSecret, "null"), 400, "not a JSON object", 0, 0},
		{"no events", "/callback", "{}", sign(mainSecret, "{}"), 400, "no list of events", 0, 0},
		{"events null", "/callback", `{"events":null}`, sign(mainSecret, `{"events":null}`), 400, "no list of events", 0, 0},
		{"events an object", "/callback", `{"events":{}}`, sign(mainSecret, `{"events":{}}`), 400, "no list of events", 0, 0},
		{"events a string", "/callback", `{"events":"[]"}`, sign(mainSecret, `{"events":"[]"}`), 400, "no list of events", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			status, answer := post(t, d.serve(t)+tt.path, tt.body, tt.signature)
			if status != tt.status || !strings.Contains(answer, tt.answer) {
				t.Errorf("got %d %q, want %d %q", status, answer, tt.status, tt.answer)
			}
			if tt.answer != "" && !json.Valid([]byte(answer)) {
				t.Errorf("answer is not JSON: %q", answer)
			}
			if got := d.stored(t); len(got) != tt.stored {
				t.Errorf("stored %d events, want %d", len(got), tt.stored)
			}
			if got := d.letters(t); len(got) != tt.dead {
				t.Errorf("%d dead letters, want %d", len(got), tt.dead)
			}
			st, err := d.eng.Inbox.State(t.Context())
			if err != nil || tt.stored == 0 && st.Last != 0 {
				t.Errorf("the inbox was touched: %+v, %v", st, err)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	d := newDesk(t)
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH"} {
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, httptest.NewRequest(method, "/callback", strings.NewReader(officialBody)))
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: got %d, want %d", method, w.Code, http.StatusMethodNotAllowed)
		}
	}
}

// TestHeaderCase: LINE says that the header's case may change.
func TestHeaderCase(t *testing.T) {
	d := newDesk(t)
	for _, name := range []string{"x-line-signature", "X-Line-Signature", "X-LINE-SIGNATURE"} {
		r := httptest.NewRequest("POST", "/callback", strings.NewReader(officialBody))
		r.Header.Set(name, officialSignature)
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Errorf("%s: got %d", name, w.Code)
		}
	}
}

// TestWhatIsStored checks every field, and that the raw bytes are LINE's.
func TestWhatIsStored(t *testing.T) {
	group := `{"type":"memberJoined", "timestamp":1692251666727,  "source":{"type":"group","groupId":"C1","userId":"` + user1 + `"},` +
		`"webhookEventId":"` + id1 + `","deliveryContext":{"isRedelivery":true},"é\u00e9\/":1.50e+3}`
	room := `{"source":{"userId":"` + user1 + `","roomId":"R1","type":"room"},"type":"join","timestamp":1,"webhookEventId":"` + id2 + `"}`
	future := `{"type":"teleported","timestamp":2,"webhookEventId":"` + id3 + `","deep":[[[{}]]],"source":{"type":"planet","planetId":"P1"}}`
	noSource := `{"type":"accountLink","timestamp":3,"webhookEventId":"E4"}`
	d := newDesk(t)
	body := "\n" + `{"events":[ ` + group + "\t," + room + "," + future + " , " + noSource + ` ],"destination":"x"}`
	if status, answer := post(t, d.serve(t)+"/callback", body, sign(mainSecret, body)); status != 200 {
		t.Fatalf("got %d %s", status, answer)
	}
	want := []struct {
		id, conversation, raw string
		redelivered           bool
	}{
		{id1, "C1", group, true},
		{id2, "R1", room, false},
		{id3, id3, future, false},
		{"E4", "E4", noSource, false},
	}
	got := d.stored(t)
	if len(got) != len(want) {
		t.Fatalf("got %d events, want %d; dead: %+v", len(got), len(want), d.letters(t))
	}
	for i, w := range want {
		ev := got[i]
		if ev.ID != w.id || ev.Conversation != w.conversation || ev.Redelivered != w.redelivered || ev.Channel != "main" || ev.Run != 0 {
			t.Errorf("event %d: got %+v, want %+v", i, ev, w)
		}
		if string(ev.Raw) != w.raw {
			t.Errorf("event %d: raw bytes: got %q, want %q", i, ev.Raw, w.raw)
		}
		if ev.Accepted.IsZero() {
			t.Errorf("event %d: no time", i)
		}
	}
}

// malformedEvents are those of which not even the sender can be read; the
// official SDK fails on many of them for the whole request.
var malformedEvents = []struct{ name, raw, reason string }{
	{"null", `null`, "not an object"},
	{"number", `4`, "not an object"},
	{"string", `"{}"`, "not an object"},
	{"list", `[{}]`, "not an object"},
	{"empty object", `{}`, "no type"},
	{"no type", `{"timestamp":1,"webhookEventId":"E1"}`, "no type"},
	{"type null", `{"type":null,"timestamp":1,"webhookEventId":"E1"}`, "no type"},
	{"type a number", `{"type":1,"timestamp":1,"webhookEventId":"E1"}`, "no type"},
	{"type empty", `{"type":"","timestamp":1,"webhookEventId":"E1"}`, "no type"},
	{"source null", `{"type":"follow","timestamp":1,"webhookEventId":"E1","source":null}`, "source is not an object"},
	{"source a string", `{"type":"follow","timestamp":1,"webhookEventId":"E1","source":"U1"}`, "source is not an object"},
	{"source without type", `{"type":"follow","timestamp":1,"webhookEventId":"E1","source":{"userId":"U1"}}`, "source has no type"},
	{"source type a number", `{"type":"follow","timestamp":1,"webhookEventId":"E1","source":{"type":1,"userId":"U1"}}`, "source has no type"},
	{"user null", `{"type":"follow","timestamp":1,"webhookEventId":"E1","source":{"type":"user","userId":null}}`, "no usable userId"},
	{"user empty", `{"type":"follow","timestamp":1,"webhookEventId":"E1","source":{"type":"user","userId":""}}`, "no usable userId"},
	{"user with a dot", `{"type":"follow","timestamp":1,"webhookEventId":"E1","source":{"type":"user","userId":"a.b"}}`, "no usable userId"},
	{"group a number", `{"type":"join","timestamp":1,"webhookEventId":"E1","source":{"type":"group","groupId":7}}`, "no usable groupId"},
	{"timestamp a string", `{"type":"follow","timestamp":"1","webhookEventId":"E1"}`, "no numeric timestamp"},
	{"timestamp null", `{"type":"follow","timestamp":null,"webhookEventId":"E1"}`, "no numeric timestamp"},
	{"no timestamp", `{"type":"follow","webhookEventId":"E1"}`, "no numeric timestamp"},
	{"no ID", `{"type":"follow","timestamp":1}`, "no usable webhookEventId"},
	{"ID a number", `{"type":"follow","timestamp":1,"webhookEventId":12345}`, "no usable webhookEventId"},
	{"ID null", `{"type":"follow","timestamp":1,"webhookEventId":null}`, "no usable webhookEventId"},
	{"ID too long", `{"type":"follow","timestamp":1,"webhookEventId":"` + strings.Repeat("x", 65) + `"}`, "no usable webhookEventId"},
	{"ID of odd characters", `{"type":"follow","timestamp":1,"webhookEventId":"a b*>"}`, "no usable webhookEventId"},
	{"odd bytes", "{\"type\" : null,\t\"x\":\"\xff\xfe\\u0000\" }", "no type"},
}

// TestMalformedAmongGood: each malformed event becomes a dead letter with its
// bytes, and its neighbours are handled.
func TestMalformedAmongGood(t *testing.T) {
	d := newDesk(t)
	url := d.serve(t) + "/callback"
	for i, bad := range malformedEvents {
		t.Run(bad.name, func(t *testing.T) {
			before, after := textEvent(fmt.Sprint("A", i), user1, "a"), textEvent(fmt.Sprint("B", i), user2, "b")
			body := bodyOf(before, " "+bad.raw+" ", after)
			if status, answer := post(t, url, body, sign(mainSecret, body)); status != 200 {
				t.Fatalf("got %d %s", status, answer)
			}
			stored, letters := d.stored(t), d.letters(t)
			if len(stored) != 2*(i+1) || len(letters) != i+1 {
				t.Fatalf("got %d events and %d letters, want %d and %d", len(stored), len(letters), 2*(i+1), i+1)
			}
			if got := stored[2*i:]; string(got[0].Raw) != before || string(got[1].Raw) != after {
				t.Errorf("neighbours: got %q and %q", got[0].Raw, got[1].Raw)
			}
			letter := letters[i]
			if string(letter.Body) != bad.raw {
				t.Errorf("letter holds %q, want %q", letter.Body, bad.raw)
			}
			if letter.Kind != "malformed" || letter.Channel != "main" || !strings.Contains(letter.Reason, bad.reason) || letter.Died.IsZero() {
				t.Errorf("got %+v, want reason %q", letter, bad.reason)
			}
		})
	}
}

// TestManyEventsInOneRequest: LINE states no limit.
func TestManyEventsInOneRequest(t *testing.T) {
	d := newDesk(t)
	var events []string
	for n := range 2000 {
		events = append(events, textEvent(fmt.Sprint("E", n), fmt.Sprint("U", n%7), "x"))
	}
	body := bodyOf(events...)
	if status, answer := post(t, d.serve(t)+"/callback", body, sign(mainSecret, body)); status != 200 {
		t.Fatalf("got %d %s", status, answer)
	}
	got := d.stored(t)
	if len(got) != len(events) {
		t.Fatalf("got %d events, want %d", len(got), len(events))
	}
	for i := range got {
		if string(got[i].Raw) != events[i] {
			t.Fatalf("event %d: got %q", i, got[i].Raw)
		}
	}
}

// TestBytesOfOneRequestDoNotLeakIntoAnother posts bodies of all sizes at once:
// the buffers are reused.
func TestBytesOfOneRequestDoNotLeakIntoAnother(t *testing.T) {
	d := newDesk(t)
	const requests = 200
	want := map[string]string{}
	done := make(chan string, requests)
	for n := range requests {
		id := fmt.Sprint("E", n)
		raw := textEvent(id, user1, strings.Repeat(string(rune('a'+n%26)), n*n%3000))
		want[id] = raw
		go func() { // awaited below
			body := bodyOf(raw)
			r := httptest.NewRequest("POST", "/callback", strings.NewReader(body))
			r.Header.Set("X-Line-Signature", sign(mainSecret, body))
			w := httptest.NewRecorder()
			d.handler.ServeHTTP(w, r)
			done <- fmt.Sprintf("%d%s", w.Code, w.Body)
		}()
	}
	for range requests {
		if got := <-done; got != "200" {
			t.Errorf("got %s", got)
		}
	}
	for _, ev := range d.stored(t) {
		if !bytes.Equal(ev.Raw, []byte(want[ev.ID])) {
			t.Errorf("event %s: got %q", ev.ID, ev.Raw)
		}
		delete(want, ev.ID)
	}
	if len(want) != 0 {
		t.Errorf("%d events are missing", len(want))
	}
}
