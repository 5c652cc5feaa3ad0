package room

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestHelloDeadline lets many connections come together and say nothing: all end with
// 4001, each at another time. One that is somebody meanwhile stays.
func TestHelloDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Service{cfg: Config{Rate: 1}, metrics: NewMetrics(prometheus.NewRegistry()), clients: map[*client]struct{}{}, began: time.Now()}
		s.open.Store(true)
		begin := func() (*client, net.Conn) {
			near, far := net.Pipe()
			c := s.newClient()
			c.out = socket{near}
			s.coming++
			s.add(c)
			near.SetReadDeadline(helloDeadline())
			go s.serveClient(c, &frameReader{nc: near, limit: MaxFrame, control: c.control}) // awaited below: readers
			return c, far
		}

		somebody, conn := begin()
		somebody.user = &user{connections: 1}
		somebody.who.Store(&Identity{User: "ann", Expires: time.Now().Add(time.Hour)})
		if _, err := conn.Write(maskedFrame(opText, []byte(`{"t":"pong"}`))); err != nil {
			t.Fatal(err)
		}

		const many = 1000
		began := time.Now()
		var ends [many]time.Duration
		var all sync.WaitGroup
		for i := range many {
			_, far := begin()
			all.Go(func() {
				told, err := io.ReadAll(far)
				if err != nil || len(told) < 4 || binary.BigEndian.Uint16(told[2:]) != closeNoHello {
					t.Errorf("connection %d: got %q, %v", i, told, err)
				}
				ends[i] = time.Since(began)
				far.Close()
			})
		}
		all.Wait()
		slots := map[time.Duration]int{}
		for _, end := range ends {
			if end < helloWithin || end > helloWithin+helloSpread {
				t.Errorf("one ended after %v", end)
			}
			slots[end.Truncate(helloSpread/10)]++
		}
		for slot, n := range slots {
			if n > many/5 {
				t.Errorf("%d of %d ended within %v behind %v", n, many, helloSpread/10, slot)
			}
		}
		time.Sleep(time.Minute)
		if somebody.over() {
			t.Error("one who is somebody was ended")
		}
		conn.Close()
		s.readers.Wait()
	})
}

// TestEvicted fills all places with clients that say nothing. A member comes in
// as soon as the oldest of them has had its time, and that one ends.
func TestEvicted(t *testing.T) {
	d := newDesk(t, nil)
	oldest, in, _ := d.dialRaw(t)
	await(t, "the oldest has come", func() bool { return d.greetings() == 1 })
	d.mu.Lock()
	for d.greeting.Len() < maxGreeting { // without connections, which would take some of the oldest's time
		d.greeting.add(d.newClient())
	}
	for e := d.greeting.Front(); e != nil; e = e.Next() {
		e.Value.(*client).came = time.Now().Add(time.Hour) // they have just come
	}
	d.mu.Unlock()
	if _, _, status := d.dialRaw(t); status != http.StatusServiceUnavailable {
		t.Errorf("one more is answered %d", status)
	}
	d.mu.Lock()
	d.greeting.Front().Value.(*client).came = time.Now().Add(-helloAtLeast)
	d.mu.Unlock()
	d.login(t, "ann").join("lobby", 0, "")
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("the oldest got %v, want its end", err)
	}
	oldest.Close()
}

func (d *desk) greetings() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.greeting.Len()
}

// TestTurnedAwayGoes: who is refused does not keep the connection.
func TestTurnedAwayGoes(t *testing.T) {
	d := newDesk(t, nil)
	nc, err := net.Dial("tcp", d.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(nc, "GET /chat/ws HTTP/1.1\r\nHost: frontdesk\r\n\r\n")
	if _, err := io.ReadAll(nc); err != nil {
		t.Errorf("the connection stays: %v", err)
	}
}
