package chatload

import (
	"context"
	"strings"
	"testing"
)

// TestMemberFollowsItsRoom holds what makes a measurement fail.
func TestMemberFollowsItsRoom(t *testing.T) {
	const (
		first  = `{"t":"msg","room":"r","id":7,"prev":0,"cid":"1","body":{}}`
		second = `{"t":"msg","room":"r","id":9,"prev":7,"cid":"2","body":{"text":"\"id\":3,\"prev\":4"}}`
		third  = `{"t":"msg","room":"r","id":12,"prev":9,"cid":"3","body":{}}`
	)
	for _, tc := range []struct {
		name  string
		lines []string
		want  string // in the error, "" for none
	}{
		{"in order", []string{first, second, third}, ""},
		{"one missing", []string{first, third}, "message 12 with previous 9 came after 7"},
		{"one twice", []string{first, second, second}, "message 9 with previous 7 came after 9"},
		{"out of order", []string{second, first}, "came after 9"},
		{"no numbers", []string{`{"t":"msg","room":"r"}`}, "message -1"},
		{"kind not first", []string{`{"room":"r","t":"msg"}`}, "unexpected line"},
		{"acks in order", []string{`{"t":"ack","cid":"1","room":"r","id":7}`, `{"t":"ack","cid":"2","room":"r","id":9}`}, ""},
		{"ack twice", []string{`{"t":"ack","cid":"1","room":"r","id":7}`, `{"t":"ack","cid":"1","room":"r","id":7}`}, "ack of 7 came after 7"},
		{"refused", []string{`{"t":"nack","cid":"1","room":"r","code":"rate","text":"too fast"}`}, "rate: too fast"},
		{"reset", []string{`{"t":"joined","room":"r","reset":true}`}, "reset"},
		{"others", []string{`{"t":"presence","room":"r","count":3}`, `{"t":"joined","room":"r"}`, ""}, ""},
		{"not JSON", []string{"hello"}, "invalid character"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCrowd(context.Background(), []Client{{Room: "r"}}, 1)
			m := c.members[0]
			m.skipped, m.counts = true, true
			var err error
			for _, line := range tc.lines {
				if err == nil {
					err = m.take([]byte(line))
				}
			}
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestCheckComparesWithWhatWasSent: a member that got nothing follows its room as
// well.
func TestCheckComparesWithWhatWasSent(t *testing.T) {
	c := newCrowd(context.Background(), []Client{{Room: "r"}, {Room: "r"}}, 1)
	sender, other := c.members[0], c.members[1]
	sender.skipped, sender.counts = true, true
	for _, line := range []string{`{"t":"msg","room":"r","id":7,"prev":0,"cid":"1"}`, `{"t":"ack","cid":"1","room":"r","id":7}`} {
		if err := sender.take([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.check(); err == nil || !strings.Contains(err.Error(), "client 1 has 0 messages") {
		t.Errorf("got %v", err)
	}
	other.last, other.got = 7, 1
	if err := c.check(); err != nil {
		t.Error(err)
	}
}
