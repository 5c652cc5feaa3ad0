package room

import (
	"testing"
)

func TestTwoUsersTalk(t *testing.T) {
	d := newDesk(t, nil)
	ann, ben := d.login(t, "ann"), d.login(t, "ben")
	joined, msgs := ann.join("lobby", 0, "")
	if joined.N != 7 || joined.Title != "Lobby" || !joined.Send || joined.Head != 0 || len(msgs) != 0 || joined.Count != 1 {
		t.Errorf("joined: %+v, %v", joined, msgs)
	}
	ben.join("lobby", 0, "")
	first := ann.send("lobby", "c-1", "hello\nworld <b>")
	got := ben.next("msg")
	if got.ID != first || got.Prev != 0 || got.User != "ann" || got.Name != "ANN" || got.CID != "c-1" || string(got.Body) != `{"type":"text","text":"hello\nworld <b>"}` {
		t.Errorf("msg: %+v %s", got, got.Body)
	}
	second := ben.send("lobby", "c-1", "hi")
	got = ben.next("msg")
	if got.ID != second || got.Prev != first || second <= first {
		t.Errorf("second: %+v, first %d", got, first)
	}
	// The same cid again is the same message.
	ann.say(`{"t":"send","room":"lobby","cid":"c-1","body":{"type":"text","text":"hello"}}`)
	for {
		f, err := ann.hear()
		if err != nil {
			t.Fatal(err)
		}
		if f.T == "ack" {
			if f.ID != first || !f.Dup {
				t.Errorf("repeated: %+v", f)
			}
			break
		}
	}
	cleo := d.login(t, "cleo")
	if _, msgs = cleo.join("lobby", 0, ""); len(msgs) != 2 || msgs[0].ID != first || msgs[1].Prev != first {
		t.Errorf("first page: %+v", msgs)
	}
	if _, msgs = cleo.join("lobby", first, joined.Epoch); len(msgs) != 1 || msgs[0].ID != second {
		t.Errorf("resume: %+v", msgs)
	}
	cleo.say(`{"t":"history","n":3,"room":"lobby","before":%d,"limit":1}`, second)
	if page := cleo.next("page"); len(page.Msgs) != 1 || page.Msgs[0].ID != first || page.More || page.N != 3 {
		t.Errorf("page: %+v", page)
	}
}
