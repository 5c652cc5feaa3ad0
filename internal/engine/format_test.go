package engine

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the files of stored formats that are missing; those that exist never change")

// stored is one value of every stored form. Their bytes stand in testdata: a
// version that cannot read them cannot read what people have on their disks.
func stored() map[string]any {
	at := time.Date(2026, 8, 1, 12, 30, 15, 123456789, time.UTC)
	call := CallID{Entry: "main/01H810YECXQQZ37VAXPF6H9E6T", Send: 1, Call: 2}
	return map[string]any{
		"event": &Event{
			ID: "01H810YECXQQZ37VAXPF6H9E6T", Channel: "main", Conversation: "U8e742f61d673b39c7fff3cecb7536ef0",
			Accepted: at, Raw: []byte(`{"type":"message","text":"こんにちは"}`),
		},
		"event-again": &Event{
			ID: "E1", Channel: "other", Conversation: "C1", Accepted: at, Redelivered: true, Run: 300, Raw: []byte("{}"),
		},
		"entry": &Entry{
			ID: "main/01H810YECXQQZ37VAXPF6H9E6T~1", Channel: "main", EventID: "01H810YECXQQZ37VAXPF6H9E6T", At: at,
			Sends: []Send{
				{
					To: "U8e742f61d673b39c7fff3cecb7536ef0", ReplyToken: "38ef843bde154d9b91c21320ffd17a0f", ReplyUntil: at.Add(time.Minute),
					Messages: []json.RawMessage{json.RawMessage(`{"type":"text","text":"hello"}`)},
				},
				{To: "C1", Messages: []json.RawMessage{json.RawMessage(`{"type":"x"}`), json.RawMessage(`{}`)}},
			},
		},
		"entry-timers": &Entry{
			ID: "main/E1", Channel: "main", EventID: "E1", At: at, Steady: &Steady{Process: "P", Elapsed: 90 * time.Second},
			Timers: []TimerOp{
				{
					Conversation: "U1", Key: "お茶", After: 3 * time.Minute, Every: time.Hour, Payload: "緑茶",
					Source: json.RawMessage(`{"type":"user","userId":"U1"}`),
				},
				{Conversation: "U1", Key: "egg", At: at.Add(time.Hour), Messages: []json.RawMessage{json.RawMessage(`{"type":"text","text":"egg"}`)}},
				{Conversation: "U1", Key: "rice", At: at, Cron: "0 7 * * *", Zone: "Asia/Tokyo"},
				{Conversation: "U1", Key: "bath", Cancel: true},
			},
		},
		"timer": &Timer{
			TimerHead: TimerHead{Due: at.Add(time.Minute), Timed: true, Set: newPos(300, 7), Op: 2, Count: 1000},
			TimerOp: TimerOp{
				Conversation: "C1", Key: "お茶", After: time.Minute, Every: time.Minute, Payload: "緑茶",
				Source: json.RawMessage(`{"type":"group","groupId":"C1","userId":"U1"}`),
			},
			Channel: "main", EventID: "E1", SetAt: at,
		},
		"tried":   &Tried{CallID: call, Way: "reply", At: at},
		"settled": &Settled{CallID: call, Outcome: OutcomeSent, Last: true, Way: "push", RequestID: "r-1", At: at},
		"refused": &Settled{CallID: call, Outcome: OutcomeRefused, At: at},
		"letter": Letter{
			Kind: DeadEvent, Channel: "main", Conversation: "U1", EventID: "E1", Run: 2, Accepted: at, Died: at.Add(time.Hour),
			Reason: "it failed", Attempts: 20, Body: []byte("{\x00}"),
		},
		"answer": Answer{
			Key: "main/E1", Channel: "main", Conversation: "U1", EventID: "E1", TakenBy: "E2",
			Messages: []json.RawMessage{json.RawMessage(`{"type":"text","text":"hello"}`)},
		},
	}
}

func TestStoredFormats(t *testing.T) {
	for name, value := range stored() {
		t.Run(name, func(t *testing.T) {
			data := fixture(t, name, value)
			got, err := readStored(name, data)
			if err != nil {
				t.Fatalf("what is on people's disks cannot be read: %v", err)
			}
			if diff := cmp.Diff(value, got); diff != "" {
				t.Errorf("read back (-want +got):\n%s", diff)
			}
			if now := form(t, value); !bytes.Equal(now, data) {
				t.Logf("today's form differs: older versions may not read it\n%s\n%s", now, data)
			}
		})
	}
}

