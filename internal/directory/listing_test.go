package directory

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

func TestGroups(t *testing.T) {
	w := newTown(t, 0)
	in := func(typ, id string, second int) *frontdesk.Event {
		return &frontdesk.Event{
			Type: typ, Channel: "main", Conversation: id, Timestamp: noon.Add(time.Duration(second) * time.Second),
			Source: frontdesk.Source{Type: "group", GroupID: id},
		}
	}
	w.note(in(frontdesk.TypeJoin, "C1", 1), in(frontdesk.TypeJoin, "C2", 1), in(frontdesk.TypeLeave, "C2", 2),
		in(frontdesk.TypeLeave, "C3", 2), in(frontdesk.TypeJoin, "C3", 1), in(frontdesk.TypeMessage, "C4", 1), in(frontdesk.TypeJoin, "", 1))
	for id, joined := range map[string]bool{"C1": true, "C2": false, "C3": false} {
		data, _, err := w.eng.Directory.Get(t.Context(), groupKey("main", id))
		if err != nil {
			t.Fatal(err)
		}
		var g Group
		if err := json.Unmarshal(data, &g); err != nil || g.Joined != joined || g.GroupID != id {
			t.Errorf("%s: got %+v, %v, want joined %v", id, g, err, joined)
		}
	}
	if _, _, err := w.eng.Directory.Get(t.Context(), groupKey("main", "C4")); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("a message made a group: %v", err)
	}
}

func TestForgetAndList(t *testing.T) {
	w := newTown(t, 0)
	for i := range 5 {
		w.note(event(frontdesk.TypeFollow, fmt.Sprint("U", i), i))
	}
	other := event(frontdesk.TypeFollow, "U9", 1)
	other.Channel = "other"
	w.note(other)
	list := func(channel string) (ids []string) {
		err := w.d.Users(t.Context(), channel, func(u User) bool { ids = append(ids, u.Channel+"/"+u.UserID); return true })
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(ids)
		return ids
	}
	if diff := cmp.Diff([]string{"main/U0", "main/U1", "main/U2", "main/U3", "main/U4"}, list("main")); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if got := len(list("*")); got != 6 {
		t.Errorf("%d users of all channels, want 6", got)
	}
	n := 0
	if err := w.d.Users(t.Context(), "main", func(User) bool { n++; return false }); err != nil || n != 1 {
		t.Errorf("%d users after the first was enough, %v", n, err)
	}
	if err := w.d.Forget(t.Context(), "main", "U2"); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*Directory{w.d, w.again()} {
		if _, err := d.User(t.Context(), "main", "U2"); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
		if err := d.Forget(t.Context(), "main", "U2"); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("forget again: got %v, want ErrNotFound", err)
		}
	}
	if got := len(list("main")); got != 4 {
		t.Errorf("%d users are left, want 4", got)
	}
	w.note(event(frontdesk.TypeFollow, "U2", 9)) // who comes back is new
	if u, err := w.d.User(t.Context(), "main", "U2"); err != nil || !u.FirstSeen.Equal(noon.Add(9*time.Second)) {
		t.Errorf("got %+v, %v", u, err)
	}
}

// IDs that are not LINE's, and records that are damaged.
func TestForeignBytes(t *testing.T) {
	w := newTown(t, 0)
	for _, id := range []string{"with space", "a.b.c", "*", ">", "日本", strings.Repeat("x", 300), "=", "U1"} {
		w.note(event(frontdesk.TypeFollow, id, 1))
		if u, err := w.again().User(t.Context(), "main", id); err != nil || u.UserID != id || u.State != StateFriend {
			t.Errorf("%q: got %+v, %v", id, u, err)
		}
		if err := w.d.Forget(t.Context(), "main", id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := w.eng.Directory.Put(t.Context(), userKey("main", "U7"), []byte("{")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.d.User(t.Context(), "main", "U7"); err == nil || !strings.Contains(err.Error(), "user forget") {
		t.Errorf("got %v, want advice", err)
	}
	if err := w.d.Forget(t.Context(), "main", "U7"); err != nil {
		t.Error(err)
	}
	nobody := event(frontdesk.TypeFollow, "", 1)
	w.note(nobody, &frontdesk.Event{Type: "accountLink", Channel: "main"})
}

func TestMemoryIsBounded(t *testing.T) {
	d := New(Config{})
	for i := range maxCached + 1000 {
		d.remember(fmt.Sprint(i), User{})
	}
	if got := len(d.cached); got != maxCached {
		t.Errorf("%d users in memory, want %d", got, maxCached)
	}
	if _, ok := d.recall(fmt.Sprint(maxCached + 999)); !ok {
		t.Error("the last one is not in memory")
	}
}
