package room

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var sends = []string{
	`{"t":"send","room":"lobby","cid":"a-1","body":{"type":"text","text":"hello"}}`,
	`{"t":"send","room":"lobby","cid":"a-1","body":{"type":"text","text":"お茶 🍵"}}`,
	`{"t":"send","room":"lobby","cid":"a-1","body":{"type":"text","text":""}}`,
	`{"t":"send","room":"lobby","cid":"a-1","body":{"type":"text","text":"a \"word\""}}`,
	`{"t":"send","room":"lobby","cid":"a-1","body":{"type":"text","text":"a"},"edit":7}`,
	`{"t":"send","room":"lobby","cid":"a-1","body":{"type":"text","text":"a","text":"b"}}`,
	`{"t":"send","room":"lobby","cid":"a-1","body":{"type":"text","text":"a"}} `,
	`{"t":"send","room":"lobby","cid":"a-1","body":{"type":"text","text":"a"}`,
	`{"t":"send","room":"a\u0062","cid":"a-1","body":{"type":"text","text":"a"}}`,
	`{"t":"send","room":"lobby","cid":"a-1","del":7}`,
	`{"t":"join","n":1,"room":"lobby"}`,
	"{\"t\":\"send\",\"room\":\"lobby\",\"cid\":\"a-1\",\"body\":{\"type\":\"text\",\"text\":\"\xff\"}}",
	"{\"t\":\"send\",\"room\":\"lobby\",\"cid\":\"a-1\",\"body\":{\"type\":\"text\",\"text\":\"a\tb\"}}",
}

// TestQuickSendIsTaken: the frame of which there are most takes the quick way.
func TestQuickSendIsTaken(t *testing.T) {
	for _, line := range sends[:2] {
		if !readSend([]byte(line), new(clientFrame)) {
			t.Errorf("%s: not taken", line)
		}
	}
}

// FuzzReadSend compares with encoding/json what is read, and what is stored of it.
func FuzzReadSend(f *testing.F) {
	for _, line := range sends {
		f.Add([]byte(line), "花子")
	}
	f.Fuzz(func(t *testing.T, line []byte, name string) {
		var got, want clientFrame
		if !readSend(line, &got) {
			return
		}
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatalf("%q was read: %v", line, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", line, diff)
		}
		body, err := checkBody(got.Body)
		if err != nil {
			return
		}
		m := stored{User: "hanako", Name: name, CID: got.CID, Body: body}
		b, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		var a, c stored
		if json.Unmarshal(b, &a) != nil || json.Unmarshal(theirs, &c) != nil || !cmp.Equal(a, c) {
			t.Errorf("stored %q, want %q", b, theirs)
		}
	})
}

// TestQuickEncode compares what is stored with what encoding/json makes.
func TestQuickEncode(t *testing.T) {
	body := json.RawMessage(`{"type":"text","text":"a"}`)
	for _, m := range []stored{
		{User: "hanako", Name: "Hanako", CID: "a-1", Body: body},
		{User: "hanako", Name: `Hana "H" ko`, CID: "a-1", Body: body},
		{User: "hanako", CID: "a-1", Body: body, Edit: 7},
		{User: "hanako", Name: "花子", CID: "a-1", Del: 7},
		{User: "hanako", Body: body},
	} {
		got, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		want, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, a := range []ackFrame{{"ack", "a-1", "lobby", 7, false}, {"ack", "a-1", "lobby", 7, true}} {
		want, err := encode(a)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.text(); string(got) != string(want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
