package server_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

// at is a time of these tests, in seconds.
func at(seconds float64) time.Time {
	return time.Unix(1_800_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

// judged is what a verdict says without its notes.
type judged struct{ Lost, Doubled, OutOfOrder, Undecided, Strange int }

// TestChaosJudge shows phones with faults to the judge.
func TestChaosJudge(t *testing.T) {
	const chat, source = "U1", "U2"
	texts := map[string]owed{"0.0": {0, 0}, "0.1": {0, 1}, "1.0": {1, 0}}
	taken := func(from, until float64) fate {
		return fate{id: "e", source: source, taken: true, from: at(from), until: at(until)}
	}
	unanswered := fate{id: "e", source: source, from: at(0)}
	other := fate{id: "e", source: "U3", taken: true, from: at(4), until: at(5)}
	nothing := excuses{}
	for _, tc := range []struct {
		name    string
		fates   [2]fate
		shown   []string
		excused excuses
		want    judged
	}{
		{"all is there", [2]fate{taken(0, 1), taken(2, 3)}, []string{"0.0", "0.1", "1.0"}, nothing, judged{}},
		{"a part is lost", [2]fate{taken(0, 1), taken(2, 3)}, []string{"0.0", "1.0"}, nothing, judged{Lost: 1}},
		{"an answer is lost", [2]fate{taken(0, 1), taken(2, 3)}, []string{"0.0", "0.1"}, nothing, judged{Lost: 1}},
		{"nothing was promised", [2]fate{unanswered, unanswered}, nil, nothing, judged{}},
		{"what was not promised came in part", [2]fate{unanswered, unanswered}, []string{"0.1"}, nothing, judged{Lost: 1}},
		{"doubled", [2]fate{taken(0, 1), taken(2, 3)}, []string{"0.0", "0.1", "1.0", "0.0"}, nothing, judged{Doubled: 1}},
		{"parts changed places", [2]fate{taken(0, 1), taken(2, 3)}, []string{"0.1", "0.0", "1.0"}, nothing, judged{OutOfOrder: 1}},
		{"events changed places", [2]fate{taken(0, 1), taken(2, 3)}, []string{"1.0", "0.0", "0.1"}, nothing, judged{OutOfOrder: 2}},
		{"the order of arrival is not known", [2]fate{taken(0, 3), taken(2, 3)}, []string{"1.0", "0.0", "0.1"}, nothing, judged{}},
		{"the order of other conversations is free", [2]fate{taken(0, 1), other}, []string{"1.0", "0.0", "0.1"}, nothing, judged{}},
		{"nobody sent it", [2]fate{taken(0, 1), taken(2, 3)}, []string{"0.0", "0.1", "1.0", "2.0"}, nothing, judged{Strange: 1}},
		{"undecided", [2]fate{taken(0, 1), taken(2, 3)}, []string{"1.0"}, excuses{texts: map[string]map[string]bool{chat: {"0.0": true, "0.1": true}}}, judged{Undecided: 2}},
		{"a dead event", [2]fate{taken(0, 1), taken(2, 3)}, []string{"1.0"}, excuses{events: map[int]bool{0: true}}, judged{}},
		{"a dead event was answered", [2]fate{taken(0, 1), taken(2, 3)}, []string{"0.0", "1.0"}, excuses{events: map[int]bool{0: true}}, judged{Strange: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := &model{world: &world{}, fates: tc.fates[:], owed: map[string]map[string]owed{chat: texts}}
			s := newShown()
			for _, text := range tc.shown {
				s.add(text, arrival{via: linesim.ViaPush})
			}
			v := m.judge(&phones{views: map[view]*shown{{chat, chat}: s}}, tc.excused)
			if diff := cmp.Diff(tc.want, judged{v.lost, v.doubled, v.outOfOrder, v.undecided, v.strange}); diff != "" {
				t.Errorf("%s\n%v", diff, v.notes)
			}
			if (tc.want == judged{Undecided: tc.want.Undecided}) != (len(v.notes) == 0) {
				t.Errorf("notes %v", v.notes)
			}
		})
	}
}

// TestChaosJudgesCalls shows calls against LINE's rules to the judge.
func TestChaosJudgesCalls(t *testing.T) {
	push := linesim.Call{Endpoint: "push", Status: 200, Messages: 1, Recipients: 1, RetryKey: "k", BodySHA256: "b", At: at(10)}
	reply := linesim.Call{Endpoint: "reply", Status: 200, Messages: 1, ReplyToken: "t", BodySHA256: "b", At: at(10)}
	with := func(c linesim.Call, change func(*linesim.Call)) linesim.Call { change(&c); return c }
	status := func(c linesim.Call, n int) linesim.Call { return with(c, func(c *linesim.Call) { c.Status = n }) }
	lowered := []span{{at(8), at(12)}}
	for _, tc := range []struct {
		name    string
		calls   []linesim.Call
		lowered []span
		broken  int
	}{
		{"well", []linesim.Call{push, reply}, nil, 0},
		{"tried again", []linesim.Call{status(push, 500), status(push, 409), status(reply, 0)}, nil, 0},
		{"another body with a key", []linesim.Call{status(push, 500), with(push, func(c *linesim.Call) { c.BodySHA256 = "c" })}, nil, 1},
		{"composed anew after a 429", []linesim.Call{status(push, 429), with(push, func(c *linesim.Call) { c.BodySHA256 = "c" })}, lowered, 0},
		{"composed anew after a 429 in doubt", []linesim.Call{status(push, 500), status(push, 429), with(push, func(c *linesim.Call) { c.BodySHA256 = "c" })}, lowered, 1},
		{"another endpoint with a key", []linesim.Call{status(push, 500), with(push, func(c *linesim.Call) { c.Endpoint = "multicast" })}, nil, 1},
		{"no key", []linesim.Call{with(push, func(c *linesim.Call) { c.RetryKey = "" })}, nil, 1},
		{"a key on a reply", []linesim.Call{with(reply, func(c *linesim.Call) { c.RetryKey = "k" })}, nil, 1},
		{"a token twice", []linesim.Call{reply, with(status(reply, 0), func(c *linesim.Call) { c.Fault = linesim.FaultAccepted })}, nil, 1},
		{"a token again, in vain", []linesim.Call{with(status(reply, 500), func(c *linesim.Call) { c.Fault = linesim.FaultAccepted }), status(reply, 400)}, nil, 0},
		{"a token that was no good", []linesim.Call{status(reply, 400)}, nil, 1},
		{"refused", []linesim.Call{status(push, 400)}, nil, 1},
		{"cut off while it was written", []linesim.Call{{Endpoint: "push", Status: 400, RetryKey: "k", At: at(10)}}, nil, 0},
		{"no such profile", []linesim.Call{{Endpoint: "profile", Status: 404, At: at(10)}}, nil, 1},
		{"six messages", []linesim.Call{with(push, func(c *linesim.Call) { c.Messages = 6 })}, nil, 1},
		{"too many users", []linesim.Call{with(push, func(c *linesim.Call) { c.Endpoint, c.Recipients = "multicast", 501 })}, nil, 1},
		{"429 at LINE's own rates", []linesim.Call{status(push, 429)}, []span{{at(1), at(2)}}, 1},
		{"429 at lower rates", []linesim.Call{status(push, 429)}, lowered, 0},
		{"429 as a fault", []linesim.Call{with(status(push, 429), func(c *linesim.Call) { c.Fault = linesim.FaultRefused })}, nil, 0},
		{"too many in a second", slices.Repeat([]linesim.Call{{Endpoint: "loading", Status: http.StatusAccepted, At: at(10)}}, 200), nil, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for i := range tc.calls {
				tc.calls[i].Seq = int64(i + 1)
			}
			if r := judgeCalls(tc.calls, tc.lowered); r.broken != tc.broken || len(r.notes) != tc.broken {
				t.Errorf("%d broken, want %d: %v", r.broken, tc.broken, r.notes)
			}
		})
	}
}

// TestChaosJudgesReplies shows the judge an answer that was pushed.
func TestChaosJudgesReplies(t *testing.T) {
	m := newModel(newWorld(1), []fate{{id: "e", token: "t"}}, nil)
	conversation := m.fates[0].source
	for _, tc := range []struct {
		name   string
		status int // of the reply
		via    string
		broken int
	}{
		{"arrived", 200, linesim.ViaReply, 0},
		{"refused, then pushed", 429, linesim.ViaPush, 0},
		{"in doubt, then replied", 500, linesim.ViaReply, 0},
		{"in doubt, then pushed", 500, linesim.ViaPush, 1},
		{"no answer, then by multicast", 0, linesim.ViaMulticast, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newShown()
			s.add(m.firstCall(0)[0], arrival{via: tc.via})
			r := &callReport{}
			r.judgeReplies([]linesim.Call{{Endpoint: "reply", Status: tc.status, ReplyToken: "t"}}, m,
				&phones{views: map[view]*shown{{m.viewers(conversation)[0], conversation}: s}})
			if r.broken != tc.broken {
				t.Errorf("%d broken, want %d: %v", r.broken, tc.broken, r.notes)
			}
		})
	}
}