// An entry's ID is read without the rest, also one that JSON writes in its own way.
func TestEntryID(t *testing.T) {
	for _, id := range []string{"main/E1", "main/E1#reply", `a"b\c<d`, "", "\u00e9 \xff"} {
		rec := form(t, &Entry{ID: id, Channel: "main", Sends: []Send{{To: "U1"}}})
		want := strings.ToValidUTF8(id, "\ufffd")
		if got, ok := EntryID(rec); !ok || got != want {
			t.Errorf("%q: got %q, %v", id, got, ok)
		}
	}
	for name, rec := range map[string][]byte{
		"nothing": nil, "a note": form(t, &Tried{CallID: CallID{Entry: "main/E1"}}), "half an entry": []byte(`E{"id":"main`), "no JSON": []byte("E{"),
	} {
		if got, ok := EntryID(rec); ok {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// fixture returns the bytes of a form as they were when it was new.
func fixture(t *testing.T, name string, value any) []byte {
	t.Helper()
	file := filepath.Join("testdata", "stored", name+".hex")
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) && *update {
		text = []byte(hex.Dump(form(t, value)))
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if err != nil {
		t.Fatalf("%v; -update makes it", err)
	}
	var data []byte
	for line := range strings.Lines(string(text)) {
		_, line, _ = strings.Cut(line, "  ") // behind the offset
		line, _, _ = strings.Cut(line, "|")
		part, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, part...)
	}
	return data
}

func form(t *testing.T, value any) (data []byte) {
	t.Helper()
	var err error
	switch value := value.(type) {
	case encoding.BinaryAppender:
		data, err = value.AppendBinary(nil)
	default:
		data, err = json.Marshal(value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readStored(name string, data []byte) (any, error) {
	switch {
	case strings.HasPrefix(name, "event"):
		ev, err := ParseEvent(data)
		ev.Accepted = ev.Accepted.UTC()
		return &ev, err
	case name == "timer":
		timer, err := ParseTimer(data)
		timer.Due = timer.Due.UTC()
		return &timer, err
	case name == "letter":
		var letter Letter
		err := json.Unmarshal(data, &letter)
		return letter, err
	case name == "answer":
		var answer Answer
		err := json.Unmarshal(data, &answer)
		return answer, err
	}
	return ParseOutbox(data)
}

// TestStoredBatch is the layout of a log's message, byte by byte.
func TestStoredBatch(t *testing.T) {
	long := bytes.Repeat([]byte{'x'}, 200)
	want := append([]byte("\x01\x03abc\x00\xc8\x01"), long...)
	c := newChunk()
	for i, rec := range [][]byte{[]byte("abc"), {}, long} {
		if got := c.add(rec); got != i {
			t.Errorf("index: got %d, want %d", got, i)
		}
	}
	if !bytes.Equal(c.data, want) {
		t.Errorf("got %q, want %q", c.data, want)
	}
	b := Batch{Seq: 7, data: want}
	for i, rec := range []string{"abc", "", string(long)} {
		if got, err := b.Record(newPos(7, i)); err != nil || string(got) != rec {
			t.Errorf("record %d: got %q, %v, want %q", i, got, err, rec)
		}
	}
	for _, p := range []Pos{newPos(7, 3), newPos(8, 0), 0} {
		if rec, err := b.Record(p); err == nil {
			t.Errorf("record %v: got %q, want an error", p, rec)
		}
	}
}

// TestShardIsFixed: a conversation that changes its shard loses its checkpoint.
func TestShardIsFixed(t *testing.T) {
	tests := []struct {
		channel, conversation string
		want                  int
	}{
		{"main", "U8e742f61d673b39c7fff3cecb7536ef0", 10},
		{"main", "C1", 0},
		{"other", "C1", 15},
		{"", "", 15},
	}
	for _, tt := range tests {
		if got := Shard(tt.channel, tt.conversation); got != tt.want {
			t.Errorf("Shard(%q, %q): got %d, want %d", tt.channel, tt.conversation, got, tt.want)
		}
	}
}

func TestPos(t *testing.T) {
	tests := []struct {
		seq   uint64
		index int
		text  string
	}{
		{0, 0, "0.0"},
		{1, 0, "1.0"},
		{1, maxBatchRecords - 1, "1.65535"},
		{1<<48 - 1, maxBatchRecords - 1, "281474976710655.65535"},
	}
	for _, tt := range tests {
		p := newPos(tt.seq, tt.index)
		if p.Seq() != tt.seq || p.Index() != tt.index || p.String() != tt.text {
			t.Errorf("got %d, %d, %q, want %+v", p.Seq(), p.Index(), p, tt)
		}
		if next := After(Batch{Seq: tt.seq}); tt.seq < 1<<48-1 && (next <= p || next != newPos(tt.seq+1, 0)) {
			t.Errorf("after %v: got %v", p, next)
		}
	}
}

func FuzzBatch(f *testing.F) {
	c := newChunk()
	c.add([]byte("abc"))
	c.add(nil)
	f.Add(c.data)
	f.Add([]byte{})
	f.Add([]byte{2, 1, 'a'})
	f.Add([]byte("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Add([]byte("\x01\x80"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := Batch{Seq: 9, data: data}
		size, count, damaged := 1, 0, false
		for p, rec := range b.Records() {
			if damaged {
				t.Fatal("something comes behind the damage")
			}
			if p != newPos(9, count) {
				t.Fatalf("got place %v, want %v", p, newPos(9, count))
			}
			got, err := b.Record(p)
			if rec == nil {
				damaged = true
				if err == nil {
					t.Fatal("the damaged record can be read")
				}
				continue
			}
			if err != nil || !bytes.Equal(got, rec) {
				t.Fatalf("record %v: %v", p, err)
			}
			size += len(rec) + 1
			count++
		}
		if size > len(data) && !damaged {
			t.Fatalf("%d bytes were made of %d", size, len(data))
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	for _, value := range stored() {
		if ev, ok := value.(*Event); ok {
			data, _ := ev.AppendBinary(nil)
			f.Add(data)
		}
	}
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		ev, err := ParseEvent(data)
		if err != nil {
			return
		}
		again, err := ev.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseEvent(again)
		if err != nil {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
		if diff := cmp.Diff(ev, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParseTimer(f *testing.F) {
	for _, value := range stored() {
		if timer, ok := value.(*Timer); ok {
			data, _ := timer.AppendBinary(nil)
			f.Add(data)
		}
	}
	f.Add([]byte{})
	f.Add(append(make([]byte, 18), "\x00\x00{}"...))
	f.Add(append([]byte{1, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, "\xff\x01\x01null"...))
	f.Fuzz(func(t *testing.T, data []byte) {
		timer, err := ParseTimer(data)
		if err != nil {
			return
		}
		if head, _, err := parseTimerHead(data); err != nil || head != timer.TimerHead {
			t.Fatalf("its head: got %+v, %v, want %+v", head, err, timer.TimerHead)
		}
		again, err := timer.AppendBinary(nil)
		if err != nil {
			return // a time that cannot be written, such as that of the year 10000
		}
		back, err := ParseTimer(again)
		if err != nil {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
		if back.ID() != timer.ID() || back.Key != timer.Key || !back.Due.Equal(timer.Due) || back.Payload != timer.Payload {
			t.Fatalf("got %+v, want %+v", back, timer)
		}
	})
}

func FuzzParseOutbox(f *testing.F) {
	for _, value := range stored() {
		if value, ok := value.(encoding.BinaryAppender); ok {
			data, _ := value.AppendBinary(nil)
			f.Add(data)
		}
	}
	f.Add([]byte("E"))
	f.Add([]byte("Enull"))
	f.Add([]byte(`E{"sends":[{"messages":[null]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := ParseOutbox(data)
		if err != nil {
			if strings.Contains(err.Error(), string(data)) && len(data) > 8 {
				t.Fatalf("error quotes the record: %v", err)
			}
			return
		}
		e, entry := value.(*Entry)
		if entry != IsEntry(data) {
			t.Fatalf("IsEntry: got %v of %T", IsEntry(data), value)
		}
		if entry && len(e.Timers) > 0 {
			if again, err := e.AppendBinary(nil); err == nil && !MayHaveTimers(again) {
				t.Fatalf("timers are not found in %q", again)
			}
		}
		again, err := value.(encoding.BinaryAppender).AppendBinary(nil)
		if err != nil {
			return // a time that cannot be written, such as that of the year 10000
		}
		if _, err := ParseOutbox(again); err != nil {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
	})
}
