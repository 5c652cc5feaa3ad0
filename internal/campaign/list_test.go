package campaign

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	aki  = "U0123456789abcdef0123456789abcdef"
	hana = "Ufedcba9876543210fedcba9876543210"
)

func TestReadList(t *testing.T) {
	other := func(first string) string { return first + aki[1:] }
	for _, tc := range []struct {
		name, list string
		want       []string
		fault      string // in the error
	}{
		{"empty", "", nil, ""},
		{"one", aki, []string{aki}, ""},
		{"two", aki + "\n" + hana + "\n", []string{aki, hana}, ""},
		{"lines of Windows", aki + "\r\n" + hana + "\r\n", []string{aki, hana}, ""},
		{"byte order mark", "\ufeff" + aki, []string{aki}, ""},
		{"comments and empty lines", "# friends\n\n  " + aki + "\t# Aki\n#" + hana + "\n \t\n", []string{aki}, ""},
		{"twice", aki + "\n" + aki, []string{aki, aki}, ""},
		{"a word", "hello", nil, `line 1: "hello" is no user ID`},
		{"upper case", strings.ToUpper(aki), nil, "line 1"},
		{"too short", aki[:32], nil, "line 1"},
		{"too long", aki + "0", nil, "line 1"},
		{"two in a line", aki + "," + hana, nil, "line 1"},
		{"a group", aki + "\n" + other("C"), nil, "line 2: is a group ID"},
		{"a room", "\n\n" + other("R"), nil, "line 3: is a room ID"},
		{"control characters", "U\x1b[2J\x00", nil, `line 1: "U\x1b[2J\x00" is no`},
		{"not UTF-8", "\xff\xfe", nil, `"\xff\xfe"`},
		{"a long word", strings.Repeat("あ", 200), nil, "…\" is no user ID"},
		{"a line without end", aki + "\n" + strings.Repeat("a", 2000), nil, "line 2 of the list is longer than 1024 bytes"},
		{"several", "a\n" + aki + "\nb\n", nil, "faulty lines in the list of users: 2\n  line 1: \"a\" is no user ID, which is U and 32 hexadecimal digits in lower case\n  line 3: \"b\""},
		{"many", strings.Repeat("x\n", 15), nil, "line 10: \"x\" is no user ID, which is U and 32 hexadecimal digits in lower case\n  and 5 more"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			err := readList(strings.NewReader(tc.list), func(u userID) error {
				got = append(got, u.String())
				return nil
			})
			if tc.fault != "" {
				if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tc.fault) {
					t.Errorf("got error %v, want %q", err, tc.fault)
				}
				return
			}
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("got %v, %v; want %v", got, err, tc.want)
			}
		})
	}
	stop := errors.New("enough")
	n := 0
	if err := readList(strings.NewReader(aki+"\n"+hana), func(userID) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("stopped reading: got error %v after %d users", err, n)
	}
}

// Whatever a list holds, only user IDs come out of it, and they come out of their
// chunks as they went in.
func FuzzReadList(f *testing.F) {
	f.Add("")
	f.Add(aki + "\n# x\n" + hana)
	f.Add("\ufeff\r\n" + aki + " #\r" + hana)
	f.Add(strings.Repeat("U", 3000))
	f.Fuzz(func(t *testing.T, text string) {
		var users []userID
		err := readList(strings.NewReader(text), func(u userID) error {
			users = append(users, u)
			return nil
		})
		if err != nil {
			if !errors.Is(err, ErrInvalid) || len(err.Error()) > 4000 {
				t.Errorf("got error %v", err)
			}
			return
		}
		if len(users) > strings.Count(text, "U") {
			t.Errorf("%d users in %q", len(users), text)
		}
		for some := range slices.Chunk(users, 500) {
			sends, err := sendsOf(packUsers(some), nil)
			if err != nil || len(sends) != 1 || receivers(sends[0]) != len(some) {
				t.Fatalf("%d users came back as %v, %v", len(some), sends, err)
			}
			for i, id := range append(sends[0].Users, sends[0].To)[:len(some)] {
				if id != some[i].String() || idKind(id) != 'U' || !strings.Contains(text, id) {
					t.Errorf("user %q came back as %q", some[i], id)
				}
			}
		}
	})
}

