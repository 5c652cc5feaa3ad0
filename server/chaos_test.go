package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

const (
	seedEnv     = "FRONTDESK_SEED"           // the same events, faults and kills again; they meet by chance
	durationEnv = "FRONTDESK_CHAOS_DURATION" // of the storm; default chaosDuration

	chaosDuration = 6 * time.Second
	// chaosRate is how many events a second there are, on average.
	chaosRate = 300
	// drainLimit bounds what follows the storm: time-outs of calls, pauses
	// between tries.
	drainLimit = 2 * time.Minute
)

// TestChaos kills the server again and again under load, while LINE fails in
// every way that the simulator knows. Then every phone must show what the bot
// answered: every answer to an event that was taken once, in order; and the
// calls must have been within LINE's limits.
func TestChaos(t *testing.T) { prepareChaos(t, chaosDuration).run() }

// prepareChaos returns a run as the environment asks for it.
func prepareChaos(t *testing.T, duration time.Duration) *chaos {
	t.Helper()
	seed := newSeed(t)
	if text := os.Getenv(durationEnv); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", durationEnv, err)
		}
	}
	return newChaos(t, seed, duration)
}

func (c *chaos) run() {
	c.start()
	c.populate()
	c.storm()
	c.judge(c.drain())
}

// newSeed returns the seed that the environment names or a new one, and prints it.
func newSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(seedEnv); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedEnv, err)
		}
	}
	t.Logf("seed %d (%s repeats it)", seed, seedEnv)
	return seed
}

// chaos is one run.
type chaos struct {
	t        *testing.T
	duration time.Duration // of the storm
	world    *world
	sim      *linesim.Simulator
	cfg      childConfig
	child    *child
	dice     *rand.Rand // of kills and weather
	fates    []fate     // while it storms, of the goroutine that types

	starts, kills, changes int
	lowered                []span
	calls                  []linesim.Call
	webhooks               []linesim.Webhook
}

// newChaos returns a run whose server is not started yet.
func newChaos(t *testing.T, seed uint64, duration time.Duration) *chaos {
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(sim)
	t.Cleanup(api.Close)
	t.Cleanup(func() { sim.Close(context.Background()) })
	w := newWorld(seed)
	c := &chaos{t: t, duration: duration, world: w, sim: sim, dice: w.dice("storm", 0), cfg: childConfig{
		Data: filepath.Join(t.TempDir(), "data"), API: api.URL + "/sim/line",
		Secret: sim.ChannelSecret(), Token: sim.ChannelAccessToken(), Seed: seed,
	}}
	t.Cleanup(func() {
		if c.child != nil {
			c.child.kill()
		}
	})
	return c
}

// start starts the server anew.
func (c *chaos) start() {
	c.t.Helper()
	c.starts++
	c.child = startChild(c.t, c.cfg, filepath.Join(c.t.ArtifactDir(), fmt.Sprintf("server-%d.log", c.starts)))
	connect(c.t, c.sim, c.child)
}

// populate adds users and groups, and waits until the server knows them.
func (c *chaos) populate() {
	c.addUsers(chaosUsers)
	for i, members := range c.world.groups {
		if _, err := c.sim.AddGroup(linesim.NewGroup{GroupID: groupID(i), Members: members}); err != nil {
			c.t.Fatal(err)
		}
	}
	c.waitForWebhooks()
}

func (c *chaos) addUsers(n int) {
	for i := range n {
		if _, err := c.sim.AddUser(linesim.NewUser{UserID: userID(i), DisplayName: fmt.Sprint("user ", i)}); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *chaos) waitForWebhooks() {
	ctx, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	if err := c.sim.WaitIdle(ctx); err != nil {
		c.t.Fatal(err)
	}
}

// drain waits until all that was promised is on the phones. Then the server has
// to end in order and start again: what it sends now was sent before. It returns
// what must be on the phones, and what is.
func (c *chaos) drain() (m *model, p *phones) {
	c.waitForWebhooks()
	c.collect()
	m, p = newModel(c.world, c.fates, c.webhooks), newPhones()
	for deadline := time.Now().Add(drainLimit); time.Now().Before(deadline); <-time.After(300 * time.Millisecond) {
		p.read(c.t, c.sim)
		if excused, _ := m.excuse(c.letters()); m.judge(p, excused).lost == 0 {
			break
		}
	}
	c.stop()
	c.start()
	c.stop()
	c.collect()
	p.read(c.t, c.sim)
	return m, p
}

// stop lets the server end in order.
func (c *chaos) stop() {
	if err := c.child.stop(); err != nil {
		c.t.Errorf("the server did not end in order: %v\n%s", err, c.child.tail())
	}
	c.child.checkRace(c.t)
}

// judge compares what there is with what must be, and prints the report.
func (c *chaos) judge(m *model, p *phones) {
	letters := c.letters()
	excused, unexplained := m.excuse(letters)
	v := m.judge(p, excused)
	calls := judgeCalls(c.calls, c.lowered)
	calls.judgeReplies(c.calls, m, p)
	c.t.Log(c.report(m, p, v, calls, len(letters)))
	if v.callsAlone == 0 {
		c.t.Error("no event was answered: nothing was tested")
	}
	if notes := slices.Concat(unexplained, v.notes, calls.notes); len(notes) > 0 {
		c.t.Errorf("against the promises:\n%s", strings.Join(notes, "\n"))
		c.keep()
	}
}

// keep writes the records of a run that failed beside the logs of its server;
// with the flag -artifacts they stay.
func (c *chaos) keep() {
	for name, records := range map[string]any{"calls.json": c.calls, "webhooks.json": c.webhooks} {
		data, err := json.Marshal(records)
		if err == nil {
			err = os.WriteFile(filepath.Join(c.t.ArtifactDir(), name), data, 0o600)
		}
		if err != nil {
			c.t.Error(err)
		}
	}
}
