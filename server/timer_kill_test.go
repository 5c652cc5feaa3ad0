package server_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// timerKillsEnv is how often TestTimersThroughKills kills, and timerUsersEnv how
// many users set a hundred timers each.
const (
	timerKillsEnv = "FRONTDESK_TIMER_KILLS"
	timerUsersEnv = "FRONTDESK_TIMER_USERS"
)

func fromEnv(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestTimersThroughKills kills the server again and again while timers are due.
// Each fires once, none early.
func TestTimersThroughKills(t *testing.T) {
	t.Parallel()
	const each = 100
	kills, users := fromEnv(t, timerKillsEnv, 4), fromEnv(t, timerUsersEnv, 8)
	life := func() time.Duration { return 300*time.Millisecond + rand.N(700*time.Millisecond) } // of a process
	spread := time.Duration(kills) * time.Second
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(sim)
	t.Cleanup(func() {
		sim.Close(context.Background())
		api.Close()
	})
	dir := t.TempDir()
	cfg := childConfig{
		Data: filepath.Join(dir, "data"), API: api.URL + "/sim/line", Secret: sim.ChannelSecret(), Token: sim.ChannelAccessToken(), Timers: true,
	}
	c := startChild(t, cfg, filepath.Join(dir, "log-0"))
	connect(t, sim, c)
	for i := range users {
		if _, err := sim.AddUser(linesim.NewUser{UserID: userID(i), DisplayName: fmt.Sprint("user ", i)}); err != nil {
			t.Fatal(err)
		}
		if _, err := sim.SendText(userID(i), fmt.Sprintf("many %d 2s %v", each, spread)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := sim.WaitIdle(ctx); err != nil { // all webhooks are answered
		t.Fatal(err)
	}
	for i := range kills {
		time.Sleep(life()) // anywhere in its work
		if !c.kill() {
			t.Fatalf("the server ended by itself:\n%s", c.tail())
		}
		c.checkRace(t)
		c = startChild(t, cfg, filepath.Join(dir, fmt.Sprint("log-", i+1)))
	}
	for i := range users {
		ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
		defer cancel()
		if _, err := sim.WaitForMessages(ctx, userID(i), linesim.Query{From: linesim.FromBot}, each); err != nil {
			t.Fatalf("%v\n%s", err, c.tail())
		}
	}
	if err := c.stop(); err != nil { // which sends what it can
		t.Errorf("%v\n%s", err, c.tail())
	}
	c.checkRace(t)
	for i := range users {
		checkFired(t, sim, userID(i), each)
	}
}

// checkFired checks that each of a user's timers has sent one message.
func checkFired(t *testing.T, sim *linesim.Simulator, user string, n int) {
	t.Helper()
	messages, err := sim.Messages(user, linesim.Query{From: linesim.FromBot})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, m := range messages {
		seen[m.Text()]++
	}
	for i := range n {
		text := fmt.Sprintf("fired %d: ", i)
		if seen[text] != 1 {
			t.Errorf("timer %d of %s has fired %d times", i, user, seen[text])
		}
		delete(seen, text)
	}
	for text := range seen {
		t.Errorf("%s was sent %q", user, text)
	}
}