func TestDamagedChunks(t *testing.T) {
	list := func(n int) string {
		data, err := json.Marshal(strangers(n))
		if err != nil {
			t.Fatal(err)
		}
		return "\x02" + string(data)
	}
	for name, packed := range map[string]string{
		"empty": "", "no users": "\x01", "half a user": "\x01abc", "too many users": "\x01" + strings.Repeat("0123456789abcdef", 501),
		"form to come": "\x03abc", "no JSON": "\x02x", "empty list": "\x02[]", "too many singles": list(501),
	} {
		if sends, err := sendsOf([]byte(packed), nil); !errors.Is(err, errChunk) {
			t.Errorf("%s: got %v, %v", name, sends, err)
		}
	}
}

// The stored forms and the names of entries, of which retry keys are made, stay.
func TestStoredForms(t *testing.T) {
	u, _ := parseUser(aki)
	if got := string(packUsers([]userID{u})); got != "\x01\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef" {
		t.Errorf("packed users: %q", got)
	}
	if got, err := packSingles([]string{"C1", "R2"}); err != nil || string(got) != "\x02[\"C1\",\"R2\"]" {
		t.Errorf("packed singles: %q, %v", got, err)
	}
	var rec record
	stored := `{"id":"a","channel":"main","audience":"users","digest":"x","users":700,"duplicates":2,"chunks":2,"state":"paused","reason":"r",
		"created":"2026-07-01T00:00:00Z","next":2,"open":[1],"sent":500,"failed":0,"position":65536}`
	if err := json.Unmarshal([]byte(stored), &rec); err != nil {
		t.Fatal(err)
	}
	if c := newCampaign(rec); c.Sent != 500 || c.open[1].pos != 65536 || c.view().CallsDone != 1 {
		t.Errorf("a record of before is read as %+v", c.view())
	}
	if got := rec.entryID(12); got != "main/campaign/a.mr1b6yo0/12" {
		t.Errorf("entry %q", got)
	}
}

func TestParseEntryID(t *testing.T) {
	for _, tc := range []struct {
		entry, key string
		n          int
		ok         bool
	}{
		{"main/campaign/sale.x1/0", "sale.x1", 0, true},
		{"main/campaign/sale.x1/12", "sale.x1", 12, true},
		{"main/01HXYZ", "", 0, false},
		{"main/campaign/sale.x1", "", 0, false},
		{"main/campaign/sale.x1/", "", 0, false},
		{"main/campaign/sale.x1/x", "", 0, false},
		{"main/campaign/sale.x1/-1", "", 0, false},
		{"main/campaign/sale.x1/01", "", 0, false},
		{"main/campaign/sale.x1/1~5", "", 0, false}, // a retried dead letter
		{"main/campaign/sale.x1/1#0.0~5", "", 0, false},
		{"", "", 0, false},
	} {
		key, n, ok := parseEntryID(tc.entry)
		if key != tc.key || n != tc.n || ok != tc.ok {
			t.Errorf("%q: got %q, %d, %v", tc.entry, key, n, ok)
		}
	}
}

