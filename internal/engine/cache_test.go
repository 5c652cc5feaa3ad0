package engine

import (
	"bytes"
	"errors"
	"sync"
	"testing"
)

func TestCacheBounds(t *testing.T) {
	e := openTemp(t)
	var places []Pos
	for n := range 20 {
		at, _ := mustAppend(t, e.Inbox, content(n, 1000))
		places = append(places, at)
	}
	const room = 5
	c := NewCache(e.Inbox, room*1010)
	check := func(want int) {
		t.Helper()
		held := 0
		for el := c.order.Front(); el != nil; el = el.Next() {
			held += el.Value.(Batch).Size()
		}
		if held != c.bytes || c.order.Len() != len(c.bySeq) || c.order.Len() != want {
			t.Errorf("counts %d bytes of %d, %d batches of %d, want %d", c.bytes, held, len(c.bySeq), c.order.Len(), want)
		}
	}
	for n, at := range places {
		rec, err := c.Record(t.Context(), at)
		if err != nil || !bytes.Equal(rec, content(n, 1000)) {
			t.Errorf("record %d: %v", n, err)
		}
	}
	check(room)
	if _, err := c.Record(t.Context(), places[15]); err != nil { // is now the last one to go
		t.Fatal(err)
	}
	for _, at := range places[:room-1] {
		if _, err := c.Record(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	check(room)
	if _, ok := c.bySeq[places[15].Seq()]; !ok {
		t.Error("what was used last has gone first")
	}
	b, err := e.Inbox.Get(t.Context(), places[15])
	if err != nil {
		t.Fatal(err)
	}
	c.Add(b)
	c.Add(b)
	check(room)

	if _, err := c.Record(t.Context(), newPos(4711, 0)); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such record: got %v, want %v", err, ErrNotFound)
	}
	if _, err := c.Record(t.Context(), places[15]+1); err == nil {
		t.Error("a record behind the batch's end was found")
	}
	tiny := NewCache(e.Inbox, 1)
	for _, at := range places {
		if _, err := tiny.Record(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	if len(tiny.bySeq) != 1 {
		t.Errorf("a cache of one byte holds %d batches", len(tiny.bySeq))
	}
}

func TestCacheConcurrently(t *testing.T) {
	e := openTemp(t)
	var places []Pos
	for n := range 16 {
		at, _ := mustAppend(t, e.Inbox, content(n, 500))
		places = append(places, at)
	}
	c := NewCache(e.Inbox, 2000)
	var group sync.WaitGroup
	for w := range 16 {
		group.Go(func() {
			for i := range 50 {
				n := (w*i + i) % len(places)
				if rec, err := c.Record(t.Context(), places[n]); err != nil || !bytes.Equal(rec, content(n, 500)) {
					t.Errorf("record %d: %v", n, err)
				}
			}
		})
	}
	group.Wait()
}
