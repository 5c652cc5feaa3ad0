package linesim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRing(t *testing.T) {
	r := newRing[int](3)
	if got := r.after(0, 10, nil); len(got) != 0 || r.first() != 1 {
		t.Errorf("empty ring: %v from %d", got, r.first())
	}
	for i := 1; i <= 7; i++ {
		if seq := r.add(i); seq != int64(i) || *r.at(seq) != i {
			t.Errorf("value %d got number %d", i, seq)
		}
	}
	for _, tc := range []struct {
		after int64
		limit int
		keep  func(*int) bool
		want  []int
	}{
		{0, 10, nil, []int{5, 6, 7}},
		{5, 10, nil, []int{6, 7}},
		{0, 2, nil, []int{5, 6}},
		{7, 10, nil, []int{}},
		{99, 10, nil, []int{}},
		{0, 10, func(v *int) bool { return *v%2 == 0 }, []int{6}},
	} {
		if got := r.after(tc.after, tc.limit, tc.keep); !slices.Equal(got, tc.want) {
			t.Errorf("after(%d, %d) = %v, want %v", tc.after, tc.limit, got, tc.want)
		}
	}
}

func TestRecent(t *testing.T) {
	m := newRecent[int](3)
	var dropped []int
	m.dropped = func(v int) { dropped = append(dropped, v) }
	for i := range 5 {
		m.put(fmt.Sprint(i), i)
	}
	m.put("2", 22) // keeps its age
	m.remove("3")
	m.put("5", 5)
	m.put("6", 6)
	want := map[string]int{"4": 4, "5": 5, "6": 6}
	for k, v := range want {
		if got, ok := m.get(k); !ok || got != v {
			t.Errorf("%s is %d, %v", k, got, ok)
		}
	}
	if len(m.vals) != len(want) || !slices.Equal(dropped, []int{0, 1, 22}) {
		t.Errorf("kept %v, dropped %v", m.vals, dropped)
	}
	m.expire(func(v int) bool { return v < 6 })
	if _, ok := m.get("6"); !ok || len(m.vals) != 1 {
		t.Errorf("after expire: %v", m.vals)
	}
	m.expire(func(int) bool { return true })
	for i := range 100_000 {
		m.put(fmt.Sprint(i), i)
		m.remove(fmt.Sprint(i))
	}
	if len(m.order) > 8 {
		t.Errorf("the order holds %d keys of %d", len(m.order), m.limit)
	}
}

func TestULIDsSortByTime(t *testing.T) {
	early, late := newULID(time.UnixMilli(1469918176385)), newULID(time.UnixMilli(1469918176386))
	if len(early) != 26 || !strings.HasPrefix(early, "01ARYZ6S41") || early >= late {
		t.Errorf("%s and %s", early, late)
	}
}

func TestSamplesAreWhatTheySay(t *testing.T) {
	s, err := newSamples()
	if err != nil {
		t.Fatal(err)
	}
	for want, data := range map[string][]byte{"image/png": s.picture, "video/mp4": s.video, "audio/wave": s.sound} {
		if got := http.DetectContentType(data); got != want {
			t.Errorf("%s looks like %s", want, got)
		}
	}
}

// FuzzAPI sends any body to the sending operations: every answer is JSON, and none is a server error.
func FuzzAPI(f *testing.F) {
	sim, err := New(Config{ChannelAccessToken: "t"})
	if err != nil {
		f.Fatal(err)
	}
	const id = "U00000000000000000000000000000001"
	if _, err := sim.AddUser(NewUser{UserID: id, DisplayName: "Hanako"}); err != nil {
		f.Fatal(err)
	}
	for _, body := range []string{
		"", "{}", "null", "[]", `{"to":"` + id + `","messages":[{"type":"text","text":"hi"}]}`,
		`{"to":["` + id + `"],"messages":[{"type":"text","text":"hi"}]}`, `{"messages":[{"type":"flex"}, null, 5, {"type":{}}]}`,
		`{"to":"` + id + `","messages":[{"type":"sticker","packageId":1,"stickerId":2,"id":{}}]}`,
	} {
		for op := range 4 {
			f.Add(op, body)
		}
	}
	f.Fuzz(func(t *testing.T, op int, body string) {
		name := []string{"reply", "push", "multicast", "broadcast"}[uint(op)%4]
		r := httptest.NewRequest("POST", "/sim/line/v2/bot/message/"+name, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer t")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s answered %d %s", name, w.Code, w.Body)
		}
		msgs, err := sim.Messages(id, Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range msgs[max(0, len(msgs)-5):] {
			if !json.Valid(m.Message) || len(m.ID()) != 18 {
				t.Errorf("on the phone: %s", m.Message)
			}
		}
	})
}

// FuzzTrigger sends any event and any body.
func FuzzTrigger(f *testing.F) {
	sim, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	for _, ev := range []string{"", "null", "{}", "[]", `{"type":5}`, `{"events":[{"source":null}]}`, `{"webhookEventId":7,"replyToken":"auto","source":{"groupId":"C"}}`, `{"events":{"a":{"source":{"userId":""}}}}`} {
		f.Add(ev)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		_, _ = sim.Trigger(json.RawMessage(raw))
		if _, err := sim.TriggerBody([]byte(raw), ""); err != nil {
			t.Fatal(err)
		}
		if err := sim.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSlowStreamReaderIsCutOff(t *testing.T) {
	sim, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	wake := make(chan struct{}, 1)
	pos, _, err := sim.joinStream(wake, "")
	if err != nil {
		t.Fatal(err)
	}
	publish := func(n int) {
		sim.mu.Lock()
		defer sim.mu.Unlock()
		for range n {
			sim.publishLocked(streamLoading, loading{})
		}
	}
	publish(streamEvents)
	if batch, next, ok := sim.readStream(pos); !ok || len(batch) != streamBatch || next != streamBatch {
		t.Errorf("at the limit: %d events up to %d, %v", len(batch), next, ok)
	}
	publish(1)
	if _, _, ok := sim.readStream(pos); ok {
		t.Error("one event behind the ring was not noticed")
	}
	for range streamReaders - 1 {
		if _, _, err := sim.joinStream(make(chan struct{}, 1), ""); err != nil {
			t.Fatal(err)
		}
	}
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, httptest.NewRequest("GET", "/sim/stream", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("one stream too many answered %d", w.Code)
	}
	sim.leaveStream(wake)
	if _, _, err := sim.joinStream(wake, ""); err != nil {
		t.Errorf("after one left: %v", err)
	}
}