// TestChaosExcuses shows dead letters to the judge.
func TestChaosExcuses(t *testing.T) {
	m := &model{
		fates:   []fate{{id: "old", from: at(0)}, {id: "young", from: at(58)}},
		numbers: map[string]int{"old": 0, "young": 1},
		unowed:  map[string]bool{"follow": true},
	}
	letter := func(kind, event, reason string, died float64) server.LetterDetail {
		return server.LetterDetail{
			LetterRow: server.LetterRow{Kind: kind, Conversation: "U1", EventID: event, Died: at(died), Reason: reason},
			Content:   []byte(`{"sends":[{"messages":[{"type":"text","text":"of ` + event + `"}]}]}`),
		}
	}
	undecided := undecidedReason + ", and its token no longer tells"
	nothing := excuses{events: map[int]bool{}, texts: map[string]map[string]bool{}}
	for _, tc := range []struct {
		name    string
		letters []server.LetterDetail
		want    excuses
		told    int
	}{
		{"none", nil, nothing, 0},
		{"undecided", []server.LetterDetail{letter("send", "old", undecided, 60)},
			excuses{nothing.events, map[string]map[string]bool{"U1": {"of old": true}}}, 0},
		{"undecided with an older one", []server.LetterDetail{letter("send", "young", undecided, 60.1), letter("send", "old", undecided, 60)},
			excuses{nothing.events, map[string]map[string]bool{"U1": {"of old": true, "of young": true}}}, 0},
		{"undecided too early", []server.LetterDetail{letter("send", "young", undecided, 60)}, nothing, 1},
		{"thrice in the way of a kill", []server.LetterDetail{letter("event", "young", suspectReason, 60)},
			excuses{map[int]bool{1: true}, nothing.texts}, 0},
		{"refused", []server.LetterDetail{letter("send", "old", "LINE refused it", 60)}, nothing, 1},
		{"of an event without an answer", []server.LetterDetail{letter("event", "follow", suspectReason, 60)}, nothing, 0},
		{"of such an event, refused", []server.LetterDetail{letter("event", "follow", "handler failed", 60)}, nothing, 1},
		{"of nobody", []server.LetterDetail{letter("event", "other", suspectReason, 60)}, nothing, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, told := m.excuse(tc.letters)
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(excuses{})); diff != "" || len(told) != tc.told {
				t.Errorf("%s told %v", diff, told)
			}
		})
	}
}
