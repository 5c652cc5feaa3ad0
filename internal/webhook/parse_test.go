package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

func TestSplitKeepsNothingOfTheBody(t *testing.T) {
	body := []byte(bodyOf(textEvent(id1, user1, "hello"), "null"))
	req, err := split(body)
	if err != nil || len(req.events) != 1 || len(req.malformed) != 1 {
		t.Fatalf("got %+v, %v", req, err)
	}
	clear(body) // its buffer serves the next request
	if got, want := string(req.events[0].Raw), textEvent(id1, user1, "hello"); got != want {
		t.Errorf("raw bytes: got %q, want %q", got, want)
	}
	if ev := req.events[0]; ev.ID != id1 || ev.Conversation != user1 {
		t.Errorf("got %q of %q", ev.ID, ev.Conversation)
	}
	if got := string(req.malformed[0].raw); got != "null" {
		t.Errorf("malformed: got %q", got)
	}
}

// TestFieldsTwice: of a field that stands twice the last one counts, as it
// does for encoding/json, with which handlers read the event.
func TestFieldsTwice(t *testing.T) {
	raw := `{"webhookEventId":"E1","type":"a","timestamp":1,"webhookEventId":"E2","source":{"type":"user","userId":"U1"},"source":{"type":"user","userId":"U2"}}`
	req, err := split([]byte(bodyOf(raw)))
	if err != nil || len(req.events) != 1 {
		t.Fatalf("got %+v, %v", req, err)
	}
	if ev := req.events[0]; ev.ID != "E2" || ev.Conversation != "U2" {
		t.Errorf("got %q of %q", ev.ID, ev.Conversation)
	}
}

// TestEscapedNames: a name may be written with escapes.
func TestEscapedNames(t *testing.T) {
	raw := `{"webhook\u0045ventId":"E\u0031","\u0074ype":"a","timestamp":1,"source":{"\u0074ype":"user","\u0075serId":"U\u0031"}}`
	req, err := split([]byte(bodyOf(raw)))
	if err != nil || len(req.events) != 1 {
		t.Fatalf("got %+v, %v", req, err)
	}
	if ev := req.events[0]; ev.ID != "E1" || ev.Conversation != "U1" || string(ev.Raw) != raw {
		t.Errorf("got %+v", ev)
	}
}

// FuzzSplit holds split against encoding/json.
func FuzzSplit(f *testing.F) {
	f.Add([]byte(officialBody))
	f.Add([]byte(bodyOf(textEvent(id1, user1, "hello"), textEvent(id2, user2, "a\\u0000\xff"))))
	for _, bad := range malformedEvents {
		f.Add([]byte(bodyOf(bad.raw, textEvent(id1, user1, "x"))))
	}
	f.Add([]byte(`{"events":[{"type":"a"}],"events":[]}`))
	f.Add([]byte(`{"events":[` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `]}`))
	f.Add([]byte(`{"\u0065vents":[1]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := split(body)
		if err != nil {
			if len(body) > 16 && strings.Contains(err.Error(), string(body)) {
				t.Fatalf("error quotes the body: %v", err)
			}
			return
		}
		var parsed struct {
			Events []json.RawMessage `json:"events"`
		}
		if err := json.Unmarshal(body, &parsed); err != nil {
			if json.Valid(body) || strings.Contains(err.Error(), "exceeded max depth") {
				return // encoding/json is stricter about names, and about depth
			}
			t.Fatalf("was taken although it is not JSON: %v", err)
		}
		if n := bytes.Count(body, []byte("vents\"")); n == 1 && len(parsed.Events) != len(req.events)+len(req.malformed) {
			t.Fatalf("%d events, of which %d were filed and %d were malformed", len(parsed.Events), len(req.events), len(req.malformed))
		}
		for _, ev := range req.events {
			checkFiled(t, body, ev)
		}
		for _, m := range req.malformed {
			if !bytes.Contains(body, m.raw) || m.reason == "" || !json.Valid(m.raw) {
				t.Fatalf("malformed: %q (%s) is not of the body", m.raw, m.reason)
			}
		}
	})
}

// checkFiled checks one event that split found good.
func checkFiled(t *testing.T, body []byte, ev engine.Event) {
	t.Helper()
	if !bytes.Contains(body, ev.Raw) {
		t.Fatalf("raw bytes %q are not of the body", ev.Raw)
	}
	for _, id := range []string{ev.ID, ev.Conversation} {
		if id == "" || len(id) > maxID || strings.ContainsAny(id, ". *>/~#\x00\n") {
			t.Fatalf("ID %q cannot be a key", id)
		}
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(ev.Raw, &fields); err != nil {
		t.Fatalf("event is not an object: %v", err)
	}
	rec, err := ev.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := engine.ParseEvent(rec); err != nil || !bytes.Equal(back.Raw, ev.Raw) || back.ID != ev.ID {
		t.Fatalf("stored and read back: %+v, %v", back, err)
	}
}

// BenchmarkSplit takes bodies of 1 and of 100 text messages apart.
func BenchmarkSplit(b *testing.B) {
	for _, n := range []int{1, 100} {
		var events []string
		for i := range n {
			events = append(events, textEvent(fmt.Sprintf("01H810YECXQQZ37VAXPF6H%04d", i), user1, strings.Repeat("x", 200)))
		}
		body := []byte(bodyOf(events...))
		b.Run(fmt.Sprintf("%d events", n), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if req, err := split(body); err != nil || len(req.events) != n {
					b.Fatal(err)
				}
			}
		})
	}
}
