package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/bots/parrot"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

// openAdmin opens the admin socket of a server.
func openAdmin(t *testing.T, data string) *server.Admin {
	t.Helper()
	admin, err := server.OpenAdmin(t.Context(), server.Config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Close() })
	return admin
}

// transcriptOf waits until the transcript of a user has so many messages.
func transcriptOf(t *testing.T, admin *server.Admin, user string, n int) (list []server.RoomMessage) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		page, err := admin.RoomHistory(t.Context(), "line.main."+user, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if list = page.Messages; len(list) >= n {
			return list
		}
		if time.Now().After(deadline) {
			for _, m := range list {
				t.Logf("%d %s %s", m.ID, m.User, m.Body)
			}
			t.Fatalf("transcript of %s has %d messages, want %d", user, len(list), n)
		}
	}
}

// lineOf shows what a message says and who says it.
func lineOf(from string, message json.RawMessage) string {
	var m struct{ Type, Text, ID, Event, Data string }
	if err := json.Unmarshal(message, &m); err != nil {
		return err.Error()
	}
	return fmt.Sprint(from, " ", m.Type, " ", m.Event, m.Data, m.Text)
}

// phoneOf returns the lines of a user's phone.
func phoneOf(t *testing.T, sim *linesim.Simulator, user string) (lines []string) {
	t.Helper()
	msgs, err := sim.Messages(user, linesim.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range msgs {
		lines = append(lines, lineOf(m.From, m.Message))
	}
	return lines
}

// linesOf returns the lines of a transcript as on a phone, without what a phone
// does not show.
func linesOf(list []server.RoomMessage) (lines []string) {
	for _, m := range list {
		from := linesim.FromUser
		if m.User == "bot" {
			from = linesim.FromBot
		}
		var b struct{ Type string }
		if json.Unmarshal(m.Body, &b) == nil && b.Type != "event" {
			lines = append(lines, lineOf(from, m.Body))
		}
	}
	return lines
}

// A transcript shows what a phone shows, in its order, and what happens besides.
func TestTranscript(t *testing.T) {
	t.Parallel()
	h := newChatHouse(t, parrot.New(), nil)
	admin := openAdmin(t, h.data)
	user := userID(1)
	if _, err := h.sim.AddUser(linesim.NewUser{UserID: user, DisplayName: "Hanako"}); err != nil {
		t.Fatal(err)
	}
	transcriptOf(t, admin, user, 2) // follows, is welcomed
	var secret linesim.Sent
	for i := range 5 {
		sent, err := h.sim.SendText(user, fmt.Sprint("message ", i))
		if err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			secret = sent
		}
		transcriptOf(t, admin, user, 4+2*i)
	}
	list := transcriptOf(t, admin, user, 12)
	if got, want := linesOf(list), phoneOf(t, h.sim, user); !slices.Equal(got, want) {
		t.Errorf("transcript:\n%q\nphone:\n%q", got, want)
	}
	if first, last := list[0], list[10]; string(first.Body) != `{"type":"event","event":"follow"}` || first.User != user || last.Name != "Hanako" {
		t.Errorf("first %+v %s, last %+v", first, first.Body, last)
	}
	if _, err := h.sim.Unsend(user, secret.MessageID); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		list = transcriptOf(t, admin, user, 1)
		if !slices.ContainsFunc(list, func(m server.RoomMessage) bool { return lineOf("user", m.Body) == "user text message 2" }) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the message that was taken back is still there")
		}
	}
	if last := list[len(list)-1]; last.Del == 0 || last.User != user {
		t.Errorf("last: %+v, want one that deletes", last)
	}
	if _, err := admin.Forget(t.Context(), "", user); err != nil {
		t.Fatal(err)
	}
	if page, err := admin.RoomHistory(t.Context(), "line.main."+user, 0, 1000); err != nil || len(page.Messages) > 0 {
		t.Errorf("forgotten: %d messages, %v", len(page.Messages), err)
	}
}

// TestTranscriptKills kills the server again and again while users talk with the
// bot. Then each transcript has what the phone has, once.
func TestTranscriptKills(t *testing.T) {
	t.Parallel()
	const kills, users, sends = 4, 3, 30
	c := newChaos(t, newSeed(t), 0)
	c.cfg.Parrot, c.cfg.Chat = true, server.Chat{Enabled: true}
	c.start()
	redelivery := linesim.WebhookFaults{Redelivery: linesim.Redelivery{Count: 100, IntervalMS: 200}}
	if err := c.sim.SetFaults(linesim.Faults{Webhooks: redelivery}); err != nil {
		t.Fatal(err)
	}
	c.addUsers(users)
	var typing sync.WaitGroup
	dice := c.world.dice("users", 0)
	for user := range users {
		pauses := make([]time.Duration, sends)
		for i := range pauses {
			pauses[i] = time.Duration(dice.Int64N(int64(80 * time.Millisecond)))
		}
		typing.Go(func() {
			for i, pause := range pauses {
				<-time.After(pause)
				if _, err := c.sim.SendText(userID(user), fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range kills {
		<-time.After(time.Duration(c.dice.Int64N(int64(600 * time.Millisecond))))
		c.kill()
	}
	typing.Wait()
	c.waitForWebhooks()
	for user := range users {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if _, err := c.sim.WaitForMessages(ctx, userID(user), linesim.Query{}, 2*sends+1); err != nil {
			t.Error(err)
		}
		cancel()
	}
	c.stop()
	c.start() // what it writes now was written before
	admin := openAdmin(t, c.cfg.Data)
	for user := range users {
		got := linesOf(transcriptOf(t, admin, userID(user), 2*sends+2))
		want := phoneOf(t, c.sim, userID(user))
		bots := func(lines []string) (said []string) {
			for _, l := range lines {
				if l[:len(linesim.FromBot)] == linesim.FromBot {
					said = append(said, l)
				}
			}
			return said
		}
		if got, want := bots(got), bots(want); !slices.Equal(got, want) {
			t.Errorf("the bot's messages of user %d:\n%q\non the phone:\n%q", user, got, want)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("transcript of user %d, sorted:\n%q\nphone:\n%q", user, got, want)
		}
	}
	c.stop()
}
