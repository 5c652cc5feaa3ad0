package room

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// runsEnv is how many runs TestEveryListIsTheStreams makes, and seedEnv with which
// seed the first one begins.
const (
	runsEnv = "FRONTDESK_CHAT_RUNS"
	seedEnv = "FRONTDESK_CHAT_SEED"
)

const (
	modelClients = 6
	modelSends   = 30 // of each client
)

var modelRooms = []string{"lobby", "tea", "news", DM("u0", "u1")}

// TestEveryListIsTheStreams lets clients come, send, lose their connections, acks
// and messages at random: in the end every client's list of each room is that of
// the store, and every send is there once, in the order of its sender.
func TestEveryListIsTheStreams(t *testing.T) {
	runs, seed := 3, rand.Uint64N(1e9)
	if text := os.Getenv(runsEnv); text != "" {
		runs, _ = strconv.Atoi(text)
	}
	if text := os.Getenv(seedEnv); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	for i := range runs {
		t.Run(fmt.Sprintf("seed-%d", seed+uint64(i)), func(t *testing.T) { runProperty(t, seed+uint64(i)) })
	}
}

func runProperty(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	eng := openEngine(t, engine.Config{Dir: t.TempDir()})
	desks := []*desk{startDesk(t, eng, nil), startDesk(t, eng, nil)} // two chats on one store
	for _, r := range []string{"tea", "news"} {
		if _, err := desks[0].CreateRoom(t.Context(), Record{Name: r, Public: true}); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range desks {
		await(t, "room news is known", func() bool { return d.registry.room("news") != nil })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var clients []*modelClient
	var group sync.WaitGroup
	for i := range modelClients {
		c := &modelClient{
			desks: desks, user: fmt.Sprintf("u%d", i), rng: rand.New(rand.NewPCG(seed, uint64(i)+2)),
			toSend: modelSends, rooms: map[string]*modelRoom{},
		}
		for _, r := range modelRooms {
			if p, _ := parseName(r); p.kind != KindDM || p.a == c.user || p.b == c.user {
				c.rooms[r] = &modelRoom{}
			}
		}
		c.pauses = rng.IntN(2) == 0
		clients = append(clients, c)
		group.Go(func() { c.live(ctx) })
	}
	group.Wait()
	if ctx.Err() != nil {
		t.Fatal("the clients did not finish in time")
	}
	lists := map[string][]uint64{}
	breaks, lost := 0, 0
	for _, r := range modelRooms {
		lists[r] = checkStored(t, eng, r, clients)
	}
	for _, c := range clients {
		breaks, lost = breaks+c.breaks, lost+c.dropped
		for r, got := range c.rooms {
			if !slices.Equal(got.list, lists[r]) {
				t.Errorf("%s in %s: has %v, the store %v", c.user, r, got.list, lists[r])
			}
		}
	}
	t.Logf("seed %d: %d messages, %d broken connections, %d frames lost", seed, len(slices.Concat(lists["lobby"], lists["tea"], lists["news"], lists[DM("u0", "u1")])), breaks, lost)
}

// checkStored returns the IDs of a room in the store, whose messages must be each
// client's sends: each once, in order.
func checkStored(t *testing.T, eng *engine.Engine, room string, clients []*modelClient) (ids []uint64) {
	t.Helper()
	list, left, err := eng.Rooms.After(t.Context(), room, 0, 1000, 0)
	if err != nil || left != 0 {
		t.Fatal(err, left)
	}
	sent := map[string][]string{}
	for _, m := range list {
		var st stored
		if err := json.Unmarshal(m.Data, &st); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
		sent[st.User] = append(sent[st.User], st.CID)
	}
	for _, c := range clients {
		if r := c.rooms[room]; r != nil && !slices.Equal(sent[c.user], r.sent) {
			t.Errorf("%s sent %v to %s, stored is %v", c.user, r.sent, room, sent[c.user])
		}
	}
	return ids
}

// modelClient follows the rules for clients of docs/chat-protocol.md, over a line
// that loses what it can.
type modelClient struct {
	desks  []*desk
	user   string
	rng    *rand.Rand
	toSend int // messages yet to be thought of
	pauses bool

	made            int
	epoch           string
	rooms           map[string]*modelRoom
	breaks, dropped int
}

// modelRoom is what a client has of a room.
type modelRoom struct {
	list     []uint64
	last     uint64
	unsent   []string // cids, the first of which may be under way
	underWay bool
	sent     []string // all that were thought of, in order
}

// live keeps a connection until all is sent and received.
func (c *modelClient) live(ctx context.Context) {
	for ctx.Err() == nil && !c.connect(ctx) {
		c.breaks++
	}
}

// connect lives through one connection; true when everything is done.
func (c *modelClient) connect(ctx context.Context) bool {
	d := c.desks[c.rng.IntN(len(c.desks))]
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dial := dialSocket
	if c.rng.IntN(3) == 0 {
		dial = dialEvents
	}
	line, err := dial(ctx, d, c.user)
	if err != nil {
		return false
	}
	defer line.close()
	say := line.say
	for name, r := range c.rooms {
		r.underWay = false
		say(`{"t":"join","room":%q,"last":%d,"epoch":%q}`, name, r.last, c.epoch)
	}
	life := 5 + c.rng.IntN(120) // frames until the line breaks
	if c.toSend == 0 && c.rng.IntN(3) > 0 {
		life = 1 << 30
	}
	for range life {
		data, err := line.read(300 * time.Millisecond)
		if err != nil {
			return c.done(ctx, d)
		}
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			var f frame
			if json.Unmarshal(line, &f) != nil {
				return false
			}
			if (f.T == "msg" || f.T == "ack") && c.rng.IntN(25) == 0 {
				c.dropped++ // the line loses it; what comes behind it arrives
				continue
			}
			c.take(&f, say)
		}
		c.write(say)
	}
	return false
}

// done reports whether everything is sent and all that is stored was received: the
// connection has been silent.
func (c *modelClient) done(ctx context.Context, d *desk) bool {
	if c.toSend > 0 || ctx.Err() != nil || !c.othersAreDone(d) {
		return false
	}
	for name, r := range c.rooms {
		list, _, err := d.eng.Rooms.After(ctx, name, 0, 1000, 0)
		if err != nil || len(r.unsent) > 0 || len(list) > 0 && r.last < list[len(list)-1].ID {
			return false
		}
	}
	return true
}

// othersAreDone reports whether all messages of all clients are stored.
func (c *modelClient) othersAreDone(d *desk) bool {
	stored := 0
	for _, room := range modelRooms {
		n, err := d.eng.Rooms.Count(context.Background(), room, 0)
		if err != nil {
			return false
		}
		stored += n
	}
	return stored == modelClients*modelSends
}

// take follows the rules for what the server sends.
func (c *modelClient) take(f *frame, say func(string, ...any)) {
	r := c.rooms[f.Room]
	switch {
	case f.T == "welcome":
		c.epoch = f.Epoch
	case f.T == "ping":
		say(`{"t":"pong"}`)
	case r == nil:
	case f.T == "joined":
		if f.Reset {
			r.list, r.last = nil, 0
		}
	case f.T == "ack" && len(r.unsent) > 0 && r.unsent[0] == f.CID:
		r.unsent, r.underWay = r.unsent[1:], false
	case f.T == "nack":
		r.underWay = false
	case f.T == "msg":
		c.takeMessage(r, f, say)
	case f.T == "page" && r.last == 0:
		for i := range f.Msgs {
			f.Msgs[i].Room = f.Room
			c.takeMessage(r, &f.Msgs[i], say)
		}
		say(`{"t":"join","room":%q,"last":%d,"epoch":%q}`, f.Room, r.last, c.epoch)
	}
}

func (c *modelClient) takeMessage(r *modelRoom, f *frame, say func(string, ...any)) {
	if f.ID <= r.last {
		return
	}
	// The line of this test loses frames of a replay as well, which a real one
	// does not: so the chain is held throughout.
	if f.Prev != r.last && r.last == 0 { // it begins with the newest page: the rest is history
		say(`{"t":"history","room":%q,"before":%d}`, f.Room, f.ID)
		return
	}
	if f.Prev != r.last {
		say(`{"t":"join","room":%q,"last":%d,"epoch":%q}`, f.Room, r.last, c.epoch)
		return
	}
	r.list, r.last = append(r.list, f.ID), f.ID
}

// write thinks of messages, and sends what is not under way.
func (c *modelClient) write(say func(string, ...any)) {
	if c.pauses && c.rng.IntN(2) == 0 {
		return
	}
	for name, r := range c.rooms {
		if c.toSend > 0 && c.rng.IntN(4) == 0 {
			c.made++
			c.toSend--
			cid := fmt.Sprintf("c-%d", c.made)
			r.unsent, r.sent = append(r.unsent, cid), append(r.sent, cid)
		}
		if len(r.unsent) > 0 && !r.underWay {
			r.underWay = true
			say(`{"t":"send","room":%q,"cid":%q,"body":{"type":"text","text":"hello from %s"}}`, name, r.unsent[0], c.user)
		}
	}
}
