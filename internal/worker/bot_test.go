package worker

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitWords(t *testing.T) {
	for _, tc := range []struct {
		line string
		want []string
		err  string
	}{
		{"", nil, ""},
		{"  python3\tbot.py  ", []string{"python3", "bot.py"}, ""},
		{`'/opt/my bots/bot' "" ''`, []string{"/opt/my bots/bot", "", ""}, ""},
		{`a"b c"'d e'f`, []string{"ab cd ef"}, ""},
		{`say \"hi\" 'it\'`, []string{"say", `"hi"`, `it\`}, ""},
		{`"a\"b\\" c\ d`, []string{`a"b\`, "c d"}, ""},
		{`$HOME * ~ ; |`, []string{"$HOME", "*", "~", ";", "|"}, ""},
		{`花 '花 子'`, []string{"花", "花 子"}, ""},
		{`'open`, nil, "no partner"},
		{`"open`, nil, "no partner"},
		{`end\`, nil, "stands at the end"},
		{"a\x00b", nil, "NUL"},
	} {
		got, err := splitWords(tc.line)
		if (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%q: got %v, want %q", tc.line, err, tc.err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tc.line, diff)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct{ address, want string }{
		{"exec:sh -c 'cat'", ""},
		{"http://127.0.0.1:3000/events", ""},
		{"https://user:pass@bot.example", ""},
		{"exec:", "needs a command line"},
		{"exec:no-such-program here", `no program "no-such-program" in PATH`},
		{"exec:./bot_test.go", "permission denied"},
		{"exec:./nothing", "no such file"},
		{"exec:'", "no partner"},
		{"http://", "not a URL"},
		{"https://secret@bot.example:port/", "not a URL"},
		{"https://bot.example/#top", "no #"},
		{"ftp://bot.example", "begins with none of"},
	} {
		err := Check(tc.address)
		if (err != nil) != (tc.want != "") || err != nil && (!strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: got %v, want %q", tc.address, err, tc.want)
		}
	}
	if Known("parrot") || Known("line:http://127.0.0.1:3000/callback") || !Known("exec:") || !Known("https://a") {
		t.Error("names and addresses are mixed up")
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 3*readBuffer)
	type line struct {
		Text  string
		Whole bool
	}
	for _, tc := range []struct {
		name, in string
		most     int
		want     []line
	}{
		{"none", "", 10, nil},
		{"three", "a\r\n\nb\n", 10, []line{{"a", true}, {"", true}, {"b", true}}},
		{"without an end", "a\nb", 10, []line{{"a", true}, {"b", false}}},
		{"as long as it may be", "1234567890\na\n", 10, []line{{"1234567890", true}, {"a", true}}},
		{"too long by one", "12345678901\na\n", 10, []line{{"1234567890", false}, {"a", true}}},
		{"far too long", long + "\na\n", 10, []line{{"xxxxxxxxxx", false}, {"a", true}}},
		{"longer than the buffer", long + "\na\n", len(long), []line{{long, true}, {"a", true}}},
		{"longer than the buffer, without an end", long, len(long), []line{{long, false}}},
		{"longer than both", long + "y\n" + long + "\n", len(long), []line{{long, false}, {long, true}}},
	} {
		var got []line
		for l, whole := range lines(strings.NewReader(tc.in), tc.most) {
			got = append(got, line{string(l), whole})
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// FuzzLines holds lines to what splitting at line ends gives.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nbb\r\n\nccc"), 2)
	f.Add(bytes.Repeat([]byte("x"), 200), 100)
	f.Fuzz(func(t *testing.T, in []byte, most int) {
		most = 1 + max(most, -most)%1000
		var got [][]byte
		for l, whole := range lines(bytes.NewReader(in), most) {
			if whole {
				got = append(got, bytes.Clone(l))
			}
		}
		var want [][]byte
		parts := bytes.Split(in, []byte("\n"))
		for _, part := range parts[:len(parts)-1] {
			if len(part) <= most {
				want = append(want, bytes.TrimSuffix(part, []byte("\r")))
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d whole lines, want %d", len(got), len(want))
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("line %d is %q, want %q", i, got[i], want[i])
			}
		}
	})
}

func TestRoom(t *testing.T) {
	r := &room{most: 2}
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 {
		if err := r.enter(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	var order []int
	entered := make(chan int)
	for i := range 3 {
		go func() {
			if err := r.enter(t.Context(), 1); err != nil {
				t.Error(err)
			}
			entered <- i
		}()
		await(t, "the line", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.line.Len() == i+1 })
	}
	cancel()
	if err := r.enter(ctx, 1); err == nil {
		t.Error("there was room for one who had to go")
	}
	for range 3 {
		r.leave(1)
		order = append(order, <-entered)
	}
	if diff := cmp.Diff([]int{0, 1, 2}, order); diff != "" {
		t.Errorf("the order of the line (-want +got):\n%s", diff)
	}
	r.leave(1)
	r.leave(1)
	if r.held() != 0 || r.bytes != 0 {
		t.Errorf("%d events and %d bytes are left", r.held(), r.bytes)
	}
	if err := r.enter(t.Context(), 2*maxRoomBytes); err != nil {
		t.Errorf("one that is too large goes alone: %v", err)
	}
	if r.fits(1) {
		t.Error("it is not alone")
	}
}

func TestTallyIsBounded(t *testing.T) {
	var tl tally
	for i := range maxTally + 100 {
		ev := event("U1", "a")
		ev.ID = string(rune(i)) + "x"
		tl.add(ev)
	}
	if len(tl.counts) > maxTally {
		t.Errorf("%d events are kept", len(tl.counts))
	}
}
