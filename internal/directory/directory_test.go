package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// town is a directory on a real store that asks a simulated LINE.
type town struct {
	t   *testing.T
	sim *linesim.Simulator
	eng *engine.Engine
	d   *Directory
	// hold, if set, is called before LINE answers.
	hold atomic.Pointer[func()]
}

func newTown(t *testing.T, age time.Duration) *town {
	t.Helper()
	w := &town{t: t}
	var err error
	if w.sim, err = linesim.New(linesim.Config{}); err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if hold := w.hold.Load(); hold != nil {
			(*hold)()
		}
		w.sim.ServeHTTP(rw, r)
	}))
	client, err := line.NewClient(line.Config{BaseURL: api.URL + "/sim/line", Token: line.FixedToken(w.sim.ChannelAccessToken())})
	if err != nil {
		t.Fatal(err)
	}
	if w.eng, err = engine.Open(t.Context(), engine.Config{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	w.d = New(Config{
		Bucket: w.eng.Directory, Clients: map[string]*line.Client{"main": client},
		ProfileAge: age, Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() {
		client.CloseIdleConnections()
		api.Close()
		if err := errors.Join(w.eng.Close(), w.sim.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return w
}

// again is a directory on the same store that remembers nothing.
func (w *town) again() *Directory { return New(w.d.cfg) }

func (w *town) person(language string, stranger bool) string {
	w.t.Helper()
	u, err := w.sim.AddUser(linesim.NewUser{DisplayName: "花子", Language: language, Stranger: stranger})
	if err != nil {
		w.t.Fatal(err)
	}
	return u.UserID
}

// asked is how often LINE was asked for profiles.
func (w *town) asked() (n int) {
	for _, endpoint := range linesim.Endpoints() {
		if strings.Contains(endpoint, "rofile") || strings.Contains(endpoint, "member") {
			n += len(w.sim.Calls(linesim.CallQuery{Endpoint: endpoint}))
		}
	}
	return n
}

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// event is an event of a user at a second after noon.
func event(typ, user string, second int) *frontdesk.Event {
	ev := &frontdesk.Event{
		Type: typ, Channel: "main", Conversation: user, Timestamp: noon.Add(time.Duration(second) * time.Second),
		Source: frontdesk.Source{Type: "user", UserID: user},
	}
	if typ == frontdesk.TypeFollow {
		ev.Follow = &frontdesk.Follow{}
	}
	return ev
}

func unblocked(ev *frontdesk.Event) *frontdesk.Event {
	ev.Follow.IsUnblocked = true
	return ev
}

func (w *town) note(events ...*frontdesk.Event) {
	w.t.Helper()
	for _, ev := range events {
		if err := w.d.Note(w.t.Context(), ev); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestFollowStates(t *testing.T) {
	const u = "U00000000000000000000000000000001"
	const follow, unfollow, message = frontdesk.TypeFollow, frontdesk.TypeUnfollow, frontdesk.TypeMessage
	w := newTown(t, 0)
	for i, tc := range []struct {
		name      string
		events    []*frontdesk.Event
		state     string
		since     int
		unblocked bool
	}{
		{"follow", []*frontdesk.Event{event(follow, u, 1)}, StateFriend, 1, false},
		{"follow, twice told", []*frontdesk.Event{event(follow, u, 1), event(follow, u, 1)}, StateFriend, 1, false},
		{"unfollow", []*frontdesk.Event{event(follow, u, 1), event(unfollow, u, 2)}, StateBlocked, 2, false},
		{"unfollow of an unknown user", []*frontdesk.Event{event(unfollow, u, 2)}, StateBlocked, 2, false},
		{"follow again", []*frontdesk.Event{event(follow, u, 1), event(unfollow, u, 2), unblocked(event(follow, u, 3))}, StateFriend, 3, true},
		{"and block again", []*frontdesk.Event{unblocked(event(follow, u, 3)), event(unfollow, u, 4)}, StateBlocked, 4, false},
		{"unfollow comes before an older follow", []*frontdesk.Event{event(unfollow, u, 2), event(follow, u, 1)}, StateBlocked, 2, false},
		{"follow comes before an older unfollow", []*frontdesk.Event{unblocked(event(follow, u, 3)), event(unfollow, u, 2)}, StateFriend, 3, true},
		{"all the wrong way round", []*frontdesk.Event{unblocked(event(follow, u, 3)), event(unfollow, u, 2), event(follow, u, 1)}, StateFriend, 3, true},
		{"a message of an unknown user", []*frontdesk.Event{event(message, u, 5)}, StateSeen, 5, false},
		{"a message of a friend", []*frontdesk.Event{event(follow, u, 1), event(message, u, 5)}, StateFriend, 1, false},
		{"a message, then an older follow that was late", []*frontdesk.Event{event(message, u, 5), event(follow, u, 1)}, StateFriend, 1, false},
		{"a message, then an older unfollow that was late", []*frontdesk.Event{event(message, u, 5), event(unfollow, u, 1)}, StateSeen, 5, false},
		{"postback of an unknown user", []*frontdesk.Event{event(frontdesk.TypePostback, u, 5)}, StateSeen, 5, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id := fmt.Sprintf("U%032x", i)
			for _, ev := range tc.events {
				copied := *ev
				copied.Source.UserID, copied.Conversation = id, id
				w.note(&copied)
			}
			for name, d := range map[string]*Directory{"memory": w.d, "store": w.again()} {
				got, err := d.User(t.Context(), "main", id)
				if err != nil {
					t.Fatal(err)
				}
				if want := noon.Add(time.Duration(tc.since) * time.Second); got.State != tc.state || !got.Since.Equal(want) || got.IsUnblocked != tc.unblocked {
					t.Errorf("in %s: %s since %v, unblocked %v, want %s since %v, %v", name, got.State, got.Since, got.IsUnblocked, tc.state, want, tc.unblocked)
				}
			}
		})
	}
}

func TestProfileIsFetchedOnceAndKept(t *testing.T) {
	w := newTown(t, time.Hour)
	u := w.person("ja", false)
	w.note(event(frontdesk.TypeFollow, u, 1))
	source := frontdesk.Source{Type: "user", UserID: u}
	for range 3 {
		got, err := w.d.Profile(t.Context(), "main", source, u)
		if err != nil || got.DisplayName != "花子" || got.Language != "ja" || got.UserID != u {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if _, err := w.again().Profile(t.Context(), "main", source, u); err != nil {
		t.Fatal(err)
	}
	if got := w.asked(); got != 1 {
		t.Errorf("LINE was asked %d times, want once", got)
	}
	got, err := w.d.User(t.Context(), "main", u)
	if err != nil || got.State != StateFriend {
		t.Errorf("the profile changed the state: %+v, %v", got, err)
	}
}

func TestProfileAges(t *testing.T) {
	w := newTown(t, time.Nanosecond) // every profile is too old at once
	u := w.person("en", false)
	source := frontdesk.Source{Type: "user", UserID: u}
	for range 2 {
		if _, err := w.d.Profile(t.Context(), "main", source, u); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.asked(); got != 2 {
		t.Errorf("LINE was asked %d times, want twice", got)
	}

	for _, status := range []int{500, 429, 401} { // LINE fails: the old one is better than none
		err := w.sim.SetFaults(linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{"*": {ErrorShare: 1, Status: status}}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.d.Profile(t.Context(), "main", source, u)
		if err != nil || got.DisplayName != "花子" {
			t.Errorf("status %d: got %+v, %v, want the old profile", status, got, err)
		}
	}
	other := w.person("en", false) // and none is an error, not "no profile"
	if _, err := w.d.Profile(t.Context(), "main", frontdesk.Source{Type: "user", UserID: other}, other); err == nil || errors.Is(err, frontdesk.ErrNoProfile) {
		t.Errorf("got %v, want LINE's failure", err)
	}
}

func TestNoProfileIsRemembered(t *testing.T) {
	w := newTown(t, time.Hour)
	u := w.person("ja", true)
	source := frontdesk.Source{Type: "user", UserID: u}
	for range 3 {
		if _, err := w.d.Profile(t.Context(), "main", source, u); !errors.Is(err, frontdesk.ErrNoProfile) {
			t.Fatalf("got %v, want ErrNoProfile", err)
		}
	}
	if got := w.asked(); got != 1 {
		t.Errorf("LINE was asked %d times, want once", got)
	}
	if _, err := w.sim.Follow(u); err != nil { // what it did not tell of a stranger it tells of a friend
		t.Fatal(err)
	}
	w.note(event(frontdesk.TypeFollow, u, 1))
	if got, err := w.d.Profile(t.Context(), "main", source, u); err != nil || got.DisplayName != "花子" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestUnfollowErasesTheProfile(t *testing.T) {
	w := newTown(t, time.Hour)
	u := w.person("ja", false)
	w.note(event(frontdesk.TypeFollow, u, 1))
	source := frontdesk.Source{Type: "user", UserID: u}
	if _, err := w.d.Profile(t.Context(), "main", source, u); err != nil {
		t.Fatal(err)
	}
	if _, err := w.sim.Unfollow(u); err != nil {
		t.Fatal(err)
	}
	w.note(event(frontdesk.TypeUnfollow, u, 2))
	data, _, err := w.eng.Directory.Get(t.Context(), userKey("main", u))
	if err != nil || strings.Contains(string(data), "花子") {
		t.Errorf("the store still holds %s, %v", data, err)
	}
	if _, err := w.d.Profile(t.Context(), "main", source, u); !errors.Is(err, frontdesk.ErrNoProfile) {
		t.Errorf("got %v, want ErrNoProfile", err)
	}
	for _, d := range []*Directory{w.d, w.again()} {
		got, err := d.User(t.Context(), "main", u)
		if err != nil || got.Profile != nil || got.State != StateBlocked {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

// The profile is on its way from LINE when the user blocks the bot: it must not
// be kept, and the user is no friend again.
// That a timer is due says nothing of its user: one who has blocked the bot, or was
// forgotten, stays so.
func TestTimersAreNotNoted(t *testing.T) {
	w := newTown(t, time.Hour)
	ev := &frontdesk.Event{
		Type: frontdesk.TypeTimer, Channel: "main", Conversation: "U1", Timestamp: time.Now(),
		Source: frontdesk.Source{Type: "user", UserID: "U1"},
	}
	if err := w.d.Note(t.Context(), ev); err != nil {
		t.Fatal(err)
	}
	if u, err := w.d.User(t.Context(), "main", "U1"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("got %+v, %v", u, err)
	}
}

func TestUnfollowWhileAProfileIsFetched(t *testing.T) {
	w := newTown(t, time.Hour)
	u := w.person("ja", false)
	g, err := w.sim.AddGroup(linesim.NewGroup{Members: []string{u}})
	if err != nil {
		t.Fatal(err)
	}
	w.note(event(frontdesk.TypeFollow, u, 1))
	asked, release := make(chan struct{}), make(chan struct{})
	hold := func() { close(asked); <-release }
	w.hold.Store(&hold)
	var wg sync.WaitGroup
	wg.Go(func() {
		got, err := w.d.Profile(t.Context(), "main", frontdesk.Source{Type: "group", GroupID: g.GroupID, UserID: u}, u)
		if err != nil || got.DisplayName != "花子" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	<-asked
	w.note(event(frontdesk.TypeUnfollow, u, 2))
	close(release)
	wg.Wait()
	for name, d := range map[string]*Directory{"memory": w.d, "store": w.again()} {
		got, err := d.User(t.Context(), "main", u)
		if err != nil || got.State != StateBlocked || got.Profile != nil {
			t.Errorf("in %s: got %+v, %v, want blocked without a profile", name, got, err)
		}
	}
}

// Readers, writers and fetches of one user at once leave the same record in
// memory and in the store.
func TestMemoryAgreesWithTheStore(t *testing.T) {
	w := newTown(t, time.Nanosecond)
	u := w.person("ja", false)
	source := frontdesk.Source{Type: "user", UserID: u}
	for round := range 20 {
		w.d.mu.Lock()
		clear(w.d.cached)
		w.d.mu.Unlock()
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				if _, err := w.d.User(t.Context(), "main", u); err != nil && !errors.Is(err, engine.ErrNotFound) {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if _, err := w.d.Profile(t.Context(), "main", source, u); err != nil && !errors.Is(err, frontdesk.ErrNoProfile) {
					t.Error(err)
				}
			})
			wg.Go(func() {
				typ := []string{frontdesk.TypeFollow, frontdesk.TypeUnfollow}[i%2]
				if err := w.d.Note(t.Context(), event(typ, u, round*10+i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		inMemory, err := w.d.User(t.Context(), "main", u)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := w.again().User(t.Context(), "main", u)
		if err != nil {
			t.Fatal(err)
		}
		// Through JSON, which drops what the clock adds.
		a, _ := json.Marshal(inMemory)
		b, _ := json.Marshal(stored)
		if string(a) != string(b) {
			t.Fatalf("round %d: memory and store differ:\n%s\n%s", round, a, b)
		}
		if inMemory.State != StateBlocked || inMemory.Profile != nil {
			t.Fatalf("round %d: got %s, want blocked without a profile", round, a)
		}
	}
}

func TestGroupMemberKeepsLanguage(t *testing.T) {
	w := newTown(t, time.Nanosecond)
	u := w.person("ja", false)
	g, err := w.sim.AddGroup(linesim.NewGroup{Members: []string{u}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.sim.AddGroup(linesim.NewGroup{GroupID: "R" + strings.Repeat("0", 32), Members: []string{u}})
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []frontdesk.Source{
		{Type: "user", UserID: u}, {Type: "group", GroupID: g.GroupID, UserID: u}, {Type: "room", RoomID: r.GroupID, UserID: u},
	} {
		got, err := w.d.Profile(t.Context(), "main", source, u)
		if err != nil || got.DisplayName != "花子" || got.Language != "ja" {
			t.Errorf("%s: got %+v, %v, want the language kept", source.Type, got, err)
		}
	}
	stranger := w.person("ja", true) // is not in the group
	if _, err := w.d.Profile(t.Context(), "main", frontdesk.Source{Type: "group", GroupID: g.GroupID, UserID: stranger}, stranger); !errors.Is(err, frontdesk.ErrNoProfile) {
		t.Errorf("got %v, want ErrNoProfile", err)
	}
	if _, err := w.d.Profile(t.Context(), "former", frontdesk.Source{Type: "user", UserID: u}, u); err == nil {
		t.Error("a profile of a channel that is not configured")
	}
}

func TestProfileIsAskedForOnceByMany(t *testing.T) {
	w := newTown(t, time.Hour)
	u := w.person("ja", false)
	release := make(chan struct{})
	hold := func() { <-release }
	w.hold.Store(&hold)
	gone, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var started atomic.Int64
	for i := range 50 {
		wg.Go(func() {
			ctx := t.Context()
			if i == 0 {
				ctx = gone
			}
			started.Add(1)
			got, err := w.d.Profile(ctx, "main", frontdesk.Source{Type: "user", UserID: u}, u)
			if i == 0 && errors.Is(err, context.Canceled) {
				return
			}
			if err != nil || got.DisplayName != "花子" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	for started.Load() < 50 {
		<-time.After(time.Millisecond)
	}
	cancel() // whoever asked first may be gone: the others wait for the same answer
	close(release)
	wg.Wait()
	if got := w.asked(); got > 2 {
		t.Errorf("LINE was asked %d times by 50 at once", got)
	}
}

// Who cannot wait for LINE goes without; the answer is kept for the next.
func TestProfileWithinATime(t *testing.T) {
	w := newTown(t, time.Hour)
	user := w.person("ja", false)
	source := frontdesk.Source{Type: "user", UserID: user}
	release := make(chan struct{})
	hold := func() { <-release }
	w.hold.Store(&hold)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := w.d.Profile(ctx, "main", source, user); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that the time is over", err)
	}
	close(release)
	got, err := w.d.Profile(t.Context(), "main", source, user)
	if err != nil || got.DisplayName != "花子" || w.asked() != 1 {
		t.Errorf("got %+v, %v; LINE was asked %d times", got, err, w.asked())
	}
}