// What the log tells of chunks, by its notes.
func TestTracer(t *testing.T) {
	users, single := strangers(3), "C"+strings.Repeat("0", 32)
	id := func(entry string, send, call int) engine.CallID {
		return engine.CallID{Entry: "main/" + entry, Send: send, Call: call}
	}
	many := &engine.Entry{ID: "main/campaign/sale.x1/0", Sends: []engine.Send{{Users: users}}}
	singles := &engine.Entry{ID: "main/campaign/sale.x1/0", Sends: []engine.Send{{To: single}, {To: single}}}
	sent := func(id engine.CallID) *engine.Settled {
		return &engine.Settled{CallID: id, Outcome: engine.OutcomeSent, Last: true}
	}
	dead := func(id engine.CallID) *engine.Settled {
		return &engine.Settled{CallID: id, Outcome: engine.OutcomeDead}
	}
	refused := &engine.Settled{CallID: id("campaign/sale.x1/0", 0, 0), Outcome: engine.OutcomeRefused, Way: "multicast"}
	const sale = "campaign/sale.x1/0"
	for _, tc := range []struct {
		name   string
		log    []any
		failed int
		over   bool
	}{
		{"entry", []any{many}, 0, false},
		{"sent", []any{many, &engine.Tried{CallID: id(sale, 0, 0)}, sent(id(sale, 0, 0))}, 0, true},
		{"dead", []any{many, dead(id(sale, 0, 0))}, 3, true},
		{"refused", []any{many, refused}, 0, false},
		{"divided, one is left", []any{many, refused, sent(id(sale, 0, 1)), dead(id(sale, 0, 2))}, 1, false},
		{"divided", []any{many, refused, sent(id(sale, 0, 1)), dead(id(sale, 0, 2)), sent(id(sale, 0, 3))}, 1, true},
		{"stored twice", []any{many, sent(id(sale, 0, 0)), many}, 0, true},
		{"singles", []any{singles, sent(id(sale, 0, 0)), dead(id(sale, 1, 0))}, 1, true},
		{"a single is left", []any{singles, dead(id(sale, 1, 0))}, 1, false},
		{"in the call of another", []any{singles, sent(id(sale, 0, 0)),
			&engine.Tried{CallID: id("01H", 0, 0), With: []engine.CallID{id(sale, 1, 0)}}, dead(id("01H", 0, 0))}, 1, true},
		{"in a call with another", []any{singles,
			&engine.Tried{CallID: id(sale, 0, 0), With: []engine.CallID{id("01H", 0, 0), id(sale, 1, 0)}}, sent(id(sale, 0, 0))}, 0, true},
		{"in the call of another that was refused", []any{singles, sent(id(sale, 0, 0)),
			&engine.Tried{CallID: id("01H", 0, 0), With: []engine.CallID{id(sale, 1, 0)}},
			&engine.Settled{CallID: id("01H", 0, 0), Outcome: engine.OutcomeRefused}, dead(id("01H", 0, 0))}, 0, false},
		{"notes of others", []any{many, sent(id("campaign/sale.x0/0", 0, 0)), sent(id("campaign/sale.x1/1", 0, 0)), sent(id(sale, 5, 0)), sent(id(sale, -1, 0))}, 0, false},
		{"not the last call", []any{many, &engine.Settled{CallID: id(sale, 0, 0), Outcome: engine.OutcomeSent}}, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tr := &tracer{campaigns: map[string]map[int]*trace{"sale.x1": {}}, calls: map[engine.CallID][]engine.CallID{}}
			for i, rec := range tc.log {
				data, err := rec.(interface{ AppendBinary([]byte) ([]byte, error) }).AppendBinary(nil)
				if err != nil {
					t.Fatal(err)
				}
				tr.take(engine.Pos(i+1), data)
			}
			tr.take(99, []byte("E{ /campaign/"))
			one := tr.campaigns["sale.x1"][0]
			failed, over := one.failed()
			if failed != tc.failed || over != tc.over || one.pos != 1 {
				t.Errorf("got %d failed, over %v, at %v; want %d, %v", failed, over, one.pos, tc.failed, tc.over)
			}
			if len(tr.calls) > 0 {
				t.Errorf("calls are kept that are over: %v", tr.calls)
			}
		})
	}
	if diff := cmp.Diff(2, (&trace{sends: []int{1, 1}}).users()); diff != "" {
		t.Error(diff)
	}
}
